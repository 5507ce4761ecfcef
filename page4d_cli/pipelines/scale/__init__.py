"""Bring the lengths of a run to metres, by something that is known of the scene or the camera.

`source.py` is what was typed; one file each for the ways to measure; `measure.py` does it.
"""
