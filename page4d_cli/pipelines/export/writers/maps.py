"""Formats that hold maps or pictures of each frame."""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.enums import Save
from page4d_cli.core.geometry import valid_depth, world_points_from_depth
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.core.types import Float32Array
from page4d_cli.draw.clip_preview import clip_preview
from page4d_cli.io.formats import exr
from page4d_cli.io.formats.npz import write_bundle
from page4d_cli.io.formats.png import MAX_DEPTH_VALUE, scale_for, write_depth_png
from page4d_cli.io.formats.video import playback_rate, write_video
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.export.job import Job


def write_npz(job: Job) -> dict[str, Json]:
    """`run.npz`."""
    clip = job.clip
    job.require_one_size("npz")
    arrays = {
        "stems": np.array([info.stem for info in clip.infos]),
        "sources": np.array([info.source for info in clip.infos]),
        "timestamps_s": clip.timestamps_s,
        "source_size": np.array([info.transform.source_size for info in clip.infos]),
        "extrinsics": clip.extrinsics,
        "intrinsics": clip.intrinsics,
        "intrinsics_source": clip.intrinsics_source,
        "depth": _in_memory(clip.depth),
    }
    if Save.CONFIDENCE in clip.run.manifest.saved:
        arrays["confidence"] = _in_memory(clip.confidence)
    write_bundle(job.folder.path("npz", "run.npz"), arrays, clip.unit)
    return {"arrays": sorted(arrays)}


def _in_memory(maps: Sequence[Float32Array]) -> Float32Array:
    """(S, H, W) of maps on the disk, of which one is open at a time."""
    arrays = np.empty((len(maps), *maps[0].shape), np.float32)
    for place, map_ in enumerate(maps):
        arrays[place] = map_
    return arrays


def write_depth_pngs(job: Job) -> dict[str, Json]:
    """`depth/NAME.png`, and `depth/scale.json`."""
    deepest, scale = job.deepest(), job.options.depth_scale
    if scale is None:
        scale = scale_for(deepest)
    job.note_lost_depth("depth-png", MAX_DEPTH_VALUE / scale)
    for info, depth in zip(job.clip.infos, job.clip.depth, strict=True):
        path = job.folder.path("depth-png", f"depth/{info.stem}.png")
        write_depth_png(path, depth, scale)
    about = {
        "depth_png_scale": scale,
        "convention": "value = depth * depth_png_scale, 0 where there is no depth; planar z; "
        f"unit: {job.clip.unit.in_words()}",
    }
    path = job.folder.path("depth-png", "depth/scale.json")
    with writing(path):
        path.write_text(to_text(about), encoding="utf-8")
    return {"frames": len(job.clip), "depth_png_scale": scale}


def write_exrs(job: Job) -> dict[str, Json]:
    """`exr/NAME.exr`."""
    clip, half = job.clip, job.options.half
    job.note_lost_depth("exr", exr.MOST[half])
    for index, info in enumerate(clip.infos):
        exr.write_depth_exr(
            job.folder.path("exr", f"exr/{info.stem}.exr"),
            valid_depth(info.transform.without_padding(clip.depth[index])),
            clip.intrinsics[index],
            clip.extrinsics[index],
            points=_points(job, index) if job.options.points else None,
            half=half,
            unit=clip.unit,
        )
    return {"frames": len(clip), "channels": exr.CHANNELS[: 4 if job.options.points else 1]}


def _points(job: Job, index: int) -> Float32Array:
    clip = job.clip
    depth = clip.depth[index].astype(np.float64)
    points = world_points_from_depth(depth, clip.intrinsics[index], clip.extrinsics[index])
    return points.astype(np.float32)


def write_depth_video(job: Job) -> dict[str, Json]:
    """`depth.mp4`."""
    clip = job.clip
    job.require_one_size("video")
    source = clip.run.manifest.timestamp_source
    pictures = clip_preview(clip.images, clip.depth, clip.infos, source)
    path = job.folder.path("video", "depth.mp4")
    write_video(path, pictures, playback_rate(clip.infos, source))
    return {"frames": len(clip)}
