"""Raw folders of the TUM RGB-D benchmark (Sturm et al., IROS 2012).

Intrinsics are those that the benchmark's pages give for Freiburg 3, elsewhere the default of ROS
that they advise for the depth maps of all three sensors. Freiburg 3 comes undistorted; the pictures
of Freiburg 1 and 2 are taken as they are.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.rgbd import matrix_from_pinhole, read_depth16, read_recording
from page4d_cli.data.scene_folder import read_scene_json
from page4d_cli.data.sequence import Sequence

Pinhole = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""
FREIBURG3: Pinhole = (535.4, 539.2, 320.1, 247.6)
ROS_DEFAULT: Pinhole = (525.0, 525.0, 319.5, 239.5)


def read_tum(folder: Path, pinhole: Pinhole | None = None) -> Sequence:
    """Read a raw folder; pictures and maps are read when they are asked for.

    Args:
        folder: holds rgb.txt, depth.txt and groundtruth.txt.
        pinhole: fx, fy, cx, cy; by default those of the sensor that the folder's name tells, or of
            its scene.json if `page4d synth` made it.

    Raises:
        DatasetError: a list is absent or malformed, or no frame is complete.
    """
    recording = read_recording(folder)
    pinhole = pinhole or _known_pinhole(folder)
    return Sequence(
        name=folder.absolute().name,
        frames=recording.images,
        timestamps_s=recording.timestamps_s,
        intrinsics=matrix_from_pinhole(pinhole),
        T_camera_world=np.asarray(invert_rigid(recording.T_world_camera), np.float64),
        read_depth=lambda index: read_depth16(recording.depths[index]),
        notes=(*recording.notes, "intrinsics fx fy cx cy: " + " ".join(f"{x:g}" for x in pinhole)),
    )


def _known_pinhole(folder: Path) -> Pinhole:
    if (folder / "scene.json").exists():
        given = read_scene_json(folder).get("intrinsics")
        try:
            fx, fy, cx, cy = (float(given[name]) for name in ("fx", "fy", "cx", "cy"))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{folder / 'scene.json'}: intrinsics is {given!r}; expected fx, fy, cx, cy"
            ) from error
        return fx, fy, cx, cy
    return FREIBURG3 if "freiburg3" in folder.absolute().name else ROS_DEFAULT
