"""What training minimises: the sum of the losses that are fields of `options.LossOptions`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.loss import Comparison
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.predictions import Predictions

EVERY_FRAME = slice(None)


@dataclass(frozen=True)
class Losses:
    """The objective, what it is made of, and what was left out of it."""

    objective: Tensor
    """Scalar, attached to the graph; finite whatever the predictions are."""
    terms: dict[str, Tensor]
    """Detached scalars: `loss_camera`, `loss_T`, `loss_R`, `loss_FL`, then `loss_conf_…`,
    `loss_reg_…`, `loss_grad_…` of `depth` and `point`, those of further losses, and `objective`.
    Terms carry their inner weights but not that of their loss; heads that were not run have
    none."""
    non_finite_targets: Tensor
    """(B,) int64: NaN or infinite numbers among a sample's supervised targets. They were left out
    of every mean. More than 0 is an error of the data."""
    non_finite_predictions: Tensor
    """(B,) int64: the same of the predictions. More than 0 means that the network has diverged:
    its gradients, unlike the objective, may not be finite."""

    @property
    def is_finite(self) -> Tensor:
        """Scalar bool: nothing was left out, and the objective can be learned from."""
        bad = self.non_finite_predictions.sum() + self.non_finite_targets.sum()
        return (bad == 0) & self.objective.isfinite()


def compute_losses(
    predictions: Predictions,
    batch: Batch,
    target_pose_encoding: Tensor,
    options: LossOptions | None = None,
    *,
    dense_frames: slice = EVERY_FRAME,
    in_metres: Batch | None = None,
) -> Losses:
    """Compare the network's predictions with a normalised batch.

    The objective is the weighted sum of the losses in `LossOptions`; by default 5 · camera
    + 1 · (confidence + regression + gradient of depth) + 1 · (those of points). Never waits for the
    device.

    Args:
        predictions: float32, on the batch's device.
        batch: as `normalise` leaves it.
        target_pose_encoding: (B, S, 9) encoding of the batch's cameras.
        options: weights, filters and quirks; the default ones if None.
        dense_frames: those that the maps of the predictions are of.
        in_metres: the batch before `normalise`, for absolute poses and places.

    Raises:
        ValueError: a prediction has not the shape of its target.
    """
    options = options or LossOptions()
    _require_matching_shapes(predictions, batch, target_pose_encoding, dense_frames)
    given = Comparison(
        predictions, batch, target_pose_encoding, options.quirks, dense_frames, in_metres
    )
    terms: dict[str, Tensor] = {}
    weighted: list[Tensor] = []
    for loss in options.losses.values():
        compared = loss.compare(given)
        if compared is not None:
            terms |= compared.terms
            weighted.append(loss.weight * compared.total)
    terms["objective"] = objective = torch.stack(weighted).sum()
    return Losses(
        objective,
        {name: term.detach() for name, term in terms.items()},
        _count_non_finite_targets(batch, target_pose_encoding),
        predictions.count_non_finite(),
    )


def _count_non_finite_targets(batch: Batch, target_pose_encoding: Tensor) -> Tensor:
    pose = ~target_pose_encoding.isfinite() & batch.supervise_pose[:, None, None]
    supervised = batch.valid & batch.supervise_geometry[:, None, None, None]
    depth = ~batch.depth.isfinite() & supervised
    points = ~batch.world_points.isfinite() & supervised[..., None]
    return torch.stack([one.flatten(1).sum(dim=1) for one in (pose, depth, points)]).sum(dim=0)


def _require_matching_shapes(
    predictions: Predictions, batch: Batch, target_pose_encoding: Tensor, dense_frames: slice
) -> None:
    maps, encoding = tuple(batch.depth[:, dense_frames].shape), (*batch.depth.shape[:2], 9)
    expected: list[tuple[str, Tensor, tuple[int, ...]]] = [
        ("target_pose_encoding", target_pose_encoding, encoding),
        *(("pose_encodings", stage, encoding) for stage in predictions.pose_encodings),
    ]
    for name, one, channels in (("depth", predictions.depth, 1), ("points", predictions.points, 3)):
        if one is not None:
            expected.append((f"{name}.values", one.values, (*maps, channels)))
            expected.append((f"{name}.confidence", one.confidence, maps))
    for name, tensor, shape in expected:
        if tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
