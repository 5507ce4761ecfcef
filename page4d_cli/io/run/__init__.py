"""The run directory: its manifest, its files, how it is written and added to."""
