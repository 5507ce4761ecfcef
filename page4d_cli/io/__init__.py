"""Files: the run directory, other programs' formats, and writing whole or not at all.

Knows what stands in a file, not where its numbers are from; of our own imports only the core.
"""
