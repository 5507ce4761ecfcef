"""Cameras of Dynamic Replica: one list of annotations (`pytorch3d.py`) for all of a split.

That of the training split says a few hundred megabytes about some 290 000 pictures. It is read
piece by piece and kept as cameras, once a process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.pytorch3d import Picture, Viewpoint, read_annotations

_ANNOTATIONS = "frame_annotations_*.jgz"
_ADVICE = "download it again"


@dataclass(frozen=True)
class Camera:
    """Of one frame."""

    intrinsics: Float64Array
    """(3, 3) in pixels."""
    T_camera_world: Float64Array
    """(3, 4)."""


@dataclass(frozen=True)
class _FrameAnnotation:
    """What is taken of an entry."""

    image: Picture
    viewpoint: Viewpoint | None


def cameras_of(folder: Path, names: Sequence[str]) -> list[Camera]:
    """Cameras of the pictures of a sequence.

    Args:
        folder: the sequence's; annotations lie beside it.
        names: of the files of its pictures.

    Raises:
        DatasetError: there are no annotations, they are damaged, or they lack a picture.
    """
    above = folder.absolute().parent
    files = sorted(above.glob(_ANNOTATIONS))
    if not files:
        raise DatasetError(f"{above} holds no {_ANNOTATIONS}; it has the cameras of {folder}")
    known: dict[str, Camera] = {}
    for path in files:
        known |= _read(path, path.stat().st_mtime_ns).get(folder.absolute().name, {})
    missing = [name for name in names if name not in known]
    if missing:
        where = ", ".join(str(path) for path in files)
        raise DatasetError(
            f"{where}: no camera of {missing[0]} ({len(missing)} of {len(names)} pictures of "
            f"{folder} have none); {_ADVICE}"
        )
    return [known[name] for name in names]


@lru_cache(maxsize=8)
def _read(path: Path, _changed_ns: int) -> dict[str, dict[str, Camera]]:
    """Cameras by the folder and the file of their pictures."""
    cameras: dict[str, dict[str, Camera]] = {}
    for frame in read_annotations(_FrameAnnotation, path):
        picture, view = PurePosixPath(frame.image.path), frame.viewpoint
        if view is None:
            continue  # allowed by PyTorch3D's form; a picture that needs it is named above
        sequence = picture.parts[0] if picture.parts else ""
        camera = Camera(view.intrinsics(frame.image.size), view.T_camera_world)
        cameras.setdefault(sequence, {})[picture.name] = camera
    return cameras
