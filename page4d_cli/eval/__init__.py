"""Pure scoring of depth and camera paths: arrays in, numbers out; protocols, published numbers."""
