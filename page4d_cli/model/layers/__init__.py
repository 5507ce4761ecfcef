"""Building blocks of the transformers."""
