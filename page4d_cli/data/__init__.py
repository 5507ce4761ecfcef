"""From bytes to frames: what the inputs name, how they are decoded, and their way to network size.

Runs without torch.
"""
