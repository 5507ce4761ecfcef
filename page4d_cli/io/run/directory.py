"""The run directory, schema 1: which file of a run is where, and how it is read again.

`io/run/writer.py` writes one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from page4d_cli.core.arrays import ArrayKind, ArraySpec, read_npy, read_npz
from page4d_cli.core.checksum import file_sha256
from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import RunError
from page4d_cli.core.types import Float32Array, Float64Array, FrameInfo, intrinsics_in_source
from page4d_cli.io.run.manifest import Manifest, read_manifest

TRAJECTORY = "trajectory.txt"
INTRINSICS = "intrinsics.txt"
CAMERAS = "cameras.npz"
"""extrinsics (S, 3, 4) T_camera_world, intrinsics (S, 3, 3) in pixels of the maps."""
NETWORK_CAMERAS = "cameras.network.npz"
"""`cameras.npz` as the network had it, of a run that was refined since."""
PREVIEW = "preview.mp4"
TRAJECTORY_PICTURE = "trajectory.png"
"""The path of the cameras, from above and from the side; of runs that save a preview."""
CLOUD = "cloud.ply"
_ADVICE = "run `page4d infer` again"


def of_segment(file: str, number: int, count: int) -> str:
    """A file of one world: `cloud.ply`, or `cloud_2.ply` where a run has several segments.

    Args:
        file: its name in a run of one segment.
        number: of the segment, from 1.
        count: how many there are.
    """
    stem, dot, ending = file.rpartition(".")
    return file if count == 1 else f"{stem}_{number}{dot}{ending}"


def depth_file(stem: str) -> str:
    """(H, W) float32, planar z."""
    return f"depth/{stem}.npy"


def confidence_file(stem: str) -> str:
    """(H, W) float32, of the depth."""
    return f"confidence/{stem}.npy"


def points_file(stem: str) -> str:
    """(H, W, 3) float32, in the world."""
    return f"points/{stem}.npy"


def points_confidence_file(stem: str) -> str:
    """(H, W) float32, of the points."""
    return f"points_confidence/{stem}.npy"


def depth_png_file(stem: str) -> str:
    """(H, W) 16 bit, depth times the manifest's `depth_png_scale`."""
    return f"depth/{stem}.png"


def motion_file(stem: str) -> str:
    """(H, W) 8 bit, how surely a pixel shows something that moves; written by `page4d motion`."""
    return f"motion/{stem}.png"


@dataclass(frozen=True)
class Run:
    """A complete run directory. Arrays are read when asked for; maps stay on the disk (mmap).

    Each method raises RunError if its file is absent, damaged, or not of this run.
    """

    directory: Path
    manifest: Manifest

    @property
    def timestamps_s(self) -> Float64Array:
        """(S,) seconds."""
        return np.array([frame.timestamp_s for frame in self.manifest.frames], np.float64)

    @cached_property
    def infos(self) -> tuple[FrameInfo, ...]:
        """S; the transforms lead from the sources to the pixels of the maps."""
        infos = tuple(frame.to_info(self.manifest.network_size) for frame in self.manifest.frames)
        if self.manifest.resolution is Resolution.NETWORK:
            return infos
        return tuple(replace(info, transform=info.transform.for_source_maps()) for info in infos)

    def extrinsics(self) -> Float32Array:
        """(S, 3, 4) T_camera_world."""
        return self._cameras("extrinsics", (3, 4))

    def intrinsics(self) -> Float32Array:
        """(S, 3, 3) K in pixels of the maps."""
        return self._cameras("intrinsics", (3, 3))

    def intrinsics_source(self) -> Float64Array:
        """(S, 3, 3) K in pixels of the sources."""
        return intrinsics_in_source(self.infos, self.intrinsics())

    def depth(self, index: int) -> Float32Array:
        """(H, W) planar z of frame `index`."""
        return self._map(depth_file, Save.DEPTH, index)

    def confidence(self, index: int) -> Float32Array:
        """(H, W) confidence of the depth of frame `index`."""
        return self._map(confidence_file, Save.CONFIDENCE, index)

    def points(self, index: int) -> Float32Array:
        """(H, W, 3) points of frame `index` in the world, from the point head."""
        return self._map(points_file, Save.POINTS, index, 3)

    def points_confidence(self, index: int) -> Float32Array:
        """(H, W) confidence of the points of frame `index`."""
        return self._map(points_confidence_file, Save.POINTS, index)

    def _map(
        self, file: Callable[[str], str], save: Save, index: int, *channels: int
    ) -> Float32Array:
        width, height = self.infos[index].transform.size
        spec = ArraySpec(ArrayKind.FLOAT, (height, width, *channels))
        path = self._file(file(self._stem(index)), save)
        return read_npy(path, spec, RunError, _ADVICE, mapped=True).astype(np.float32, copy=False)

    def _stem(self, index: int) -> str:
        return self.manifest.frames[index].stem

    def _file(self, name: str, save: Save) -> Path:
        path = self.directory / name
        if not path.is_file() and name in self.manifest.files:
            raise RunError(
                f"{path} is missing, the manifest lists it: the run is damaged; run `page4d infer` "
                "again"
            )
        if not path.is_file():
            raise RunError(
                f"{path} is missing; `page4d infer --save {save.value}` writes it (this run has "
                f"{', '.join(saved.value for saved in self.manifest.saved) or 'no arrays'})"
            )
        return path

    def _cameras(self, name: str, shape: tuple[int, int]) -> Float32Array:
        spec = ArraySpec(ArrayKind.FLOAT, (len(self.manifest.frames), *shape))
        path = self._file(CAMERAS, Save.CAMERAS)
        return read_npz(path, {name: spec}, RunError, _ADVICE)[name].astype(np.float32, copy=False)


def open_run(out: str | Path) -> Run:
    """Open a complete run directory.

    Raises:
        RunError: there is no manifest, or it cannot be read.
    """
    return Run(Path(out), read_manifest(Path(out)))


def is_complete(out: Path) -> bool:
    """Whether `out` holds a readable manifest and every file as it was written."""
    try:
        manifest = read_manifest(out)
    except RunError:
        return False
    return has_its_files(out, manifest)


def has_its_files(out: Path, manifest: Manifest) -> bool:
    """Whether every file of a run is as it was written; all of them are read."""
    return all(_is_as_written(out / file, manifest.checksums.get(file)) for file in manifest.files)


def _is_as_written(path: Path, checksum: str | None) -> bool:
    try:
        return path.is_file() and checksum in (None, file_sha256(path))
    except OSError:
        return False
