"""Losses and plain errors on fixed scenes that are not trained on."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from page4d_cli.model.network import Page4D
from page4d_cli.model.pose_encoding import quat_xyzw_to_matrix
from page4d_cli.pipelines.train.targets import targets_of
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.predictions import Predictions


def validate(
    model: Page4D,
    batches: Iterable[Batch],
    loss: LossOptions,
    *,
    mask_strength: float,
    device: torch.device,
) -> dict[str, float]:
    """Average over all scenes, each counting alike.

    Returns:
        Every loss term, and `abs_rel` and `delta_1.25` of the depth after median alignment per
        clip, and `rotation_deg` of the frames after the first against the first. Clips without
        depth do not count towards errors of depth, which are absent if there are no others.
    """
    was_training = model.training
    model.eval()
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}
    with torch.inference_mode():
        for batch in batches:
            here, target = targets_of(batch.to(device))
            outputs = model(here.images, mask_strength=mask_strength)
            losses = compute_losses(Predictions.from_outputs(outputs), here, target, loss)
            terms = {name: float(term) for name, term in losses.terms.items()}
            terms["rotation_deg"] = _rotation_error_deg(outputs["pose_enc"], target)
            scored = [(terms, len(here))]
            scored += [(errors, 1) for errors in _depth_errors(outputs["depth"][..., 0], here)]
            for values, count in scored:
                for name, value in values.items():
                    sums[name] = sums.get(name, 0.0) + value * count
                    counts[name] = counts.get(name, 0) + count
    model.train(was_training)
    return {name: value / counts[name] for name, value in sums.items()}


def _depth_errors(depth: Tensor, batch: Batch) -> Iterator[dict[str, float]]:
    """The errors of each clip that has depth."""
    for predicted, true, valid in zip(depth, batch.depth, batch.usable, strict=True):
        p, g = predicted[valid], true[valid]
        if not len(g):
            continue
        p = p * (g.median() / p.median())
        ratio = torch.maximum(p / g, g / p)
        yield {
            "abs_rel": float(((p - g).abs() / g).mean()),
            "delta_1.25": float((ratio < 1.25).float().mean()),
        }


def _rotation_error_deg(predicted: Tensor, target: Tensor) -> float:
    """Mean angle between predicted and true rotation from the first frame to each later one."""
    if predicted.shape[1] < 2:
        return 0.0
    relative = []
    for encoding in (predicted, target):
        rotation = quat_xyzw_to_matrix(encoding[..., 3:7].double())
        relative.append(rotation[:, 1:] @ rotation[:, :1].mT)
    trace = (relative[0] * relative[1]).sum(dim=(-1, -2))
    return float(torch.rad2deg(torch.arccos(((trace - 1) / 2).clamp(-1, 1))).mean())
