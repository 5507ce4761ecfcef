"""Formats that hold the path of the camera only."""

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.io.formats import nuke
from page4d_cli.io.formats.trajectory import write_kitti, write_tum
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.export.job import Job


def write_tum_path(job: Job) -> dict[str, Json]:
    """`trajectory_tum.txt`."""
    path = job.folder.path("tum", "trajectory_tum.txt")
    poses = invert_rigid(job.clip.extrinsics)
    write_tum(path, job.clip.timestamps_s, poses, unit=job.clip.unit)
    return {"frames": len(job.clip)}


def write_kitti_path(job: Job) -> dict[str, Json]:
    """`trajectory_kitti.txt`."""
    path = job.folder.path("kitti", "trajectory_kitti.txt")
    write_kitti(path, invert_rigid(job.clip.extrinsics))
    return {"frames": len(job.clip)}


def write_nuke(job: Job) -> dict[str, Json]:
    """`nuke/camera.chan` and `nuke/camera.json`; numbers are indices in the source, from 1."""
    clip = job.clip
    numbers = [info.index + 1 for info in clip.infos]
    lenses = [
        nuke.lens(k, info.transform.source_size)
        for k, info in zip(clip.intrinsics_source, clip.infos, strict=True)
    ]
    nuke.write_chan(job.folder.path("nuke", "nuke/camera.chan"), numbers, clip.extrinsics, lenses)
    path = job.folder.path("nuke", "nuke/camera.json")
    with writing(path):
        path.write_text(to_text(nuke.about(numbers, lenses)), encoding="utf-8")
    first = lenses[0]
    job.notes.append(
        f"nuke: import camera.chan with rotation order {nuke.ROTATION_ORDER}, and give the camera "
        f"horizontal aperture {first.haperture_mm:g} and vertical {first.vaperture_mm:.4f}"
    )
    return {"frames": len(clip)}
