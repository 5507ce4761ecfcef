"""`manifest.json`, schema 1: what a run directory holds and how it came about."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from page4d_cli._version import __version__
from page4d_cli.core.arrays import LARGEST
from page4d_cli.core.enums import LengthUnit, Resolution, Save, TimestampSource, Variant
from page4d_cli.core.errors import RunError
from page4d_cli.core.paths import require_plain, require_relative
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.core.wording import count_noun
from page4d_cli.io.run.plan import PlanRecord

__all__ = [
    "CONVENTIONS",
    "MANIFEST",
    "DistortionRecord",
    "FrameRecord",
    "Manifest",
    "RefinementRecord",
    "ScaleRecord",
    "SegmentRecord",
    "WeightsRecord",
    "read_manifest",
]

_MOST_SECONDS = 1e12
"""Of a time stamp: those of nanoseconds since 1970, taken for seconds, are far beyond."""
_MOST_DISTORTION = 10.0
MANIFEST = "manifest.json"

CONVENTIONS = {
    "cameras": "OpenCV: x right, y down, z forward",
    "extrinsics": "cameras.npz: T_camera_world (S, 3, 4), x_camera = R x_world + t",
    "intrinsics": "cameras.npz: K (S, 3, 3) in pixels of the maps; "
    "intrinsics.txt: fx fy cx cy in pixels of the source",
    "trajectory": "trajectory.txt: camera-to-world poses, TUM order t tx ty tz qx qy qz qw",
    "world": "the camera of the first frame, of each segment",
    "units": "relative: the network has no metric scale; metres where scale is not empty. Each "
    "segment has a unit of its own unless these are metres",
    "depth": "planar: the z of the camera frame",
    "depth_png": "value = depth * depth_png_scale, 0 where there is no depth",
    "confidence": "at least 1; only its order has a meaning",
    "without_value": "cameras.npz: NaN where the network gave no usable camera, see problems; "
    "maps of source size: 0 where the picture was cropped away",
    "pixel_centre": "whole numbers are pixel centres, (0, 0) that of the top left pixel",
    "sizes": "network_size is [height, width]; source_size is [width, height]; "
    "content is [left, top, right, bottom], half open, in network pixels",
    "pixel_transform": "network = scale * (source + 0.5) - 0.5 + offset; "
    "source = (network - offset + 0.5) / scale - 0.5; for x and y each",
    "timestamps": "seconds",
}
"""The words that make the files readable without this program."""


@dataclass(frozen=True)
class WeightsRecord:
    """Which checkpoint was run."""

    name: str
    variant: Variant
    sha256: str | None
    """Checksum of the weights' file; None if it was not computed."""
    path: str | None
    """None for weights that were never in a file."""


@dataclass(frozen=True)
class CloudRecord:
    """What `cloud.ply` holds."""

    points: int
    candidates: int
    """Pixels with a usable depth and camera."""
    confidence_percentile: float
    """Pixels that are less sure than so many percent of the candidates were left out."""
    confidence_threshold: float
    """The least confidence that was kept."""


@dataclass(frozen=True)
class SegmentRecord:
    """Frames that share one world and one unit of length; a cut in the video begins another."""

    first: int
    """Of the run's frames, counted from 0."""
    last: int
    """It belongs to the segment."""

    @property
    def frames(self) -> range:
        """Of the run, in order."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class ScaleRecord:
    """How the lengths of a segment became metres."""

    source: str
    """What was measured, as it was typed."""
    factor: float
    """What the network's lengths were multiplied by."""
    spread: float | None
    """Robust standard deviation of the factor over the frames, as a share of it; None: of one
    measurement there is none."""
    frames: int
    """How many frames had a say."""

    def __post_init__(self) -> None:
        if not 1 / LARGEST <= self.factor <= LARGEST:
            raise ValueError(f"factor is {self.factor:g}, expected metres a unit of length")

    def in_words(self) -> str:
        """For people: the factor, and how far the frames agree about it."""
        if self.spread is None:
            return f"{self.source}: lengths × {self.factor:.6g} are metres, by one measurement"
        return (
            f"{self.source}: lengths × {self.factor:.6g} are metres, ± {self.spread:.1%} "
            f"over {self.frames} frames"
        )


@dataclass(frozen=True)
class DistortionRecord:
    """Of the lenses: what lies at r from the axis, at depth 1, is seen at r · (1 + k1 r²)."""

    model: Literal["SIMPLE_RADIAL"]
    """COLMAP's name of it."""
    k1: dict[str, float]
    """Of each frame, by stem; 0 where the camera is as it was."""

    def __post_init__(self) -> None:
        for stem, k1 in self.k1.items():
            if not abs(k1) <= _MOST_DISTORTION:
                raise ValueError(f"k1 of frame {stem} is {k1:g}, expected a lens's")


@dataclass(frozen=True)
class RefinementRecord:
    """What `page4d refine` did to the cameras of a segment."""

    refused: str | None
    """Why all cameras are as they were; None if some are refined."""
    kept: dict[str, str]
    """Frames whose cameras are as they were, by stem, and why."""
    held_out_before_px: float | None
    """Median error of points that the adjustment did not see; None: there were none."""
    held_out_after_px: float | None
    rounds: tuple[tuple[float, float], ...]
    """Scale of the loss, and median error of the sightings afterwards, in pixels of the source."""
    pairs: int
    """Frames that were compared with one another."""
    matches: int
    """Points that two frames were found to share, over all pairs."""
    points: int
    sightings: int
    """Of the points, in all frames."""
    focal_length_factor: tuple[float, ...]
    """Refined over the network's median, of each camera: frames of one size share theirs."""
    depth_factor: dict[str, float]
    """What each frame's depth was multiplied by in the middle of its picture, by stem."""
    masks: str | None
    """The folder of masks that was given."""
    focal_length_is_known: bool = False
    """It was given (`infer --focal`), and held."""
    distortion: DistortionRecord | None = None
    """None: the pictures are taken to have none."""

    @property
    def refined(self) -> int:
        """Frames whose cameras are refined."""
        return 0 if self.refused is not None else len(self.depth_factor) - len(self.kept)

    def in_words(self) -> str:
        """For people: how many cameras, and how held-out points agree with them."""
        said = f"{self.refined} of {count_noun(len(self.depth_factor), 'camera')} refined"
        if self.refused is not None or self.held_out_after_px is None:
            return said
        return (
            f"{said}; held-out points are off by {self.held_out_after_px:.2f} px, "
            f"{self.held_out_before_px:.2f} px before"
        )


@dataclass(frozen=True)
class FrameRecord:
    """`core.types.FrameInfo` as the manifest holds it; the network's size stands there once."""

    stem: str
    source: str
    index: int
    timestamp_s: float
    source_size: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float]
    content: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        require_plain(self.stem)
        require_plain(f"{self.stem}.npy")
        if not abs(self.timestamp_s) <= _MOST_SECONDS:
            raise ValueError(f"timestamp_s is {self.timestamp_s:g}, expected seconds")

    @classmethod
    def from_info(cls, info: FrameInfo) -> "FrameRecord":
        """Take over what the loader knows about a frame."""
        transform = info.transform
        return cls(
            stem=info.stem,
            source=info.source,
            index=info.index,
            timestamp_s=info.timestamp_s,
            source_size=transform.source_size,
            scale=transform.scale,
            offset=transform.offset,
            content=transform.content,
        )

    def to_info(self, network_size: tuple[int, int]) -> FrameInfo:
        """The inverse of `from_info`; `network_size` is the manifest's (height, width)."""
        height, width = network_size
        transform = PixelTransform(
            source_size=self.source_size,
            size=(width, height),
            scale=self.scale,
            offset=self.offset,
            content=self.content,
        )
        return FrameInfo(self.stem, self.source, self.index, self.timestamp_s, transform)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything about a run but its arrays. S frames."""

    schema: Literal[1]
    page4d: str = __version__
    command: tuple[str, ...]
    """The words of the command line (argv)."""
    created_utc: str
    """When the run was written, in UTC, as ISO 8601 has it."""
    versions: dict[str, str]
    """Versions of Python and of the packages that computed, by name."""
    device: str
    dtype: str
    weights: WeightsRecord
    mask_strength: float
    resolution: Resolution
    """Pixel grid of the maps."""
    network_size: tuple[int, int]
    """(height, width)."""
    settings: dict[str, Json] = field(default_factory=dict)
    """How the frames were chosen and fitted; runs of equal settings are interchangeable."""
    conventions: dict[str, str] = field(default_factory=lambda: dict(CONVENTIONS))
    timestamp_source: TimestampSource
    frames: tuple[FrameRecord, ...]
    """S of them, in time order."""
    focal_px: tuple[float, float] | None = None
    """(fx, fy) in pixels of the source that were given; depth is corrected for them. None: the
    network's."""
    masks: str | None = None
    """Folder or video of the masks of what moves that were given; motion/ has them."""
    segments: tuple[SegmentRecord, ...] = ()
    """All frames, in order; of runs that know of none, empty."""
    scale: tuple[ScaleRecord, ...] = ()
    """One for each segment if lengths are metres."""
    refinement: tuple[RefinementRecord, ...] = ()
    """One for each segment if cameras were refined."""
    plan: PlanRecord | None = None
    """How the clip was going to be cut, and what that was predicted to need."""
    joining: dict[str, Json] | None = None
    """Of runs in windows: what was found at every join and loop, and each window's factor."""
    ignored: tuple[str, ...] = ()
    """Files of the input that were no images or, if that was asked for, unreadable ones."""
    saved: tuple[Save, ...]
    depth_png_scale: float | None = None
    """PNG values per unit of depth."""
    problems: tuple[str, ...] = ()
    """What a reader must know, such as "frame 000012: infinite focal length"."""
    non_finite: dict[str, int] = field(default_factory=dict)
    """Values that are not finite, by output."""
    cloud: CloudRecord | None = None
    """Points kept, of how many, and the percentile of the confidence threshold."""
    timings_s: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: dict[str, int | None] = field(default_factory=dict)
    """host, device."""
    files: tuple[str, ...] = ()
    """Paths of the other files of the run, relative to the manifest, sorted."""
    checksums: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the files as they were written, by path."""

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("frames is empty")
        for index, frame in enumerate(self.frames):
            try:
                _require_within_source(frame.to_info(self.network_size).transform)
            except ValueError as error:
                raise ValueError(f"frames[{index}]: {error}") from error
        stem, count = Counter(frame.stem for frame in self.frames).most_common(1)[0]
        if count > 1:
            raise ValueError(f"frames: {count} of them have the stem {stem!r}")
        _require_whole(self.segments, len(self.frames))
        if self.scale and len(self.scale) != len(self.worlds):
            raise ValueError(f"scale has {len(self.scale)} entries, segments {len(self.worlds)}")
        for file in (*self.files, *self.checksums):
            require_relative(file)
        if len(set(self.files)) < len(self.files):
            raise ValueError("files: two have one name")
        scale = self.depth_png_scale
        if scale is not None and not 1 / LARGEST <= scale <= LARGEST:
            raise ValueError(f"depth_png_scale is {scale:g}, expected values per unit of depth")

    @property
    def worlds(self) -> tuple[range, ...]:
        """Frames of each segment, which has a world of its own; a run has one at least."""
        segments = self.segments or (SegmentRecord(0, len(self.frames) - 1),)
        return tuple(segment.frames for segment in segments)

    @property
    def k1(self) -> dict[str, float]:
        """Distortion of the frames of which it is known, by stem."""
        known = (record.distortion.k1 for record in self.refinement if record.distortion)
        return {stem: k1 for of_segment in known for stem, k1 in of_segment.items()}

    @property
    def unit(self) -> LengthUnit:
        """What lengths mean."""
        return LengthUnit.METRES if self.scale else LengthUnit.RELATIVE


def _require_whole(segments: tuple[SegmentRecord, ...], count: int) -> None:
    """Refuse segments that are not all frames, one after the other."""
    begins = [0, *(segment.last + 1 for segment in segments)]
    follow = all(
        segment.first == begin <= segment.last
        for segment, begin in zip(segments, begins, strict=False)
    )
    if segments and not (follow and begins[-1] == count):
        raise ValueError(f"segments are not the {count} frames, one after the other")


def _require_within_source(transform: PixelTransform) -> None:
    """Refuse a box of content that shows more than there is of the source."""
    left, top, right, bottom = transform.content
    width, height = transform.resized
    x, y = (round(shift) for shift in transform.offset)
    if not (x <= left and right <= x + width and y <= top and bottom <= y + height):
        raise ValueError(
            f"content is {transform.content}, beyond the source, which is {width}×{height} there "
            f"from ({x}, {y})"
        )


def read_manifest(out: Path) -> Manifest:
    """Read and check the manifest of a run directory.

    Args:
        out: the run directory.

    Returns:
        Its manifest.

    Raises:
        RunError: it is absent, no JSON, of another schema, or a key is missing, unknown, mistyped
            or not allowed; the message names file and key.
    """
    path = out / MANIFEST
    try:
        path.stat()
    except OSError as error:
        raise RunError(
            f"{out} is no complete run: cannot read {path}: {error.strerror}; "
            "give a directory that `page4d infer` has written"
        ) from error
    advice = "use the version of page4d that wrote it, or run `page4d infer` again"
    return read_json(Manifest, path, RunError, advice, defaults=True)
