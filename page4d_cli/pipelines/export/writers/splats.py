"""Formats from which trainers of splats and radiance fields start."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Float64Array
from page4d_cli.io.formats import nerfstudio
from page4d_cli.io.formats.colmap import ColmapModel, write_colmap_binary, write_colmap_text
from page4d_cli.io.formats.ply import first_camera, write_ply
from page4d_cli.io.formats.png import write_depth_png, write_png
from page4d_cli.io.run.tracks import has_tracks, read_tracks
from page4d_cli.pipelines.cloud.choose import thin_cloud
from page4d_cli.pipelines.export.colmap_model import colmap_model, refined_model
from page4d_cli.pipelines.export.images import IMAGES
from page4d_cli.pipelines.export.job import Job

_COLMAP_POINTS = 100_000
"""Splats start well from so many; each stands in several files with all frames that show it."""
_MASKS = "masks"


def write_colmap(job: Job) -> dict[str, Json]:
    """`colmap/`; masks have the names that COLMAP looks for: those of the pictures, and `.png`."""
    names = job.images.names
    model = _colmap_model(job, job.cloud_options.max_points or _COLMAP_POINTS)
    for kind, write in (("txt", write_colmap_text), ("bin", write_colmap_binary)):
        paths = [
            job.folder.path("colmap", f"colmap/sparse/0/{name}.{kind}")
            for name in ("cameras", "images", "points3D")
        ]
        write(paths[0].parent, model)
    if job.taken is not None:
        _write_masks(job, "colmap", [f"{name}.png" for name in names], job.taken, of_taken=255)
    return {
        "images": f"colmap/{IMAGES}",
        "masks": None if job.taken is None else f"colmap/{_MASKS}: 0 = ignored",
        "cameras": len(model.sizes),
        "points": len(model.points),
        "observations": len(model.xy),
    }


def _colmap_model(job: Job, max_points: int) -> ColmapModel:
    """True tracks where a run has some; else points that depth and cameras put into pictures."""
    run = job.clip.run
    if has_tracks(run) and job.part is not MotionPart.MOVING:
        job.notes.append(
            "colmap: points are those that `page4d refine` has found, with their pixels"
        )
        return refined_model(job.clip, read_tracks(run), job.images.names, max_points)
    cloud = thin_cloud(job.taken_cloud, max_points)
    return colmap_model(job.clip, cloud, job.images.names, keep=job.taken)


def write_nerfstudio(job: Job) -> dict[str, Json]:
    """`nerfstudio/`."""
    masks = [f"{info.stem}.png" for info in job.clip.infos] if job.taken is not None else []
    if job.taken is not None:
        _write_masks(job, "nerfstudio", masks, job.taken, of_taken=255)
    cloud = job.taken_cloud
    path = job.folder.path("nerfstudio", "nerfstudio/points.ply")
    write_ply(path, cloud.points, cloud.colors, first_camera(job.clip.unit))
    _write_transforms(job, "nerfstudio", {"mask_path": [f"{_MASKS}/{name}" for name in masks]})
    return {
        "frames": len(job.clip),
        "points": len(cloud.points),
        "masks": f"nerfstudio/{_MASKS}: 0 = ignored" if masks else None,
    }


def write_dynamic(job: Job) -> dict[str, Json]:
    """`dynamic/`."""
    clip, cloud = job.clip, job.cloud
    times = _shares_of_time(clip.timestamps_s)
    of_points = {"time": times[cloud.frame_indices].astype(np.float32)}
    masks = [f"{info.stem}.png" for info in clip.infos] if job.still is not None else []
    if job.still is not None:
        of_points["moving"] = (~cloud.read(job.still)).astype(np.float32)
        _write_masks(job, "dynamic", masks, job.still, of_taken=0)
    path = job.folder.path("dynamic", "dynamic/points.ply")
    write_ply(path, cloud.points, cloud.colors, first_camera(clip.unit), scalars=of_points)
    _write_transforms(
        job,
        "dynamic",
        {"time": times.tolist(), "motion_mask_path": [f"{_MASKS}/{name}" for name in masks]},
        mask_polarity="motion_mask_path: 255 = moving, 0 = still" if masks else None,
    )
    return {
        "frames": len(clip),
        "points": len(cloud.points),
        "masks": f"dynamic/{_MASKS}: 255 = moving" if masks else None,
    }


def _write_masks(
    job: Job,
    group: str,
    names: Sequence[str],
    taken: Sequence[NDArray[np.bool_]],
    *,
    of_taken: int,
) -> None:
    """Masks of the sources' pixels, 255 and 0; what the network did not see counts as taken.

    Args:
        job: whose frames.
        group: the format.
        names: S files.
        taken: S masks (H, W).
        of_taken: the value of what they take, 0 or 255.
    """
    for info, name, mask in zip(job.clip.infos, names, taken, strict=True):
        left_out = to_source_pixels((~mask).astype(np.float32), info.transform) >= 0.5
        picture = np.where(left_out, 255 - of_taken, of_taken).astype(np.uint8)
        write_png(job.folder.path(group, f"{group}/{_MASKS}/{name}"), picture)


def _write_transforms(
    job: Job,
    group: str,
    of_frames: dict[str, Sequence[Json]],
    *,
    mask_polarity: str | None = None,
) -> None:
    """`transforms.json` and depth."""
    clip, folder = job.clip, job.folder
    job.note_lost_depth(group, nerfstudio.MAX_DEPTH)
    depth_files = [f"depth/{info.stem}.png" for info in clip.infos]
    for index, (info, file) in enumerate(zip(clip.infos, depth_files, strict=True)):
        in_source = to_source_pixels(clip.depth[index], info.transform)
        path = folder.path(group, f"{group}/{file}")
        write_depth_png(path, in_source, nerfstudio.DEPTH_SCALE)
    k1: list[Json] = [clip.run.manifest.k1.get(info.stem, 0.0) for info in clip.infos]
    nerfstudio.write_transforms(
        folder.path(group, f"{group}/transforms.json"),
        image_files=[f"{IMAGES}/{name}" for name in job.images.names],
        depth_files=depth_files,
        points_file="points.ply",
        T_camera_world=clip.extrinsics,
        intrinsics=clip.intrinsics_source,
        sizes=[info.transform.source_size for info in clip.infos],
        of_frames={
            **{key: values for key, values in of_frames.items() if values},
            **({"k1": k1} if any(k1) else {}),
        },
        of_all={"mask_polarity": mask_polarity} if mask_polarity else {},
    )


def _shares_of_time(timestamps_s: Float64Array) -> Float64Array:
    """(S,) 0 for the first frame, 1 for the last; by number where no time passes."""
    passed = timestamps_s - timestamps_s[0]
    if not passed[-1]:
        passed = np.arange(len(passed), dtype=np.float64)
    return np.asarray(passed / (passed[-1] or 1.0), np.float64)
