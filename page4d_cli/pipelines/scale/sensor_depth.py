"""Metres by the depth maps of a sensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from natsort import natsorted

from page4d_cli.core.enums import Head, TimestampSource
from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Float64Array, PixelTransform
from page4d_cli.data.clip.paths import stamps_from_names
from page4d_cli.data.sets.files import read_npy_depth
from page4d_cli.data.sets.png import read_depth16
from page4d_cli.data.sets.rgbd.recording import MAX_DEPTH_OFFSET_S, associate
from page4d_cli.pipelines.scale.seen import ClipFrames, SeenFrames, evenly

_SUFFIXES = (".png", ".npy")
_LEAST_SHARE = 0.01
"""Of a frame's pixels that must have depth in both, for the frame to have a say."""


@dataclass(frozen=True)
class SensorDepth:
    """A folder of depth maps of the pictures: 16-bit PNGs, or .npy in metres.

    A map belongs to the picture of its name, else to the one that is nearest in time. It shows what
    the picture shows, with as many pixels or others.
    """

    text: str
    """As it was typed."""
    folder: Path
    values_per_metre: float
    """Of the PNGs."""
    files: tuple[Path, ...]
    heads = frozenset({Head.CAMERA, Head.DEPTH})
    """What must be predicted."""

    @classmethod
    def of_folder(cls, text: str, folder: Path, values_per_metre: float) -> "SensorDepth":
        """Look into a folder; maps are read when they are asked for.

        Raises:
            InputError: there is no such folder, or no map in it.
        """
        if not folder.is_dir():
            raise InputError(f"{text}: {folder} is no folder; give one of depth maps")
        found = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES]
        if not found:
            raise InputError(
                f"{text}: {folder} holds no depth maps, neither 16-bit PNGs nor .npy in metres"
            )
        return cls(text, folder, values_per_metre, tuple(natsorted(found)))

    def require(self, clip: ClipFrames) -> None:
        """Refuse frames of which this says nothing.

        Raises:
            InputError: no map belongs to any of them.
        """
        self._pairs(clip)

    def factors(self, seen: SeenFrames) -> Float64Array:
        """(N,) metres a unit of length, for each of the frames that have a map.

        That of a frame is the median ratio of the pixels where both have depth.

        Raises:
            InputError: no map belongs to a frame, a map is of another shape than the pictures, or
                no frame has depth where the map has some.
            DatasetError: a map cannot be read.
        """
        pairs = self._pairs(seen)
        found = [
            self._factor(seen, place, self.files[pairs[place]]) for place in evenly(list(pairs))
        ]
        usable = np.array([factor for factor in found if factor is not None])
        if not len(usable):
            raise InputError(
                f"{self.text}: in none of {len(found)} frames do {_LEAST_SHARE:.0%} of the pixels "
                "have depth in the sensor's map and in the predicted one"
            )
        return usable

    def _pairs(self, clip: ClipFrames) -> dict[int, int]:
        """Map by frame."""
        names = [Path(info.source).stem for info in clip.infos]
        stems = [info.stem for info in clip.infos]
        # Names that are time stamps coincide now and then, which alone means nothing.
        pairs = max(self._by_name(names), self._by_name(stems), self._by_time(clip), key=len)
        if not pairs:
            raise InputError(
                f"{self.text}: none of {len(self.files)} maps ({self.files[0].name}, …) has the "
                f"name of a frame ({stems[0]}, …), or a time within {MAX_DEPTH_OFFSET_S} s of one"
            )
        return dict(sorted(pairs.items()))

    def _by_name(self, names: Sequence[str]) -> dict[int, int]:
        row_of = {path.stem: row for row, path in enumerate(self.files)}
        return {place: row_of[name] for place, name in enumerate(names) if name in row_of}

    def _by_time(self, clip: ClipFrames) -> dict[int, int]:
        stamps_s = stamps_from_names(self.files)
        if stamps_s is None or clip.timestamp_source is TimestampSource.INDEX:
            return {}
        times_s = np.array([info.timestamp_s for info in clip.infos])
        return associate(times_s, np.array(stamps_s), MAX_DEPTH_OFFSET_S)

    def _factor(self, seen: SeenFrames, place: int, file: Path) -> float | None:
        sensed = self._read(file)
        predicted = seen.posed_depth(place).depth
        transform = seen.infos[place].transform
        _require_shape(file, sensed.shape, transform)
        rows, columns = np.nonzero(predicted > 0)
        at_source = transform.to_source(np.stack([columns, rows], -1)) + 0.5
        share = at_source / transform.source_size
        u, v = np.floor(share * sensed.shape[::-1]).astype(np.intp).T
        inside = (u >= 0) & (v >= 0) & (u < sensed.shape[1]) & (v < sensed.shape[0])
        true = sensed[v[inside], u[inside]]
        valid = np.isfinite(true) & (true > 0)
        if valid.sum() < max(1, _LEAST_SHARE * predicted.size):
            return None
        ratios = true[valid] / predicted[rows[inside][valid], columns[inside][valid]]
        return float(np.median(ratios))

    def _read(self, file: Path) -> Float64Array:
        if file.suffix.lower() == ".npy":
            return read_npy_depth(file).astype(np.float64)
        return read_depth16(file, self.values_per_metre).astype(np.float64)


def _require_shape(file: Path, shape: tuple[int, ...], transform: PixelTransform) -> None:
    """Refuse a map that does not show what the picture shows."""
    width, height = transform.source_size
    if not transform.has_shape_of(shape):
        raise InputError(
            f"{file} is of {shape[1]}×{shape[0]} pixels, its picture of {width}×{height}: another "
            "shape; give maps that were brought to the pictures' camera"
        )
