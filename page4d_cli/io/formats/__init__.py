"""Other people's file formats, one a file: arrays in, a file out, and back where possible."""
