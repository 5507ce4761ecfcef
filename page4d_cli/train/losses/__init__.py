"""The training objective, one concept a file; `objective.compute_losses` puts it together.

Shapes: B samples, S frames, H W pixels, C channels, G groups of F frames whose pixels share one
mean (`maps.py`).
"""
