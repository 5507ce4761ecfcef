"""The pure parts of training: what is drawn, how it is normalised, what is minimised, how fast.

Nothing here reads files, runs the network or keeps state; of our own imports only the core.
"""
