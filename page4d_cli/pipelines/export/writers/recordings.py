"""Formats that hold everything over time, for viewers and editors of 3D."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.strict_json import Json
from page4d_cli.io.formats.rerun import LoggedFrame
from page4d_cli.io.formats.rerun import write_rrd as write_recording
from page4d_cli.io.formats.usd import StageCamera, StagePoints, write_usd
from page4d_cli.io.formats.video import source_rate
from page4d_cli.pipelines.export.job import Job


def write_rrd(job: Job) -> dict[str, Json]:
    """`run.rrd`."""
    path = job.folder.path("rrd", "run.rrd")
    write_recording(path, _logged_frames(job), job.clip.run.directory.absolute())
    return {"frames": len(job.clip), "points": len(job.cloud.points)}


def write_stage(job: Job) -> dict[str, Json]:
    """`scene.usdc`; a frame's time code is its index in its source."""
    clip, cloud, still = job.clip, job.cloud, _is_still(job)
    rate = source_rate(clip.infos, clip.run.manifest.timestamp_source)
    write_usd(
        job.folder.path("usd", "scene.usdc"),
        [info.index for info in clip.infos],
        rate,
        StageCamera(
            clip.extrinsics,
            clip.intrinsics_source,
            [info.transform.source_size for info in clip.infos],
        ),
        still=StagePoints(cloud.points[still], cloud.colors[still]) if still.any() else None,
        by_frame=[
            StagePoints(cloud.points[mine], cloud.colors[mine])
            for mine in (~still & (cloud.frame_indices == index) for index in range(len(clip)))
        ],
        unit=clip.unit,
    )
    if job.part is None and job.still is None:
        job.notes.append(
            "usd: what moves is not known, so each frame has all of its points; after `page4d "
            "motion` what stands still is there at all times"
        )
    return {"frames": len(clip), "points": len(cloud.points), "frames_per_second": rate}


def _is_still(job: Job) -> NDArray[np.bool_]:
    """(N,) which points of the cloud are known to stand still."""
    if job.part is not None:
        return np.full(len(job.cloud.points), job.part is MotionPart.STATIC)
    if job.still is None:
        return np.zeros(len(job.cloud.points), bool)
    return job.cloud.read(job.still)


def _logged_frames(job: Job) -> Iterator[LoggedFrame]:
    clip, cloud = job.clip, job.cloud
    for index, (info, bounds) in enumerate(
        zip(clip.infos, pairwise(cloud.starts(len(clip))), strict=True)
    ):
        mine = slice(*bounds)
        yield LoggedFrame(
            index=clip.indices[index],
            timestamp_s=info.timestamp_s,
            T_camera_world=clip.extrinsics[index],
            intrinsics=clip.intrinsics[index],
            image=clip.images[index],
            depth=clip.depth[index],
            points=cloud.points[mine],
            colors=cloud.colors[mine],
        )
