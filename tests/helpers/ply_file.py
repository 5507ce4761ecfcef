"""Reads the clouds that page4d writes, by the format's definition."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])


def read_ply(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points (N, 3) and colours (N, 3); N is the header's."""
    header, body = path.read_bytes().split(b"end_header\n", 1)
    (count,) = (line.split()[2] for line in header.splitlines() if line.startswith(b"element"))
    vertices = np.frombuffer(body, _VERTEX)
    assert len(vertices) == int(count)
    return vertices["xyz"], vertices["rgb"]
