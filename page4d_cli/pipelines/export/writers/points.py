"""Formats that hold points, and surfaces."""

from itertools import pairwise

import numpy as np

from page4d_cli.core.strict_json import Json
from page4d_cli.draw.colormaps import TIME, colorise
from page4d_cli.io.formats.glb import write_glb
from page4d_cli.io.formats.ply import write_ply
from page4d_cli.pipelines.export.job import Job

_POINTS_A_FRAME = 100_000


def write_cloud(job: Job) -> dict[str, Json]:
    """`cloud.ply`."""
    write_ply(job.folder.path("ply", "cloud.ply"), job.cloud.points, job.cloud.colors)
    return {"points": len(job.cloud.points)}


def write_cloud_sequence(job: Job) -> dict[str, Json]:
    """`clouds/NAME.ply`, each with the points that its frame shows; a frame may have none."""
    clip = job.clip
    cloud = job.cloud_of_at_most(_POINTS_A_FRAME * len(clip))
    for info, bounds in zip(clip.infos, pairwise(cloud.starts(len(clip))), strict=True):
        mine = slice(*bounds)
        path = job.folder.path("ply-sequence", f"clouds/{info.stem}.ply")
        write_ply(path, cloud.points[mine], cloud.colors[mine])
    return {"frames": len(clip), "points": len(cloud.points)}


def write_scene(job: Job) -> dict[str, Json]:
    """`scene.glb`."""
    boxes = np.array([info.transform.content for info in job.clip.infos])
    path = job.folder.path("glb", "scene.glb")
    cloud, clip = job.cloud, job.clip
    by_age = colorise(np.linspace(0, 1, len(clip))[None], 0.0, 1.0, TIME)[0]
    write_glb(path, cloud.points, cloud.colors, clip.extrinsics, clip.intrinsics, boxes, by_age)
    return {"points": len(cloud.points), "cameras": len(clip)}
