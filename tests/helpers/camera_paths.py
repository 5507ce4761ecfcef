"""Camera paths that a test has written, read again."""

from pathlib import Path

from page4d_cli.core.types import Float64Array
from page4d_cli.io.formats.camera_path import read_camera_path


def read_tum(path: Path) -> tuple[Float64Array, Float64Array]:
    """Time stamps (S,) and T_world_camera (S, 3, 4)."""
    read = read_camera_path(path)
    return read.timestamps_s, read.T_world_camera
