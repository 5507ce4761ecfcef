"""Cameras as exact as the pictures allow: features, matches, tracks, and their adjustment.

Starts from a network's cameras and depth. Arrays in, cameras out; `refine/refine.py` puts the steps
together.
"""
