"""Weights that a run starts from."""

import dataclasses

from page4d_cli.core.errors import InputError
from page4d_cli.model.checkpoint import read_checkpoint
from page4d_cli.model.compatibility import examine
from page4d_cli.model.network import Page4D
from page4d_cli.model.weights import locate


def load_initial_weights(model: Page4D, name_or_path: str) -> str:
    """Load weights into a network that has random ones; strict, but for a new mask head."""
    checkpoint = read_checkpoint(locate(name_or_path))
    fit = examine(dataclasses.replace(checkpoint, config=model.config))
    mask_head = [name for name in fit.missing if ".spatial_mask_head." in name]
    if fit.unexpected or fit.mismatched or len(fit.missing) > len(mask_head):
        raise InputError(f"init_from: {name_or_path} {fit.problem()}")
    known = {name: t for name, t in checkpoint.tensors.items() if name not in fit.ignored}
    model.load_state_dict(known, strict=False)
    new = f", {len(mask_head)} of the mask head stay random" if mask_head else ""
    left = f", {len(fit.ignored)} of the track head ignored" if fit.ignored else ""
    return f"took {len(known)} tensors from {name_or_path}{new}{left}"
