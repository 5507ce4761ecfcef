"""A surface through many depth maps, by open3d's TSDF volume of blocks that grows where one is.

Curless and Levoy, A Volumetric Method for Building Complex Models from Range Images, SIGGRAPH 1996.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.geometry import FloatArray, as_homogeneous
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array

_TRUNCATION_VOXELS = 4.0
"""How far from a surface its depth is believed to say what is empty and what is full."""
_BLOCKS = 1000
"""Of 16³ voxels, to begin with; open3d adds more."""


@dataclass(frozen=True)
class SeenSurface:
    """What a frame adds to the surface. H W pixels."""

    depth: FloatArray
    """(H, W) planar z; NaN where there is none."""
    image: UInt8Array
    """(H, W, 3)."""
    intrinsics: Float64Array
    """(3, 3), whole numbers are pixel centres."""
    T_camera_world: Float64Array
    """(3, 4)."""


@dataclass(frozen=True)
class Mesh:
    """V vertices, T triangles."""

    vertices: Float32Array
    """(V, 3) in the world."""
    colors: UInt8Array
    """(V, 3)."""
    triangles: NDArray[np.int32]
    """(T, 3) vertices, counter-clockwise when seen from where the cameras are."""

    @property
    def extent(self) -> tuple[float, float, float]:
        """Sizes along x, y and z."""
        x, y, z = np.ptp(self.vertices, axis=0).tolist()
        return x, y, z


_EMPTY = Mesh(np.empty((0, 3), "f4"), np.empty((0, 3), "u1"), np.empty((0, 3), "i4"))


def fuse(frames: Iterable[SeenSurface], voxel: float) -> Mesh:
    """Fuse depth maps.

    Args:
        frames: taken one at a time.
        voxel: edge of the volume's cubes, in the unit of the world; memory grows with the surface,
            as 1 / voxel².

    Returns:
        The surface, always in the same order; empty where nothing is seen.
    """
    from open3d import core
    from open3d.t import geometry

    volume = geometry.VoxelBlockGrid(
        ("tsdf", "weight", "color"), (core.float32,) * 3, ((1,), (1,), (3,)), voxel, 16, _BLOCKS
    )
    seen = False
    for frame in frames:
        depth = np.ascontiguousarray(np.nan_to_num(frame.depth), np.float32)
        finite = np.isfinite(frame.T_camera_world).all() and np.isfinite(frame.intrinsics).all()
        if not (finite and depth.any()):
            continue
        image = geometry.Image(depth)
        camera = [
            core.Tensor.from_numpy(np.array(matrix, np.float64))
            for matrix in (frame.intrinsics, as_homogeneous(frame.T_camera_world))
        ]
        ranges = (1.0, float(depth.max()) * 1.01, _TRUNCATION_VOXELS)
        try:
            blocks = volume.compute_unique_block_coordinates(image, *camera, *ranges)
        except RuntimeError as error:
            if "No block is touched" not in str(error):
                raise
            continue  # open3d looks at some pixels only, and none of these is seen
        seen = True
        color = geometry.Image(np.ascontiguousarray(frame.image / 255, np.float32))
        volume.integrate(blocks, image, color, *camera, *ranges)
    if not seen:
        return _EMPTY
    mesh = volume.extract_triangle_mesh(0.0)  # of a surface that a single frame has seen, too
    if "indices" not in mesh.triangle:
        return _EMPTY
    colors = np.rint(mesh.vertex.colors.numpy().clip(0, 1) * 255).astype(np.uint8)
    return _sorted(Mesh(mesh.vertex.positions.numpy(), colors, mesh.triangle.indices.numpy()))


def _sorted(mesh: Mesh) -> Mesh:
    """The same surface in an order of its own: open3d's threads leave it to chance."""
    order = np.lexsort(np.concatenate([mesh.colors.T, mesh.vertices.T]))
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    triangles = place[mesh.triangles]
    first = triangles.argmin(axis=1)[:, None]
    triangles = np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)
    return Mesh(mesh.vertices[order], mesh.colors[order], triangles[np.lexsort(triangles.T[::-1])])
