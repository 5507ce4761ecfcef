"""Data sets that were rendered, a file each."""
