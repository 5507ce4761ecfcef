"""From a batch as it was loaded to what the network is to say of it."""

from torch import Tensor

from page4d_cli.model.pose_encoding import extri_intri_to_pose_encoding
from page4d_cli.train.batch import Batch
from page4d_cli.train.normalise import normalise


def targets_of(batch: Batch) -> tuple[Batch, Tensor]:
    """The batch at unit scale seen from its first camera, and its cameras' encoding (B, S, 9)."""
    unit = normalise(batch).batch
    return unit, extri_intri_to_pose_encoding(
        unit.extrinsics, unit.intrinsics, unit.images.shape[-2:]
    )
