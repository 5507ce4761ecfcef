"""Camera paths for Nuke: `.chan`, a row a frame (Foundry, "Importing and Exporting Channel Files").

Nuke's axes are those of OpenGL, for the world, too: x right, y up, z to the viewer. A row is
`frame tx ty tz rx ry rz vfov`, camera to world, angles in degrees. The file itself says nothing of
the order of rotations, nor of the aperture by which a field of view becomes a focal length; `about`
does.
"""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import atan, degrees
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from page4d_cli.core.geometry import OPENGL_AXES, invert_rigid, quat_xyzw_from_matrix
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Float64Array
from page4d_cli.io.whole.writing import writing

ROTATION_ORDER = "ZXY"
"""Nuke's own for cameras: about z first, then x, then y."""
_HAPERTURE_MM = 36.0


@dataclass(frozen=True)
class Lens:
    """What a frame was taken through, as if on film that is 36 mm wide."""

    focal_mm: float
    haperture_mm: float
    vaperture_mm: float

    @property
    def vfov_deg(self) -> float:
        """The vertical field of view."""
        return degrees(2 * atan(self.vaperture_mm / 2 / self.focal_mm))


def lens(intrinsics: Float64Array, size: tuple[int, int]) -> Lens:
    """The lens of a picture.

    Args:
        intrinsics: (3, 3) in pixels; the principal point is taken to be the middle.
        size: (width, height).
    """
    focal_mm = _HAPERTURE_MM * intrinsics[0, 0] / size[0]
    return Lens(float(focal_mm), _HAPERTURE_MM, float(focal_mm * size[1] / intrinsics[1, 1]))


def write_chan(
    path: Path, numbers: Sequence[int], T_camera_world: Float64Array, lenses: Sequence[Lens]
) -> None:
    """Write a path.

    Args:
        path: the file, replaced if it is there.
        numbers: S frame numbers.
        T_camera_world: (S, 3, 4), OpenCV.
        lenses: S of them.

    Raises:
        WriteError: the file cannot be written.
    """
    T_world_camera = OPENGL_AXES @ invert_rigid(T_camera_world)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # straight up or down, any angle about z will do
        quat_xyzw = quat_xyzw_from_matrix(T_world_camera[..., :3] @ OPENGL_AXES)
        angles = Rotation.from_quat(quat_xyzw).as_euler("YXZ")
    # Nuke goes straight from key to key, so that a full turn between two of them would be played.
    y, x, z = np.rad2deg(np.unwrap(angles, axis=0)).T
    values = np.column_stack([T_world_camera[..., 3], x, y, z, [each.vfov_deg for each in lenses]])
    rows = [
        " ".join([str(number), *(f"{value:.9g}" for value in row)])
        for number, row in zip(numbers, values, strict=True)
    ]
    with writing(path):
        path.write_text("\n".join(rows) + "\n", encoding="ascii")


def about(numbers: Sequence[int], lenses: Sequence[Lens]) -> Json:
    """What the file does not say, as JSON: conventions, and the lens of each frame."""
    return {
        "columns": "frame tx ty tz rx ry rz vfov",
        "convention": "camera to world; x right, y up, z to the viewer; degrees; unit of length: "
        "the run's",
        "rotation_order": ROTATION_ORDER,
        "frames": [
            {"frame": number, **asdict(each)} for number, each in zip(numbers, lenses, strict=True)
        ],
    }
