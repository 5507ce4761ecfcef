"""Compare the camera encodings of every round of the camera head with the true ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor

from page4d_cli.core.errors import InputError
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.bounds import bounded
from page4d_cli.train.losses.loss import Comparison, Loss, LossTerms, require_weight
from page4d_cli.train.losses.masked import masked_mean
from page4d_cli.train.losses.quirks import Quirks

ENOUGH_VALID = 100
"""More valid pixels than this make the scale of a clip trustworthy."""


class CameraNorm(str, Enum):
    """How the difference of two camera encodings is measured."""

    L1 = "l1"
    """Mean of absolute differences."""
    L2 = "l2"
    """Mean of Euclidean norms, one a frame."""


@dataclass(frozen=True)
class CameraLossOptions(Loss):
    """The camera loss; its stages are the rounds of the camera head."""

    weight: float = 5.0
    """Weight of the camera loss in the objective."""
    norm: CameraNorm = CameraNorm.L1
    gamma: float = 0.6
    """Stage i of n is weighted by gamma^(n-1-i)."""
    weight_trans: float = 1.0
    """Weight of the translation in the camera loss."""
    weight_rot: float = 1.0
    """Weight of the quaternion in the camera loss."""
    weight_focal: float = 0.5
    """Weight of the fields of view in the camera loss."""

    def __post_init__(self) -> None:
        for name in ("weight", "weight_trans", "weight_rot", "weight_focal"):
            require_weight(name, getattr(self, name))
        if not 0 < self.gamma <= 1:
            raise InputError(f"gamma of the camera is {self.gamma}; give a number above 0, up to 1")

    def compare(self, given: Comparison) -> LossTerms | None:
        """`loss_camera`, `loss_T`, `loss_R`, `loss_FL`, the first with the weights inside it."""
        stages = given.predictions.pose_encodings
        if not stages:
            return None
        validity = camera_validity(given.batch, given.quirks)
        camera = camera_loss(stages, given.pose_encodings, validity, self)
        terms = {
            "loss_camera": camera.total,
            "loss_T": camera.translation,
            "loss_R": camera.rotation,
            "loss_FL": camera.focal,
        }
        return LossTerms(camera.total, terms)


@dataclass(frozen=True)
class CameraTerms:
    """Scalars: the parts unweighted, the total weighted among them."""

    translation: Tensor
    rotation: Tensor
    focal: Tensor
    total: Tensor


@dataclass(frozen=True)
class CameraValidity:
    """Which samples supervise which part, each (B,) bool."""

    translation: Tensor
    rotation_and_focal: Tensor


def camera_validity(batch: Batch, quirks: Quirks) -> CameraValidity:
    """Decide what each sample can teach about its cameras.

    A translation is meaningful only with the scale that `normalise` found, so it asks for enough
    usable pixels in the clip; rotation and field of view need none.
    """
    pixels = batch.usable.sum(dim=(2, 3))
    if quirks.first_frame_decides:
        both = batch.supervise_pose & (pixels[:, 0] > ENOUGH_VALID)
        return CameraValidity(both, both)
    has_scale = pixels.sum(dim=1) > ENOUGH_VALID
    return CameraValidity(batch.supervise_pose & has_scale, batch.supervise_pose)


def camera_loss(
    stages: Sequence[Tensor], target: Tensor, validity: CameraValidity, options: CameraLossOptions
) -> CameraTerms:
    """Weigh the stages' errors; later stages count more.

    Quaternions are compared as they are: the target's w is not negative, and the network is to
    learn that too. Numbers that are not finite are left out.

    Args:
        stages: each (B, S, 9): translation 3, quaternion x y z w 4, vertical and horizontal field
            of view 2, in radians.
        target: (B, S, 9) of the normalised batch.
        validity: which samples count.
        options: norm and weights; `weight` is left to the objective.
    """
    parts = []
    for name, valid in (
        (slice(0, 3), validity.translation),
        (slice(3, 7), validity.rotation_and_focal),
        (slice(7, 9), validity.rotation_and_focal),
    ):
        errors = [_part_error(s[..., name], target[..., name], valid, options.norm) for s in stages]
        n = len(stages)
        weighted = [options.gamma ** (n - 1 - i) * error for i, error in enumerate(errors)]
        parts.append(torch.stack(weighted).sum() / n)
    translation, rotation, focal = parts
    total = (
        options.weight_trans * translation
        + options.weight_rot * rotation
        + options.weight_focal * focal
    )
    return CameraTerms(translation, rotation, focal, total)


def _part_error(prediction: Tensor, target: Tensor, valid: Tensor, norm: CameraNorm) -> Tensor:
    """Mean error over valid samples, frames and components (over frames only with L2)."""
    difference = prediction - target
    finite = difference.isfinite()
    difference = torch.where(finite, difference, 0)
    if norm is CameraNorm.L2:
        errors = torch.linalg.vector_norm(difference, dim=-1, keepdim=True)
        finite = finite.all(dim=-1, keepdim=True)
    else:
        errors = difference.abs()
    return masked_mean(bounded(errors), valid[:, None, None] & finite)
