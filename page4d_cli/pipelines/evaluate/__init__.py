"""Score predicted depth and cameras on a data set: predict or find predictions, match, compare.

`evaluate.py` is the whole of it; one file for each step beside it.
"""
