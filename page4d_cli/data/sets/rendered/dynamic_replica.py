"""Dynamic Replica (Karaev et al., DynamicStereo, CVPR 2023; formats are those of its repository).

A folder for each eye: `images/<sequence>-0000.png`, `depths/<sequence>_0000.geometric.png` and
`flow_forward/<sequence>_0000.png`, half floats in 16-bit PNGs: planar z in metres, 0 where there is
none, and motion in pixels, u in the left half and v in the right; `flow_forward_mask/` is 0 where
the next frame does not show the pixel. Cameras stand beside the sequences, in
`frame_annotations_<split>.jgz` (`dynamic_replica_cameras.py`).
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float32Array
from page4d_cli.data.clip.images import image_size, read_image
from page4d_cli.data.sets.entry import (
    CheckLimits,
    DatasetEntry,
    DatasetLayout,
    Origin,
)
from page4d_cli.data.sets.files import (
    UNTIMED,
    absent,
    count_as_seconds,
    files_called,
    frames_in,
    numbers_of,
)
from page4d_cli.data.sets.png import read_half16
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.data.sets.rendered.dynamic_replica_cameras import cameras_of
from page4d_cli.data.sets.rendered.flow import Flow, advect

LEAST_DEPTH_M = 1e-5
"""Depth below this is none; the data set's own code says so, too."""


def read_dynamic_replica(folder: Path, pictures: Path) -> RecordedSequence:
    """Read one eye of a sequence; pictures, maps and flow are read when they are asked for.

    Args:
        folder: the eye's, `<scene>_source_left` for instance.
        pictures: its `images`.

    Raises:
        DatasetError: the annotations are absent, damaged or lack a picture, or a map is absent.
    """
    name = folder.absolute().name
    frames = frames_in(pictures, f"{name}-*.png")
    numbers_of(frames)  # flow leads from each to the next
    stems = [f"{name}_{frame.stem.rpartition('-')[2]}" for frame in frames]
    cameras = cameras_of(folder, [frame.name for frame in frames])
    depths = files_called(folder / "depths", [f"{stem}.geometric.png" for stem in stems])
    flows = _flow_files(folder, stems)
    return RecordedSequence(
        name=name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=np.stack([camera.intrinsics for camera in cameras]),
        T_camera_world=np.stack([camera.T_camera_world for camera in cameras]),
        read_depth=None if depths is None else lambda index: _read_depth(depths[index]),
        depth_files=depths,
        read_tracks=None
        if flows is None
        else lambda chosen: advect(
            lambda index: _read_flow(*flows[index]), chosen, image_size(frames[chosen[0]])
        ),
        notes=(
            UNTIMED,
            *([absent("depth", folder / "depths")] if depths is None else []),
            *([absent("flow", folder / "flow_forward")] if flows is None else []),
        ),
    )


def _flow_files(folder: Path, stems: list[str]) -> list[tuple[Path, Path]] | None:
    """Flow and mask from each frame to the next; None if the data set's flow is not there."""
    names = [f"{stem}.png" for stem in stems[:-1]]
    flows, masks = (files_called(folder / f"flow_forward{kind}", names) for kind in ("", "_mask"))
    return None if flows is None or masks is None else list(zip(flows, masks, strict=True))


def _read_depth(path: Path) -> Float32Array:
    depth = read_half16(path)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(depth) & (depth >= LEAST_DEPTH_M), depth, np.float32(0))


def _read_flow(path: Path, mask_path: Path) -> Flow:
    halves, mask = read_half16(path), read_image(mask_path)[..., 0] > 0
    height, width = halves.shape
    if mask.shape != (height, width // 2):
        raise DatasetError(
            f"{path} is {width}×{height}, its mask {mask.shape[1]}×{mask.shape[0]}; expected a "
            "picture of flow twice as wide as the mask"
        )
    motion = np.stack([halves[:, : width // 2], halves[:, width // 2 :]], axis=-1)
    return Flow(motion, mask & np.isfinite(motion).all(-1))


ENTRY = DatasetEntry(
    "Dynamic Replica",
    Origin(
        "https://dynamic-stereo.github.io",
        "train, valid and test by its repository's script, links after an agreement",
        "the owners' agreement; CC BY-NC for most of the repository",
        "train 417, valid 19, test 55 GB, unpacked",
    ),
    (
        DatasetLayout(
            "archives",
            "{train,valid,test}/{frame_annotations_<split>.jgz,<scene>_source_left/"
            "{images/<…>-0000.png,depths/<…>_0000.geometric.png,flow_forward/,flow_forward_mask/}}",
            ("images",),
            read_dynamic_replica,
            ("", "train", "valid", "test"),
        ),
    ),
    CheckLimits(
        valid_share=0.5,
        depth_error=0.01,
        inlier_error=0.03,
        track_error_px=0.25,
        track_share=0.9,
    ),
)
