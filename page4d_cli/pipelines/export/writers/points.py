"""Formats that hold points, and surfaces."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from page4d_cli.core.errors import NothingLeftError
from page4d_cli.core.strict_json import Json
from page4d_cli.core.wording import count_noun
from page4d_cli.draw.colormaps import TIME, colorise
from page4d_cli.io.formats.glb import write_glb
from page4d_cli.io.formats.mesh import SeenSurface, fuse
from page4d_cli.io.formats.ply import first_camera, write_ply
from page4d_cli.pipelines.export.job import Job

_POINTS_A_FRAME = 100_000
_EVERY = 7  # pixel of a map, for a median
_VOXEL_PIXELS = 2.0
"""Edge of the mesh's voxels, in what a pixel of the maps covers at the median depth."""


def write_cloud(job: Job) -> dict[str, Json]:
    """`cloud.ply`."""
    about = first_camera(job.clip.unit)
    write_ply(job.folder.path("ply", "cloud.ply"), job.cloud.points, job.cloud.colors, about)
    return {"points": len(job.cloud.points)}


def write_cloud_sequence(job: Job) -> dict[str, Json]:
    """`clouds/NAME.ply`, each with the points that its frame shows; a frame may have none."""
    clip = job.clip
    cloud = job.cloud_of_at_most(_POINTS_A_FRAME * len(clip))
    for info, bounds in zip(clip.infos, pairwise(cloud.starts(len(clip))), strict=True):
        mine = slice(*bounds)
        path = job.folder.path("ply-sequence", f"clouds/{info.stem}.ply")
        write_ply(path, cloud.points[mine], cloud.colors[mine], first_camera(clip.unit))
    return {"frames": len(clip), "points": len(cloud.points)}


def write_scene(job: Job) -> dict[str, Json]:
    """`scene.glb`."""
    boxes = np.array([info.transform.content for info in job.clip.infos])
    path = job.folder.path("glb", "scene.glb")
    cloud, clip = job.cloud, job.clip
    by_age = colorise(np.linspace(0, 1, len(clip))[None], 0.0, 1.0, TIME)[0]
    write_glb(path, cloud.points, cloud.colors, clip.extrinsics, clip.intrinsics, boxes, by_age)
    return {"points": len(cloud.points), "cameras": len(clip)}


def write_mesh(job: Job) -> dict[str, Json]:
    """`mesh.ply`.

    Raises:
        NothingLeftError: there is no surface.
    """
    voxel = job.cloud_options.voxel or _voxel(job)
    mesh = fuse(_surfaces(job), voxel)
    if not len(mesh.triangles):
        raise NothingLeftError(
            f"mesh: {count_noun(len(job.clip), 'frame')} gave no surface with --voxel {voxel:g}; "
            "nothing was written"
        )
    path = job.folder.path("mesh", "mesh.ply")
    about = first_camera(job.clip.unit)
    write_ply(path, mesh.vertices, mesh.colors, about, triangles=mesh.triangles)
    return {
        "points": len(mesh.vertices),
        "triangles": len(mesh.triangles),
        "voxel": voxel,
        "extent": list(mesh.extent),
    }


def _voxel(job: Job) -> float:
    job.deepest()
    depth = np.concatenate([map_[map_ > 0][::_EVERY] for map_ in job.clip.depth])
    focal = np.median(job.clip.intrinsics[:, 0, 0])
    return float(_VOXEL_PIXELS * np.median(depth[np.isfinite(depth)]) / focal)


def _surfaces(job: Job) -> Iterator[SeenSurface]:
    clip = job.clip
    keep = job.keep if job.part is not None else job.static_pixels()
    for index in range(len(clip)):
        posed = clip.posed_depth(index)
        depth = posed.depth if keep is None else np.where(keep[index], posed.depth, np.nan)
        yield SeenSurface(depth, clip.images[index], posed.intrinsics, posed.T_camera_world)
