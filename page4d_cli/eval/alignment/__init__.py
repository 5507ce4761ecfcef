"""Bringing predicted depth to the unit of the ground truth: the fits that papers use."""
