"""Data sets that cameras recorded, a file each."""
