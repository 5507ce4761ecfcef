"""Sparse models of COLMAP, text and binary: COLMAP reads both, many other programs only one.

Binary is what most splatting trainers and nerfstudio open; text what the converters do that came
with instant-ngp and its kin, and people.

Formats: "Output Format" of COLMAP's documentation (colmap.github.io/format.html). Cameras are
OpenCV cameras, poses are world to camera; the centre of the top left pixel is (0.5, 0.5).
"""

import os
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import quat_xyzw_from_matrix
from page4d_cli.core.types import Float64Array, UInt8Array
from page4d_cli.io.whole.writing import writing

_MODELS = {4: ("PINHOLE", 1), 8: ("OPENCV", 4)}
"""COLMAP's name and number of the model with so many parameters; the first four are the same."""
_AGREEMENT_PX = 0.5

FILES = ("cameras", "images", "points3D")


@dataclass(frozen=True)
class ColmapModel:
    """Cameras, images and points. C cameras, S images, N points, M observations.

    Raises:
        ValueError: shapes do not fit together.
    """

    sizes: NDArray[np.int64]
    """(C, 2) width and height."""
    parameters: Float64Array
    """(C, 4) fx, fy, cx, cy, pixel centres at .5; or (C, 8) with distortion k1, k2, p1, p2, too."""
    camera_of_image: NDArray[np.int64]
    """(S,) index into the cameras."""
    names: tuple[str, ...]
    """S names of image files, without white space."""
    T_camera_world: Float64Array
    """(S, 3, 4)."""
    points: Float64Array
    """(N, 3)."""
    colors: UInt8Array
    """(N, 3)."""
    errors_px: Float64Array
    """(N,) mean distance of the observations from the projected point."""
    image_of_observation: NDArray[np.int64]
    """(M,) index into the images; observations are sorted by image, then by point."""
    point_of_observation: NDArray[np.int64]
    """(M,) index into the points."""
    xy: Float64Array
    """(M, 2) pixels, centres at .5."""

    def __post_init__(self) -> None:
        count, observed = len(self.names), len(self.xy)
        if self.T_camera_world.shape != (count, 3, 4) or len(self.camera_of_image) != count:
            raise ValueError(f"{count} names, poses {self.T_camera_world.shape}")
        if not len(self.image_of_observation) == len(self.point_of_observation) == observed:
            raise ValueError(f"{observed} observations, but not as many images or points of them")

    def poses_wxyz_xyz(self) -> Float64Array:
        """(S, 7): quaternion w x y z and translation, world to camera."""
        quat_xyzw = quat_xyzw_from_matrix(self.T_camera_world[..., :3])
        return np.concatenate([quat_xyzw[:, [3, 0, 1, 2]], self.T_camera_world[..., 3]], axis=1)

    def observations(self) -> list[slice]:
        """S ranges of the observations."""
        bounds = np.searchsorted(self.image_of_observation, np.arange(len(self.names) + 1))
        return [slice(int(low), int(high)) for low, high in pairwise(bounds)]

    def tracks(self) -> list[NDArray[np.int64]]:
        """N lists (L, 2): index of the image, and of the observation within the image."""
        first = np.array([part.start for part in self.observations()], np.int64)
        within = np.arange(len(self.xy)) - first[self.image_of_observation]
        order = np.argsort(self.point_of_observation, kind="stable")
        pairs = np.column_stack([self.image_of_observation, within])[order]
        counts = np.bincount(self.point_of_observation, minlength=len(self.points))
        return np.split(pairs, np.cumsum(counts)[:-1])


def share_cameras(
    sizes: NDArray[np.int64], intrinsics: Float64Array, k1: Float64Array
) -> tuple[NDArray[np.int64], Float64Array, NDArray[np.int64]]:
    """Make one camera of images whose size and distortion are equal and whose intrinsics agree.

    Intrinsics agree if no corner of the image moves by half a pixel. Every image takes the first
    camera that it agrees with.

    Args:
        sizes: (S, 2) width and height.
        intrinsics: (S, 3, 3), whole numbers are pixel centres.
        k1: (S,) radial distortion.

    Returns:
        sizes (C, 2), parameters (C, 4), or (C, 8) if there is distortion, and the camera of each
        image (S,), as in `ColmapModel`.
    """
    values = intrinsics[:, [0, 1, 0, 1], [0, 1, 2, 2]] + [0, 0, 0.5, 0.5]
    chosen: list[int] = []
    camera_of_image = []
    for index, (size, own) in enumerate(zip(sizes, values, strict=True)):
        corners = np.array([[0, 0], size]) - own[2:]
        moved = [
            np.abs(corners / own[:2] * values[c, :2] + values[c, 2:] - corners - own[2:]).max()
            if (sizes[c] == size).all() and k1[c] == k1[index]
            else np.inf
            for c in chosen
        ]
        agreeing = np.flatnonzero(np.array(moved) < _AGREEMENT_PX)
        if not len(agreeing):
            chosen.append(index)
        camera_of_image.append(agreeing[0] if len(agreeing) else len(chosen) - 1)
    parameters = values[chosen]
    if k1.any():
        parameters = np.column_stack([parameters, k1[chosen], np.zeros((len(chosen), 3))])
    return sizes[chosen], parameters, np.array(camera_of_image, np.int64)


def write_colmap_text(folder: Path, model: ColmapModel) -> None:
    """Write cameras.txt, images.txt and points3D.txt.

    Args:
        folder: an existing folder.
        model: what to write; numbers count from 1 in the files.

    Raises:
        WriteError: a file cannot be written.
    """
    both = zip(model.sizes, model.parameters, strict=True)
    kind, _ = _MODELS[model.parameters.shape[1]]
    cameras = ["# CAMERA_ID MODEL WIDTH HEIGHT fx fy cx cy, and of OPENCV k1 k2 p1 p2"]
    for number, (size, parameters) in enumerate(both, start=1):
        cameras.append(f"{number} {kind} {size[0]} {size[1]} {_words(parameters)}")
    images = [
        "# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME (world to camera), then",
        "# X Y POINT3D_ID of each observation",
    ]
    everything = zip(
        model.poses_wxyz_xyz(),
        model.camera_of_image,
        model.names,
        model.observations(),
        strict=True,
    )
    for number, (pose, camera, name, part) in enumerate(everything, start=1):
        images.append(f"{number} {_words(pose)} {camera + 1} {name}")
        seen = zip(model.xy[part].tolist(), model.point_of_observation[part].tolist(), strict=True)
        images.append(" ".join(f"{x!r} {y!r} {point + 1}" for (x, y), point in seen))
    points = ["# POINT3D_ID X Y Z R G B ERROR, then IMAGE_ID POINT2D_IDX of each observation"]
    rows = zip(model.points, model.colors, model.errors_px, model.tracks(), strict=True)
    for number, (xyz, rgb, error, track) in enumerate(rows, start=1):
        seen_in = " ".join(f"{image + 1} {index}" for image, index in track.tolist())
        r, g, b = rgb.tolist()
        points.append(f"{number} {_words(xyz)} {r} {g} {b} {float(error)!r} {seen_in}")
    for name, lines in zip(FILES, (cameras, images, points), strict=True):
        path = folder / f"{name}.txt"
        with writing(path):
            path.write_bytes(os.fsencode("\n".join(lines) + "\n"))


def write_colmap_binary(folder: Path, model: ColmapModel) -> None:
    """Write cameras.bin, images.bin and points3D.bin; arguments as in `write_colmap_text`."""
    cameras = [struct.pack("<Q", len(model.sizes))]
    both = zip(model.sizes.tolist(), model.parameters.tolist(), strict=True)
    count = model.parameters.shape[1]
    layout = f"<IiQQ{count}d"
    for number, (size, parameters) in enumerate(both, start=1):
        cameras.append(struct.pack(layout, number, _MODELS[count][1], *size, *parameters))
    observation = np.dtype([("xy", "<f8", 2), ("point", "<u8")])
    images = [struct.pack("<Q", len(model.names))]
    everything = zip(
        model.poses_wxyz_xyz().tolist(),
        model.camera_of_image.tolist(),
        model.names,
        model.observations(),
        strict=True,
    )
    for number, (pose, camera, name, part) in enumerate(everything, start=1):
        seen = np.empty(part.stop - part.start, observation)
        seen["xy"], seen["point"] = model.xy[part], model.point_of_observation[part] + 1
        images.append(struct.pack("<I7dI", number, *pose, camera + 1))
        images.append(os.fsencode(name) + b"\0" + struct.pack("<Q", len(seen)) + seen.tobytes())
    points = [struct.pack("<Q", len(model.points))]
    rows = zip(
        model.points.tolist(),
        model.colors.tolist(),
        model.errors_px.tolist(),
        model.tracks(),
        strict=True,
    )
    for number, (xyz, rgb, error, track) in enumerate(rows, start=1):
        points.append(struct.pack("<Q3d3BdQ", number, *xyz, *rgb, error, len(track)))
        points.append((track + np.array([1, 0])).astype("<u4").tobytes())
    for file, parts in zip(FILES, (cameras, images, points), strict=True):
        path = folder / f"{file}.bin"
        with writing(path):
            path.write_bytes(b"".join(parts))


def _words(values: Float64Array) -> str:
    """Numbers that read back as exactly the same."""
    return " ".join(repr(value) for value in values.tolist())
