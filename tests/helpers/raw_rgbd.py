"""Raw folders in the form of the TUM RGB-D benchmark, with pictures of a few pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def write_raw(
    folder: Path,
    rgb_s: Sequence[float],
    depth_s: Sequence[float],
    pose_s: Sequence[float],
) -> Path:
    """Each picture, map and pose tells its own row: by its grey, its depth, its place along x."""
    for kind, times_s, dtype in (("rgb", rgb_s, np.uint8), ("depth", depth_s, np.uint16)):
        (folder / kind).mkdir(parents=True)
        rows = [f"# {kind}"]
        for index, time_s in enumerate(times_s):
            name = f"{kind}/{time_s:.6f}.png"
            Image.fromarray(np.full((4, 6), index, dtype)).save(folder / name)
            rows.append(f"{time_s:.6f} {name}")
        (folder / f"{kind}.txt").write_text("\n".join(rows) + "\n")
    poses = [f"{time_s:.4f} {index} 0 0 0 0 0 1" for index, time_s in enumerate(pose_s)]
    (folder / "groundtruth.txt").write_text("\n".join(poses) + "\n")
    return folder


def steady(count: int, rate: float = 30, delay_s: float = 0) -> np.ndarray:
    """Seconds at which a sensor takes `count` frames."""
    return 1000 + delay_s + np.arange(count) / rate


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of each file by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
