"""`page4d prepare-tum` and `prepare-bonn`: frames with depth and pose out of raw recordings."""
