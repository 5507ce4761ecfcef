"""Read the frames of a run that are asked for, with everything that belongs to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from page4d_cli.core.enums import LengthUnit, Save
from page4d_cli.core.errors import NothingLeftError
from page4d_cli.core.geometry import has_usable_focal_length, valid_depth
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.types import (
    Float32Array,
    Float64Array,
    FrameInfo,
    UInt8Array,
    intrinsics_in_source,
)
from page4d_cli.core.wording import count_noun
from page4d_cli.io.run.directory import Run
from page4d_cli.io.run.stored_maps import StoredMaps
from page4d_cli.pipelines.stored_run.pictures import map_pictures

_NAMES_IN_NOTE = 5


@dataclass(frozen=True)
class RunClip:
    """Frames of a run. S frames, H W pixels of the maps; what was not asked for is empty.

    Maps may have the size of the sources, and then differ in size from frame to frame.
    """

    run: Run
    indices: tuple[int, ...]
    """S places in the run."""
    infos: tuple[FrameInfo, ...]
    """S; the transforms lead from the source to the pixels of the maps."""
    extrinsics: Float64Array
    """(S, 3, 4) T_camera_world, finite."""
    intrinsics: Float64Array
    """(S, 3, 3) K in pixels of the maps, with usable focal lengths."""
    depth: Sequence[Float32Array]
    """S maps (H, W), read when they are asked for."""
    confidence: Sequence[Float32Array]
    """S maps (H, W), likewise; all 1 where the run has none."""
    images: tuple[UInt8Array, ...]
    """S pictures (H, W, 3) of the maps' pixels."""
    notes: tuple[str, ...]
    """What the person should know."""
    unit: LengthUnit
    """Of depth and positions."""
    length_factor: float = 1.0
    """What these are multiplied by, of what the run says."""

    def __len__(self) -> int:
        return len(self.infos)

    def posed_depth(self, place: int) -> PosedDepth:
        """Depth and camera of a frame; there is no depth in the padding."""
        depth = valid_depth(self.infos[place].transform.without_padding(self.depth[place]))
        return PosedDepth(depth, self.intrinsics[place], self.extrinsics[place])

    def world_of(self, place: int) -> int:
        """Number of the segment that a frame is of, from 0."""
        worlds = self.run.manifest.worlds
        return next(number for number, world in enumerate(worlds) if self.indices[place] in world)

    def in_metres(self, factor: float) -> "RunClip":
        """The same with all lengths multiplied."""
        extrinsics = self.extrinsics.copy()
        extrinsics[..., 3] *= factor
        depth = StoredMaps(range(len(self)), lambda place: np.float32(factor) * self.depth[place])
        return replace(
            self, extrinsics=extrinsics, depth=depth, unit=LengthUnit.METRES, length_factor=factor
        )

    @property
    def timestamps_s(self) -> Float64Array:
        """(S,) seconds."""
        return np.array([info.timestamp_s for info in self.infos], np.float64)

    @property
    def intrinsics_source(self) -> Float64Array:
        """(S, 3, 3) K in pixels of the sources."""
        return intrinsics_in_source(self.infos, self.intrinsics)


def read_run_clip(
    run: Run,
    chosen: slice,
    needed: Collection[Save],
    *,
    with_pictures: bool = False,
) -> RunClip:
    """Read frames of a run.

    Args:
        run: a complete run.
        chosen: of its frames.
        needed: cameras, depth and confidence are read if they are in it. Frames without a usable
            camera are left out, with a note, where cameras are needed.
        with_pictures: find the colours, too.

    Raises:
        NothingLeftError: no frame was chosen, or none of them has a usable camera.
        RunError: a file of the run is missing or damaged; of maps, when they are asked for.
    """
    count = len(run.manifest.frames)
    indices = list(range(count)[chosen])
    if not indices:
        raise NothingLeftError(
            f"--frames chooses none of {count_noun(count, 'frame')}; nothing was written"
        )
    extrinsics, intrinsics = np.empty((0, 3, 4)), np.empty((0, 3, 3))
    notes: list[str] = []
    if Save.CAMERAS in needed:
        extrinsics, intrinsics, indices = _cameras(run, indices, notes)
    infos = tuple(run.infos[index] for index in indices)
    depth = StoredMaps(indices if Save.DEPTH in needed else (), run.depth)
    pictures: Sequence[UInt8Array] = ()
    if with_pictures:
        pictures, note = map_pictures(run, indices)
        notes += [note] if note else []
    confidence: Sequence[Float32Array] = ()
    if Save.CONFIDENCE in needed and Save.CONFIDENCE in run.manifest.saved:
        confidence = StoredMaps(indices, run.confidence)
    elif Save.CONFIDENCE in needed:
        confidence = tuple(np.ones(info.transform.size[::-1], np.float32) for info in infos)
    return RunClip(
        run,
        tuple(indices),
        infos,
        extrinsics,
        intrinsics,
        depth,
        confidence,
        tuple(pictures),
        tuple(notes),
        run.manifest.unit,
    )


def _cameras(
    run: Run, indices: list[int], notes: list[str]
) -> tuple[Float64Array, Float64Array, list[int]]:
    """Usable cameras among those of `indices`, and their indices."""
    extrinsics, intrinsics = run.extrinsics(), run.intrinsics()
    usable = [
        index
        for index in indices
        if np.isfinite(extrinsics[index]).all() and has_usable_focal_length(intrinsics[index])
    ]
    if not usable:
        raise NothingLeftError(
            f"none of {count_noun(len(indices), 'chosen frame')} has a usable camera; nothing was "
            "written"
        )
    lost = [run.manifest.frames[i].stem for i in sorted(set(indices) - set(usable))]
    if lost:
        more = f" and {len(lost) - _NAMES_IN_NOTE} more" if len(lost) > _NAMES_IN_NOTE else ""
        names = ", ".join(lost[:_NAMES_IN_NOTE])
        count = count_noun(len(lost), "frame")
        notes.append(f"left out {count} without a usable camera: {names}{more}")
    return extrinsics[usable].astype(np.float64), intrinsics[usable].astype(np.float64), usable
