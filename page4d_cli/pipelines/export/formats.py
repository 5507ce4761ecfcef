"""What `export` writes of a clip, a function a format."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import ExportFormat, MotionPart, Save
from page4d_cli.core.errors import InputError, NothingLeftError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import Json, to_text
from page4d_cli.core.types import Float32Array
from page4d_cli.core.wording import count_noun
from page4d_cli.draw.clip_preview import clip_preview
from page4d_cli.draw.colormaps import TIME, colorise
from page4d_cli.io.formats import nerfstudio
from page4d_cli.io.formats.colmap import write_colmap_binary, write_colmap_text
from page4d_cli.io.formats.glb import write_glb
from page4d_cli.io.formats.npz import write_bundle
from page4d_cli.io.formats.ply import write_ply
from page4d_cli.io.formats.png import scale_for, write_depth_png
from page4d_cli.io.formats.rerun import LoggedFrame, write_rrd
from page4d_cli.io.formats.trajectory import write_kitti, write_tum
from page4d_cli.io.formats.video import playback_rate, write_video
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.cloud.choose import MAX_POINTS, Cloud, thin_cloud
from page4d_cli.pipelines.cloud.of_run import CloudOptions, cloud_of_clip
from page4d_cli.pipelines.export.colmap_model import colmap_model
from page4d_cli.pipelines.export.folder import ExportFolder
from page4d_cli.pipelines.export.images import IMAGES, ImageFiles, image_files
from page4d_cli.pipelines.stored_run.clip import RunClip

COLMAP_POINTS = 100_000
"""Splats start well from so many; each stands in several files with all frames that show it."""
_CAMERAS, _DEPTH = frozenset({Save.CAMERAS}), frozenset({Save.DEPTH})
_FROM_DEPTH = _CAMERAS | _DEPTH | {Save.CONFIDENCE}
_MANY_SIZES = (
    "the maps of the run differ in size; choose frames of one size with --frames, or make the run "
    "with --resolution network"
)
_COLMAP_FOLDER = "colmap/sparse/0"


@dataclass(frozen=True)
class Job:
    """A clip on its way into a folder."""

    clip: RunClip
    folder: ExportFolder
    formats: Sequence[ExportFormat]
    """All that are to be written."""
    cloud_options: CloudOptions
    keep: Sequence[NDArray[np.bool_]] | None = None
    """S masks (H, W) of the pixels that points may come from."""
    part: MotionPart | None = None
    """Which part of the scene the points are of; None: all of it."""
    notes: list[str] = field(default_factory=list)

    @cached_property
    def cloud(self) -> Cloud:
        """Of every format that holds points."""
        return cloud_of_clip(
            self.clip, self.cloud_options, max_points=MAX_POINTS, keep=self.keep, part=self.part
        )

    @cached_property
    def images(self) -> ImageFiles:
        """The files that COLMAP and nerfstudio shall open."""
        groups = [each.value for each in self.formats if WRITERS[each].names_images]
        images = image_files(self.clip, self.folder, groups)
        self.notes.append(images.note)
        return images


@dataclass(frozen=True)
class FormatWriter:
    """What a format needs of the run, where it goes, and who writes it."""

    write: Callable[[Job], dict[str, Json]]
    """Returns what `export.json` says of it."""
    place: str
    """File or folder in the export."""
    needs: frozenset[Save]
    with_pictures: bool = True
    has_points: bool = False
    names_images: bool = False
    """Whether it names files of the source pictures."""


def _write_ply(job: Job) -> dict[str, Json]:
    write_ply(job.folder.path("ply", "cloud.ply"), job.cloud.points, job.cloud.colors)
    return {"points": len(job.cloud.points)}


def _write_glb(job: Job) -> dict[str, Json]:
    boxes = np.array([info.transform.content for info in job.clip.infos])
    path = job.folder.path("glb", "scene.glb")
    cloud, clip = job.cloud, job.clip
    by_age = colorise(np.linspace(0, 1, len(clip))[None], 0.0, 1.0, TIME)[0]
    write_glb(path, cloud.points, cloud.colors, clip.extrinsics, clip.intrinsics, boxes, by_age)
    return {"points": len(cloud.points), "cameras": len(clip)}


def _write_colmap(job: Job) -> dict[str, Json]:
    cloud = thin_cloud(job.cloud, job.cloud_options.max_points or COLMAP_POINTS)
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


def _write_nerfstudio(job: Job) -> dict[str, Json]:
    clip, folder = job.clip, job.folder
    deepest = _deepest(clip.depth)
    if deepest > nerfstudio.MAX_DEPTH:
        beyond = np.mean([(depth > nerfstudio.MAX_DEPTH).mean() for depth in clip.depth])
        job.notes.append(
            f"nerfstudio: {beyond:.1%} of the pixels are deeper than {nerfstudio.MAX_DEPTH:g}, "
            f"the most that its depth maps hold (the deepest: {deepest:.4g}); they have no depth"
        )
    depth_files = [f"depth/{info.stem}.png" for info in clip.infos]
    for index, (info, file) in enumerate(zip(clip.infos, depth_files, strict=True)):
        in_source = to_source_pixels(clip.depth[index], info.transform)
        path = folder.path("nerfstudio", f"nerfstudio/{file}")
        write_depth_png(path, in_source, nerfstudio.DEPTH_SCALE)
    write_ply(
        folder.path("nerfstudio", "nerfstudio/points.ply"), job.cloud.points, job.cloud.colors
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


def _write_tum(job: Job) -> dict[str, Json]:
    path = job.folder.path("tum", "trajectory_tum.txt")
    write_tum(path, job.clip.timestamps_s, invert_rigid(job.clip.extrinsics))
    return {"frames": len(job.clip)}


def _write_kitti(job: Job) -> dict[str, Json]:
    path = job.folder.path("kitti", "trajectory_kitti.txt")
    write_kitti(path, invert_rigid(job.clip.extrinsics))
    return {"frames": len(job.clip)}


def _write_npz(job: Job) -> dict[str, Json]:
    clip = job.clip
    if len({map_.shape for map_ in clip.depth}) > 1:
        raise InputError(f"npz: {_MANY_SIZES}")
    arrays = {
        "stems": np.array([info.stem for info in clip.infos]),
        "sources": np.array([info.source for info in clip.infos]),
        "timestamps_s": clip.timestamps_s,
        "source_size": np.array([info.transform.source_size for info in clip.infos]),
        "extrinsics": clip.extrinsics,
        "intrinsics": clip.intrinsics,
        "intrinsics_source": clip.intrinsics_source,
        "depth": np.stack(clip.depth),
    }
    if Save.CONFIDENCE in clip.run.manifest.saved:
        arrays["confidence"] = np.stack(clip.confidence)
    write_bundle(job.folder.path("npz", "run.npz"), arrays)
    return {"arrays": sorted(arrays)}


def _write_depth_png(job: Job) -> dict[str, Json]:
    scale = scale_for(_deepest(job.clip.depth))
    for info, depth in zip(job.clip.infos, job.clip.depth, strict=True):
        path = job.folder.path("depth-png", f"depth/{info.stem}.png")
        write_depth_png(path, depth, scale)
    about = {
        "depth_png_scale": scale,
        "convention": "value = depth * depth_png_scale, 0 where there is no depth; planar z; "
        "unit: relative (no metric scale)",
    }
    path = job.folder.path("depth-png", "depth/scale.json")
    with writing(path):
        path.write_text(to_text(about), encoding="utf-8")
    return {"frames": len(job.clip), "depth_png_scale": scale}


def _write_video(job: Job) -> dict[str, Json]:
    clip = job.clip
    if len({map_.shape for map_ in clip.depth}) > 1:
        raise InputError(f"video: {_MANY_SIZES}")
    source = clip.run.manifest.timestamp_source
    pictures = clip_preview(clip.images, clip.depth, clip.infos, source)
    path = job.folder.path("video", "depth.mp4")
    write_video(path, pictures, playback_rate(clip.infos, source))
    return {"frames": len(clip)}


def _write_rrd(job: Job) -> dict[str, Json]:
    path = job.folder.path("rrd", "run.rrd")
    write_rrd(path, _logged_frames(job), job.clip.run.directory.absolute())
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


def _deepest(maps: Sequence[Float32Array]) -> float:
    deepest = max(float(map_[np.isfinite(map_)].max(initial=0)) for map_ in maps)
    if deepest <= 0:
        raise NothingLeftError(
            f"no pixel of {count_noun(len(maps), 'chosen frame')} has a usable depth; nothing was "
            "written"
        )
    return deepest


WRITERS = {
    ExportFormat.PLY: FormatWriter(_write_ply, "cloud.ply", _FROM_DEPTH, has_points=True),
    ExportFormat.GLB: FormatWriter(_write_glb, "scene.glb", _FROM_DEPTH, has_points=True),
    ExportFormat.COLMAP: FormatWriter(
        _write_colmap, "colmap", _FROM_DEPTH, has_points=True, names_images=True
    ),
    ExportFormat.NERFSTUDIO: FormatWriter(
        _write_nerfstudio, "nerfstudio", _FROM_DEPTH, has_points=True, names_images=True
    ),
    ExportFormat.TUM: FormatWriter(_write_tum, "trajectory_tum.txt", _CAMERAS, with_pictures=False),
    ExportFormat.KITTI: FormatWriter(
        _write_kitti, "trajectory_kitti.txt", _CAMERAS, with_pictures=False
    ),
    ExportFormat.NPZ: FormatWriter(_write_npz, "run.npz", _FROM_DEPTH, with_pictures=False),
    ExportFormat.DEPTH_PNG: FormatWriter(_write_depth_png, "depth", _DEPTH, with_pictures=False),
    ExportFormat.VIDEO: FormatWriter(_write_video, "depth.mp4", _DEPTH),
    ExportFormat.RRD: FormatWriter(_write_rrd, "run.rrd", _FROM_DEPTH, has_points=True),
}
