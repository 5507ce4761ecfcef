"""Recorded data sets: where sequences lie, a file for what reads each, one type for all."""
