"""The network: PAGE-4D (arXiv 2510.17568), which is VGGT (arXiv 2503.11651) with a spatial mask.

Shapes: B scenes, S frames, H W pixels, h w patches, P tokens a frame, N tokens, C channels.
"""
