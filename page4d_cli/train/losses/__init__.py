"""The training objective, a loss a file.

`options.LossOptions` lists the losses, `loss.Loss` says what one is, `objective.compute_losses`
adds them up.

Shapes: B samples, S frames, H W pixels, C channels, G groups of F frames whose pixels share one
mean (`maps.py`).
"""
