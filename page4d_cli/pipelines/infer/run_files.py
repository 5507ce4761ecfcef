"""Turn what the heads say about a clip into the files of a run directory."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import Head, LengthUnit, Resolution, Save
from page4d_cli.core.errors import WeightsError
from page4d_cli.core.geometry import has_usable_focal_length, invert_rigid
from page4d_cli.core.progress import Progress
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Float32Array, Frames, intrinsics_in_source
from page4d_cli.data.clip.masks import WHITE
from page4d_cli.draw.camera_path import draw_camera_path
from page4d_cli.draw.clip_preview import clip_preview
from page4d_cli.io.formats.ply import first_camera, write_ply
from page4d_cli.io.formats.png import scale_for, write_depth_png, write_motion_png, write_png
from page4d_cli.io.formats.trajectory import write_intrinsics, write_tum
from page4d_cli.io.formats.video import playback_rate, write_video
from page4d_cli.io.run import directory as names
from page4d_cli.io.run.manifest import CloudRecord, ScaleRecord, SegmentRecord
from page4d_cli.io.run.stored_maps import StoredMaps
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.cloud.choose import (
    CONFIDENCE_PERCENTILE,
    MAX_POINTS,
    choose_cloud,
)
from page4d_cli.pipelines.infer.predict import DenseChunk

STEMS_IN_MESSAGE = 5

_MAPS: dict[Head, tuple[tuple[str, Callable[[str], str], Save], ...]] = {
    Head.DEPTH: (
        ("depth", names.depth_file, Save.DEPTH),
        ("depth confidence", names.confidence_file, Save.CONFIDENCE),
    ),
    Head.POINT: (
        ("points", names.points_file, Save.POINTS),
        ("points confidence", names.points_confidence_file, Save.POINTS),
    ),
}
"""What a dense head's values and confidence are called, where they go, and who asks for them."""


@dataclass
class RunFiles:
    """Writes the files that were asked for, and collects what the manifest must say about them.

    Cameras first, then chunk after chunk of maps, then what needs the depth of the whole clip.
    """

    frames: Frames
    folder: Transaction
    save: frozenset[Save]
    resolution: Resolution

    problems: list[str] = field(default_factory=list)
    non_finite: dict[str, int] = field(default_factory=dict)
    cloud: CloudRecord | None = None
    depth_png_scale: float | None = None
    segments: tuple[SegmentRecord, ...] = ()
    """What shares a world, before cameras are taken; by default all frames."""
    scale: tuple[ScaleRecord, ...] = ()
    """How lengths became metres, before cameras are taken."""
    joining: dict[str, Json] | None = None
    timings_s: dict[str, float] = field(default_factory=dict)

    _cameras: tuple[Float32Array, Float32Array] | None = None
    _spoken: set[str] = field(default_factory=set)
    """Kinds of output with a finite value."""

    def __post_init__(self) -> None:
        """Find out now, not after hours of work, if something is in the way of a file."""
        self.segments = self.segments or (SegmentRecord(0, len(self.frames) - 1),)
        for save, name in (
            (Save.CLOUD, names.CLOUD),
            (Save.PREVIEW, names.PREVIEW),
            (Save.PREVIEW, names.TRAJECTORY_PICTURE),
        ):
            if save in self.save:
                self.folder.path(name)

    def write_cameras(self, extrinsics: Float32Array, intrinsics: Float32Array) -> None:
        """Take T_camera_world (S, 3, 4) and K (S, 3, 3); text files get the finite ones only.

        Raises:
            WeightsError: none of the values is finite.
        """
        self._cameras = extrinsics, intrinsics
        self._count("extrinsics", extrinsics)
        self._count("intrinsics", intrinsics)
        self._require_values()
        pose_ok = np.array([bool(np.isfinite(pose).all()) for pose in extrinsics])
        focal_ok = np.array([has_usable_focal_length(k) for k in intrinsics])
        self._report(~pose_ok, "the pose is not finite")
        self._report(~focal_ok, "the focal length is not positive and finite")
        if Save.CAMERAS not in self.save:
            return
        stamps = self.frames.timestamps_s
        T_world_camera = invert_rigid(extrinsics.astype(np.float64))
        for segment, path in self._segment_files(names.TRAJECTORY):
            usable = [index for index in segment.frames if pose_ok[index]]
            write_tum(path, stamps[usable], T_world_camera[usable], unit=self.unit)
        in_source = intrinsics_in_source(self.frames.infos, intrinsics).astype(np.float32)
        write_intrinsics(self.folder.path(names.INTRINSICS), stamps[focal_ok], in_source[focal_ok])
        of_maps = np.array(in_source if self.resolution is Resolution.SOURCE else intrinsics)
        of_maps[~focal_ok] = np.nan
        path = self.folder.path(names.CAMERAS)
        with writing(path):
            np.savez(path, extrinsics=extrinsics, intrinsics=of_maps)
        if Save.PREVIEW in self.save and pose_ok.any():
            for segment, path in self._segment_files(names.TRAJECTORY_PICTURE):
                usable = [index for index in segment.frames if pose_ok[index]]
                if usable:
                    numbers = [self.frames.infos[index].index for index in usable]
                    write_png(path, draw_camera_path(T_world_camera[usable], numbers, self.unit))

    def write_chunk(self, chunk: DenseChunk) -> None:
        """Take the maps of some frames; may run in a thread of its own."""
        both = zip(_MAPS[chunk.head], (chunk.values, chunk.confidence), strict=True)
        for (name, file, save), maps in both:
            for index, map_ in enumerate(maps, start=chunk.frames.start):
                info = self.frames.infos[index]
                self._count(name, info.transform.crop(map_))
                if save in self.save:
                    _save(self.folder.path(file(info.stem)), self._at_resolution(index, map_))
                if chunk.head is Head.DEPTH and not self._is_kept(save) and self._is_derived_from:
                    _save(self.folder.aside(file(info.stem)), map_)

    def write_derived(self, progress: Progress | None) -> None:
        """Write what needs the depth of the whole clip, and what was known to move.

        Raises:
            WeightsError: the network gave no finite value of a kind.
        """
        self._require_values()
        steps = {
            Save.DEPTH_PNG: self._write_depth_pngs,
            Save.CLOUD: self._write_cloud,
            Save.PREVIEW: self._write_preview,
        }
        self._write_moving()
        wanted = [save for save in steps if save in self.save]
        for done, save in enumerate(wanted, start=1):
            steps[save]()
            if progress is not None:
                progress(save.value, done, len(wanted))
        for name, count in self.non_finite.items():
            self.problems.append(f"{name}: {count} values are not finite")

    def _write_moving(self) -> None:
        both = zip(self.frames.infos, self.frames.moving or (), strict=False)
        for index, (info, moving) in enumerate(both):
            score = self._at_resolution(index, moving / np.float32(WHITE))
            write_motion_png(self.folder.path(names.motion_file(info.stem)), score)

    def _write_depth_pngs(self) -> None:
        both = zip(self.frames.infos, self._depth, strict=True)
        contents = (info.transform.crop(depth) for info, depth in both)
        deepest = max(float(d[np.isfinite(d)].max(initial=0)) for d in contents)
        if deepest <= 0:
            self.problems.append("no frame has a usable depth; no depth PNG was written")
            return
        self.depth_png_scale = scale_for(deepest)
        for index, depth in enumerate(self._depth):
            path = self.folder.path(names.depth_png_file(self.frames.infos[index].stem))
            write_depth_png(path, self._at_resolution(index, depth), self.depth_png_scale)

    def _write_cloud(self) -> None:
        assert self._cameras is not None  # the cloud asks for the camera head, too
        clouds = []
        for segment, path in self._segment_files(names.CLOUD):
            mine = slice(segment.first, segment.last + 1)
            cloud = choose_cloud(
                self.frames.part(mine),
                self._depth[mine],
                self._confidence[mine],
                *(cameras[mine] for cameras in self._cameras),
                max_points=MAX_POINTS // len(self.segments),
            )
            if not len(cloud.points):
                self.problems.append(
                    f"no pixel has a usable depth and camera; {path.name} is empty"
                )
            write_ply(path, cloud.points, cloud.colors, first_camera(self.unit))
            clouds.append(cloud)
        self.cloud = CloudRecord(
            points=sum(len(cloud.points) for cloud in clouds),
            candidates=sum(cloud.candidates for cloud in clouds),
            confidence_percentile=CONFIDENCE_PERCENTILE,
            confidence_threshold=min(cloud.confidence_threshold for cloud in clouds),
        )

    def _write_preview(self) -> None:
        clip = self.frames
        shown = self._confidence if Save.CONFIDENCE in self.save else ()
        drawn = clip_preview(clip.images, self._depth, clip.infos, clip.timestamp_source, shown)
        rate = playback_rate(clip.infos, clip.timestamp_source)
        write_video(self.folder.path(names.PREVIEW), drawn, rate)

    @property
    def unit(self) -> LengthUnit:
        """What lengths mean."""
        return LengthUnit.METRES if self.scale else LengthUnit.RELATIVE

    def _segment_files(self, file: str) -> Iterator[tuple[SegmentRecord, Path]]:
        """Each segment, and where a file of its world is written."""
        count = len(self.segments)
        for number, segment in enumerate(self.segments, start=1):
            yield segment, self.folder.path(names.of_segment(file, number, count))

    @property
    def _depth(self) -> StoredMaps:
        return self._stored(names.depth_file, Save.DEPTH)

    @property
    def _confidence(self) -> StoredMaps:
        return self._stored(names.confidence_file, Save.CONFIDENCE)

    def _stored(self, file: Callable[[str], str], save: Save) -> StoredMaps:
        """The maps as the network gave them; no clip's are held in memory."""
        place = self.folder.folder.joinpath if self._is_kept(save) else self.folder.aside
        infos = self.frames.infos
        return StoredMaps(range(len(infos)), lambda index: np.load(place(file(infos[index].stem))))

    def _is_kept(self, save: Save) -> bool:
        """Whether the maps are in the run itself, pixel by pixel as the network gave them."""
        return save in self.save and self.resolution is Resolution.NETWORK

    @property
    def _is_derived_from(self) -> bool:
        """Whether something is made of the depth of the whole clip."""
        return bool(self.save & {Save.PREVIEW, Save.CLOUD, Save.DEPTH_PNG})

    def _at_resolution(self, index: int, map_: Float32Array) -> Float32Array:
        if self.resolution is Resolution.NETWORK:
            return map_
        return to_source_pixels(map_, self.frames.infos[index].transform)

    def _require_values(self) -> None:
        """Refuse a network of which no value of a kind is finite, as of damaged weights."""
        silent = [name for name in self.non_finite if name not in self._spoken]
        if silent:
            raise WeightsError(
                f"no value of the {', '.join(silent)} is finite, so nothing was written; "
                "`page4d weights check` tells whether the weights are, --dtype fp32 has the range"
            )

    def _count(self, name: str, values: Float32Array) -> None:
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            self.non_finite[name] = self.non_finite.get(name, 0) + bad
        if bad < values.size:
            self._spoken.add(name)

    def _report(self, bad: NDArray[np.bool_], what: str) -> None:
        stems = [self.frames.infos[index].stem for index in np.flatnonzero(bad)]
        if stems:
            rest = len(stems) - STEMS_IN_MESSAGE
            more = f" and {rest} more" if rest > 0 else ""
            self.problems.append(f"frame {', '.join(stems[:STEMS_IN_MESSAGE])}{more}: {what}")


def _save(path: Path, map_: Float32Array) -> None:
    with writing(path):
        np.save(path, map_)
