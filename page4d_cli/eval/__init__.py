"""Pure scoring of depth and camera paths: arrays in, numbers out; no files are read or written."""
