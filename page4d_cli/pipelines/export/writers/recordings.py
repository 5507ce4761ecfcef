"""Formats that hold everything over time, for viewers and editors of 3D."""

from collections.abc import Iterator
from itertools import pairwise

from page4d_cli.core.strict_json import Json
from page4d_cli.io.formats.rerun import LoggedFrame
from page4d_cli.io.formats.rerun import write_rrd as write_recording
from page4d_cli.pipelines.export.job import Job


def write_rrd(job: Job) -> dict[str, Json]:
    """`run.rrd`."""
    path = job.folder.path("rrd", "run.rrd")
    write_recording(path, _logged_frames(job), job.clip.run.directory.absolute())
    return {"frames": len(job.clip), "points": len(job.cloud.points)}


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
