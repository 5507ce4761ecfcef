"""CO3D, version 2: objects, filmed by walking around them; cameras by structure from motion.

Reizenstein et al., Common Objects in 3D, ICCV 2021. Depth is `depths/<picture>.geometric.png`, half
floats (`png.py`) times the annotation's `scale_adjustment`, and holds where `depth_masks/` is
white. Cameras are in the category's `frame_annotations.jgz` (`pytorch3d.py`), or in the lists of
sequences that VGGT's training takes: `<category>_train.jgz` and `_test.jgz` with, for each picture,
`filepath`, `extri` (T_camera_world) and `intri` (K in pixels).
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np

from page4d_cli.core.arrays import ArrayKind, ArraySpec
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.paths import require_plain, require_relative
from page4d_cli.core.strict_json import MistypedError, decode, parse
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.clip.images import read_image
from page4d_cli.data.sets.entry import ASK_OWNERS, CheckLimits, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import UNTIMED, count_as_seconds
from page4d_cli.data.sets.kept import Arrays, kept_arrays
from page4d_cli.data.sets.png import read_half16
from page4d_cli.data.sets.pytorch3d import Picture, Viewpoint, read_annotations
from page4d_cli.data.sets.recorded import RecordedSequence

_ANNOTATIONS = "frame_annotations.jgz"
_LISTS = ("train", "test")
_ADVICE = "download it again"
_VERSION = "co3d 2"
_Row = tuple[float, float, float, float]
_Vector = tuple[float, float, float]


def read_co3d(folder: Path, pictures: Path) -> RecordedSequence:
    """Read a sequence; pictures and maps are read when they are asked for.

    Args:
        folder: the sequence's, in that of its category.
        pictures: its `images`.

    Raises:
        DatasetError: annotations are absent, damaged or do not know the sequence, or a picture or a
            map is absent.
    """
    annotated = _annotations_of(folder.absolute())
    frames = tuple(pictures / name for name in annotated.names)
    depths = tuple(folder / f"depths/{name}.geometric.png" for name in annotated.names)
    masks = tuple(folder / f"depth_masks/{Path(name).stem}.png" for name in annotated.names)
    for files in (frames, depths, masks):
        _require_all(files)
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        intrinsics=annotated.intrinsics,
        T_camera_world=annotated.T_camera_world,
        read_depth=lambda index: _read_depth(
            depths[index], masks[index], float(annotated.depth_scale[index])
        ),
        depth_files=depths,
        notes=(UNTIMED,),
    )


def _require_all(files: Sequence[Path]) -> None:
    there = {path.name for path in files[0].parent.glob("*")}
    missing = [path for path in files if path.name not in there]
    if missing:
        raise DatasetError(
            f"{missing[0]} does not exist ({len(missing)} of {len(files)} such files are missing); "
            f"the annotations have it: {_ADVICE}"
        )


def _read_depth(path: Path, mask_path: Path, scale: float) -> Float32Array:
    """(H, W) planar z in the unit of the cameras, 0 where there is none."""
    depth, mask = read_half16(path) * np.float32(scale), read_image(mask_path)[..., 0] > 127
    if mask.shape != depth.shape:
        raise DatasetError(f"{mask_path} has shape {mask.shape}, {path} {depth.shape}; {_ADVICE}")
    return np.where(mask & np.isfinite(depth), depth, 0).astype(np.float32)


@dataclass(frozen=True)
class _Annotated:
    """S frames of a sequence."""

    names: tuple[str, ...]
    """Of their pictures."""
    intrinsics: Float64Array
    """(S, 3, 3)."""
    T_camera_world: Float64Array
    """(S, 3, 4)."""
    depth_scale: Float64Array
    """(S,)."""


def _annotations_of(folder: Path) -> _Annotated:
    """The frames of a sequence, by the first file that knows it."""
    category, root = folder.parent, folder.parents[1]
    own = category / _ANNOTATIONS
    candidates = [own, *(root / f"{category.name}_{split}.jgz" for split in _LISTS)]
    files = [path for path in candidates if path.is_file()]
    if not files:
        names = ", ".join(str(path) for path in candidates)
        raise DatasetError(f"none of {names} exists; they have the cameras of {folder}")
    for path in files:
        known = _category(path, path.stat().st_mtime_ns)
        if folder.name in known.sequences:
            return known.sequence(folder.name)
    raise DatasetError(
        f"{', '.join(str(path) for path in files)}: there is no sequence {folder.name} with "
        f"cameras and depth, which lies in {category}; {_ADVICE}"
    )


@dataclass(frozen=True)
class _Category:
    """N frames of all sequences of an annotation file."""

    sequences: dict[str, tuple[slice, str]]
    """Rows of each in the arrays, and the names of its pictures, one a line."""
    intrinsics: Float64Array
    """(N, 3, 3)."""
    T_camera_world: Float64Array
    """(N, 3, 4)."""
    depth_scale: Float64Array
    """(N,)."""

    def sequence(self, name: str) -> _Annotated:
        """The frames of one."""
        rows, names = self.sequences[name]
        return _Annotated(
            tuple(names.split("\n")),
            self.intrinsics[rows],
            self.T_camera_world[rows],
            self.depth_scale[rows],
        )


_SPECS = {
    "lines": ArraySpec(ArrayKind.NUMBER, ("bytes",)),
    "intrinsics": ArraySpec(ArrayKind.FLOAT, ("N", 3, 3)),
    "T_camera_world": ArraySpec(ArrayKind.FLOAT, ("N", 3, 4)),
    "depth_scale": ArraySpec(ArrayKind.FLOAT, ("N",)),
}
"""What is kept of an annotation file; `lines` are `<sequence>/<picture>` in UTF-8."""


@lru_cache(maxsize=128)
def _category(path: Path, _changed_ns: int) -> _Category:
    """What an annotation file says. Reading it takes seconds, so it is kept (`kept.py`)."""
    arrays = kept_arrays(path, _VERSION, _SPECS, _read_category)
    lines = arrays.pop("lines").astype(np.uint8).tobytes().decode().split("\n")
    sequences, row = {}, 0
    for name, group in groupby((line.split("/") for line in lines), key=lambda words: words[0]):
        names = [picture for _, picture in group]
        sequences[name] = slice(row, row + len(names)), "\n".join(names)
        row += len(names)
    return _Category(sequences, **arrays)


def _read_category(path: Path) -> Arrays:
    frames = _official_frames(path) if path.name == _ANNOTATIONS else _listed_frames(path)
    ordered = sorted(frames, key=lambda frame: frame.line)
    if not ordered:
        raise DatasetError(f"{path} has no frames with cameras and depth; {_ADVICE}")
    text = "\n".join(frame.line for frame in ordered)
    return {
        "lines": np.frombuffer(text.encode(), np.uint8),
        "intrinsics": np.stack([frame.intrinsics for frame in ordered]),
        "T_camera_world": np.stack([frame.T_camera_world for frame in ordered]),
        "depth_scale": np.array([frame.depth_scale for frame in ordered]),
    }


@dataclass(frozen=True)
class _Frame:
    line: str
    intrinsics: Float64Array
    T_camera_world: Float64Array
    depth_scale: float = 1.0


@dataclass(frozen=True)
class _Depth:
    scale_adjustment: float = 1.0


@dataclass(frozen=True)
class _FrameAnnotation:
    """What is taken of an entry of the data set's own annotations."""

    sequence_name: str
    image: Picture
    viewpoint: Viewpoint | None
    depth: _Depth | None = field(default_factory=_Depth)


def _official_frames(path: Path) -> Iterator[_Frame]:
    """Those with a camera and depth, either of which may be null by PyTorch3D's form."""
    for entry in read_annotations(_FrameAnnotation, path):
        if entry.viewpoint is None or entry.depth is None:
            continue
        yield _Frame(
            _line(path, entry.sequence_name, entry.image.path),
            entry.viewpoint.intrinsics(entry.image.size),
            entry.viewpoint.T_camera_world,
            entry.depth.scale_adjustment,
        )


@dataclass(frozen=True)
class _ListedFrame:
    """An entry of the lists that VGGT's training takes."""

    filepath: str
    extri: tuple[_Row, _Row, _Row]
    intri: tuple[_Vector, _Vector, _Vector]


def _listed_frames(path: Path) -> Iterator[_Frame]:
    try:
        with gzip.open(path) as file:
            sequences = decode(
                dict[str, tuple[_ListedFrame, ...]], parse(file.read()), foreign=True
            )
    except MistypedError as error:
        raise DatasetError(f"{path}: {error}; {_ADVICE}") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or cut short"
        raise DatasetError(f"cannot read {path}: {reason}; {_ADVICE}") from error
    for name, frames in sequences.items():
        for frame in frames:
            yield _Frame(
                _line(path, name, frame.filepath), np.array(frame.intri), np.array(frame.extri)
            )


def _line(path: Path, sequence: str, picture: str) -> str:
    """Sequence and picture, once their names are seen to be plain."""
    try:
        name = require_relative(picture).split("/")[-1]
        line = f"{require_plain(sequence)}/{name}"
        if "\n" in line:
            raise ValueError(f"{line!r} has two lines")
    except ValueError as error:
        raise DatasetError(f"{path}: {error}; {_ADVICE}") from error
    return line


ENTRY = DatasetEntry(
    "CO3D, version 2",
    Origin(
        "https://github.com/facebookresearch/co3d",
        "version 2, which its `download_dataset.py` unpacks: `co3d/<category>/`; lists of VGGT's "
        "training lie beside the categories",
        ASK_OWNERS,
        "5.5 TB for all categories",
    ),
    (
        DatasetLayout(
            "categories",
            "{<category>/{frame_annotations.jgz,<sequence>/{images/,depths/,depth_masks/}}; or "
            "<category>_train.jgz beside the categories}",
            ("images",),
            read_co3d,
            ("", "*"),
        ),
    ),
    CheckLimits(valid_share=0.02, depth_error=0.03, inlier_error=0.05),
)
