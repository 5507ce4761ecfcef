"""`page4d refine`: a run in, the same run with better cameras out."""
