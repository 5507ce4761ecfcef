"""Formats from which trainers of splats and radiance fields start."""

from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import Json
from page4d_cli.io.formats import nerfstudio
from page4d_cli.io.formats.colmap import write_colmap_binary, write_colmap_text
from page4d_cli.io.formats.ply import first_camera, write_ply
from page4d_cli.io.formats.png import write_depth_png
from page4d_cli.pipelines.cloud.choose import thin_cloud
from page4d_cli.pipelines.export.colmap_model import colmap_model
from page4d_cli.pipelines.export.images import IMAGES
from page4d_cli.pipelines.export.job import Job

_COLMAP_POINTS = 100_000
"""Splats start well from so many; each stands in several files with all frames that show it."""
_COLMAP_FOLDER = "colmap/sparse/0"


def write_colmap(job: Job) -> dict[str, Json]:
    """`colmap/`."""
    cloud = thin_cloud(job.cloud, job.cloud_options.max_points or _COLMAP_POINTS)
    model = colmap_model(job.clip, cloud, job.images.names, keep=job.keep)
    for kind, write in (("txt", write_colmap_text), ("bin", write_colmap_binary)):
        paths = [
            job.folder.path("colmap", f"{_COLMAP_FOLDER}/{name}.{kind}")
            for name in ("cameras", "images", "points3D")
        ]
        write(paths[0].parent, model)
    return {
        "images": str(job.images.folder or f"colmap/{IMAGES}"),
        "cameras": len(model.sizes),
        "points": len(model.points),
        "observations": len(model.xy),
    }


def write_nerfstudio(job: Job) -> dict[str, Json]:
    """`nerfstudio/`."""
    clip, folder = job.clip, job.folder
    job.note_lost_depth("nerfstudio", nerfstudio.MAX_DEPTH)
    depth_files = [f"depth/{info.stem}.png" for info in clip.infos]
    for index, (info, file) in enumerate(zip(clip.infos, depth_files, strict=True)):
        in_source = to_source_pixels(clip.depth[index], info.transform)
        path = folder.path("nerfstudio", f"nerfstudio/{file}")
        write_depth_png(path, in_source, nerfstudio.DEPTH_SCALE)
    write_ply(
        folder.path("nerfstudio", "nerfstudio/points.ply"),
        job.cloud.points,
        job.cloud.colors,
        first_camera(clip.unit),
    )
    nerfstudio.write_transforms(
        folder.path("nerfstudio", "nerfstudio/transforms.json"),
        image_files=job.images.seen_from_format(),
        depth_files=depth_files,
        points_file="points.ply",
        T_camera_world=clip.extrinsics,
        intrinsics=clip.intrinsics_source,
        sizes=[info.transform.source_size for info in clip.infos],
    )
    return {"frames": len(clip), "points": len(job.cloud.points)}
