"""Who writes which format of an export: a function a format, a file for formats of a kind."""
