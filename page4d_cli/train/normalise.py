"""Express a batch in the frame of its first camera, at unit scale.

The network has no metric scale, so each sample is divided by the mean distance of its valid points
from the first camera (VGGT, arXiv 2503.11651, section 3.4).
"""

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.train.batch import Batch

SCALE_RANGE = (1e-6, 1e6)
COUNT_EPSILON = 1e-3
"""Added to the number of points when the mean distance is taken, as in the original."""
ORIGINAL_EMPTY_SCALE = 1e-6
"""What the original divides a sample by that has no valid point."""


@dataclass(frozen=True)
class Normalised:
    """A batch at unit scale, and how it was brought there."""

    batch: Batch
    scale: Tensor
    """(B,) what lengths were divided by, in the unit of the input."""
    scale_known: Tensor
    """(B,) bool: False where no usable point gave a scale; such a sample keeps its own."""


def normalise(batch: Batch, *, empty_scale: float = 1.0) -> Normalised:
    """Make the first camera the world and the mean distance of its points 1.

    Computes in the batch's number format and without matrix products, which a GPU may round to
    TF32 or bf16. Values that are not finite take no part in the scale and are left in place: the
    losses count them.

    Args:
        batch: in any world frame and unit; rotations orthonormal.
        empty_scale: the scale of samples without a usable point.
    """
    first_rotation, first_translation = batch.extrinsics[:, 0].split((3, 1), dim=-1)
    points = _rotate(batch.world_points, first_rotation) + first_translation.mT[:, None, None]
    usable = dataclasses.replace(batch, world_points=points).usable
    distances = torch.where(usable, torch.linalg.vector_norm(points, dim=-1), 0)
    count = usable.sum(dim=(1, 2, 3))
    scale = (distances.sum(dim=(1, 2, 3)) / (count + COUNT_EPSILON)).clamp(*SCALE_RANGE)
    known = count > 0
    scale = torch.where(known, scale, empty_scale)
    rotation, translation = _relative_to_first(batch.extrinsics)
    translation = translation / scale[:, None, None]
    normalised = dataclasses.replace(
        batch,
        depth=batch.depth / scale[:, None, None, None],
        extrinsics=torch.cat((rotation, translation[..., None]), dim=-1),
        world_points=points / scale[:, None, None, None, None],
    )
    return Normalised(normalised, scale, known)


def _rotate(points: Tensor, rotation: Tensor) -> Tensor:
    """R X for points (B, S, H, W, 3) and one rotation (B, 3, 3) a sample."""
    columns = rotation[:, None, None, None].unbind(-1)
    return sum(
        (points[..., k, None] * column for k, column in enumerate(columns[1:], 1)),
        start=points[..., 0, None] * columns[0],
    )


def _relative_to_first(extrinsics: Tensor) -> tuple[Tensor, Tensor]:
    """R (B, S, 3, 3) and t (B, S, 3) of T_camera_world · T_camera0_world⁻¹."""
    rotation, translation = extrinsics[..., :3], extrinsics[..., 3]
    relative = (rotation[..., :, None, :] * rotation[:, :1, None]).sum(dim=-1)
    return relative, translation - (relative * translation[:, :1, None]).sum(dim=-1)
