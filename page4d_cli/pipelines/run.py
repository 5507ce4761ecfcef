"""Run the network on one clip and write a run directory (`io/run_directory.py`)."""

import platform
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from page4d_cli.core.enums import Head, Resolution, Save, TimestampSource
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.types import Float32Array, Frames
from page4d_cli.io import run_directory as names
from page4d_cli.io.colour import robust_range
from page4d_cli.io.depth_png import scale_for, write_depth_png
from page4d_cli.io.manifest import FrameRecord, Json, Manifest, WeightsRecord
from page4d_cli.io.point_cloud import write_ply
from page4d_cli.io.preview import write_preview
from page4d_cli.io.run_directory import RunWriter
from page4d_cli.io.trajectory import write_intrinsics, write_tum
from page4d_cli.io.writing import writing
from page4d_cli.model.network import Encoding
from page4d_cli.model.runtime import describe_device, peak_memory_bytes
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.cloud import CONFIDENCE_PERCENTILE, choose_cloud
from page4d_cli.pipelines.infer import DenseChunk, Progress, cameras, dense_chunks, encode_clip

HEADS_FOR: dict[Save, frozenset[Head]] = {
    Save.CAMERAS: frozenset({Head.CAMERA}),
    Save.DEPTH: frozenset({Head.DEPTH}),
    Save.CONFIDENCE: frozenset({Head.DEPTH}),
    Save.DEPTH_PNG: frozenset({Head.DEPTH}),
    Save.PREVIEW: frozenset({Head.DEPTH}),
    Save.CLOUD: frozenset({Head.CAMERA, Head.DEPTH}),
    Save.POINTS: frozenset({Head.POINT}),
}
"""The heads that each output needs; no other is run."""

DEFAULT_SAVE = frozenset({Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE, Save.PREVIEW, Save.CLOUD})
PREVIEW_RATE_WITHOUT_TIME = 10.0
PREVIEW_RATE_LIMITS = (1.0, 60.0)


@dataclass(frozen=True)
class RunOptions:
    """What to write of a clip, and what to note about how it came about."""

    save: frozenset[Save] = DEFAULT_SAVE
    resolution: Resolution = Resolution.NETWORK
    overwrite: bool = False
    command: tuple[str, ...] = ()
    settings: dict[str, Json] = field(default_factory=dict)
    """How the frames were chosen and fitted; two runs with equal settings are interchangeable."""


def write_run(
    model: LoadedModel,
    frames: Frames,
    out: Path,
    options: RunOptions,
    *,
    timings_s: dict[str, float] | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Run the network on a clip and write the run directory, whole or not at all.

    Args:
        model: on the device where the work shall be done.
        frames: of the size that the model was made for.
        out: the directory.
        options: what to write.
        timings_s: what was measured before, taken over into the manifest.
        progress: told about every step.

    Returns:
        The manifest as written.

    Raises:
        OutputError: `out` cannot be used.
        OutOfMemoryError: the clip is too long for the device.
        WriteError: the disk is full, or the like.
    """
    heads = frozenset[Head]().union(*(HEADS_FOR[save] for save in options.save))
    with RunWriter(out, overwrite=options.overwrite) as writer:
        run = _RunInProgress(frames, writer, options, dict(timings_s or {}))
        with run.timed("aggregator"):
            encoding = encode_clip(model, frames, heads=heads, progress=progress)
        with run.timed("heads"):
            run.take_heads(model, encoding, heads, progress)
        with run.timed("derived files"):
            run.write_derived(progress)
        return writer.commit(run.manifest(model))


class _RunInProgress:
    """Collects what the manifest has to say while the files are written."""

    def __init__(
        self, frames: Frames, writer: RunWriter, options: RunOptions, timings_s: dict[str, float]
    ) -> None:
        self.frames = frames
        self.writer = writer
        self.options = options
        self.timings_s = timings_s
        self.problems: list[str] = []
        self.non_finite: dict[str, int] = {}
        self.extrinsics: Float32Array | None = None
        self.intrinsics: Float32Array | None = None
        self.cloud: dict[str, float] | None = None
        self.depth_png_scale: float | None = None
        # Maps of the network's size for what is made of the whole clip at the end.
        self.depth: list[Float32Array] = []
        self.confidence: list[Float32Array] = []

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.timings_s[name] = round(time.perf_counter() - start, 3)

    def saves(self, *any_of: Save) -> bool:
        return not self.options.save.isdisjoint(any_of)

    def take_heads(
        self,
        model: LoadedModel,
        encoding: Encoding,
        heads: Collection[Head],
        progress: Progress | None,
    ) -> None:
        """Run the heads; files are written while the next frames are computed."""
        if Head.CAMERA in heads:
            self.extrinsics, self.intrinsics = cameras(model, encoding)
            self._write_cameras(self.extrinsics, self.intrinsics)
        with ThreadPoolExecutor(max_workers=1) as pool:
            pending: Future[None] | None = None
            for head in encoding.maps:
                for chunk in dense_chunks(model, encoding, head, progress=progress):
                    if pending is not None:
                        pending.result()  # at most one chunk waits for the disk
                    pending = pool.submit(self._write_chunk, chunk)
            if pending is not None:
                pending.result()

    def _write_cameras(self, extrinsics: Float32Array, intrinsics: Float32Array) -> None:
        self._count("extrinsics", extrinsics)
        self._count("intrinsics", intrinsics)
        pose_ok = np.array([bool(np.isfinite(pose).all()) for pose in extrinsics])
        focal_ok = np.array([bool(np.isfinite(k).all()) for k in intrinsics])
        self._report_frames(~pose_ok, "the pose is not finite; left out of trajectory.txt")
        self._report_frames(~focal_ok, "the focal length is infinite; left out of intrinsics.txt")
        if not self.saves(Save.CAMERAS):
            return
        stamps = self.frames.timestamps_s
        write_tum(
            self.writer.path(names.TRAJECTORY),
            stamps[pose_ok],
            invert_rigid(extrinsics[pose_ok].astype(np.float64)),
        )
        in_source = self._intrinsics_in_source(intrinsics)
        write_intrinsics(self.writer.path(names.INTRINSICS), stamps[focal_ok], in_source[focal_ok])
        of_maps = in_source if self.options.resolution is Resolution.SOURCE else intrinsics
        path = self.writer.path(names.CAMERAS)
        with writing(path):
            np.savez(path, extrinsics=extrinsics, intrinsics=of_maps.astype(np.float32))

    def _intrinsics_in_source(self, intrinsics: Float32Array) -> Float32Array:
        transforms = [info.transform for info in self.frames.infos]
        return np.stack(
            [t.intrinsics_to_source(k) for t, k in zip(transforms, intrinsics, strict=True)]
        ).astype(np.float32)

    def _write_chunk(self, chunk: DenseChunk) -> None:
        """Write the maps of some frames, in the writing thread."""
        depth = chunk.head is Head.DEPTH
        value_name, value_file, confidence_file = (
            ("depth", names.depth_file, names.confidence_file)
            if depth
            else ("points", names.points_file, names.points_confidence_file)
        )
        self._count(value_name, chunk.values)
        self._count(f"{value_name} confidence", chunk.confidence)
        save_values = self.saves(Save.DEPTH if depth else Save.POINTS)
        save_confidence = self.saves(Save.CONFIDENCE if depth else Save.POINTS)
        indices = range(chunk.frames.start, chunk.frames.stop)
        for index, values, confidence in zip(indices, chunk.values, chunk.confidence, strict=True):
            stem = self.frames.infos[index].stem
            if save_values:
                self._save_map(value_file(stem), index, values)
            if save_confidence:
                self._save_map(confidence_file(stem), index, confidence)
            if depth and self.saves(Save.PREVIEW, Save.CLOUD, Save.DEPTH_PNG):
                self.depth.append(values)
                self.confidence.append(confidence)

    def _save_map(self, name: str, index: int, map_: Float32Array) -> None:
        path = self.writer.path(name)
        with writing(path):
            np.save(path, self._at_resolution(index, map_))

    def _at_resolution(self, index: int, map_: Float32Array) -> Float32Array:
        if self.options.resolution is Resolution.NETWORK:
            return map_
        return to_source_pixels(map_, self.frames.infos[index].transform)

    def write_derived(self, progress: Progress | None) -> None:
        """Write what needs the depth of the whole clip."""
        steps: list[tuple[Save, Callable[[], None]]] = [
            (Save.DEPTH_PNG, self._write_depth_pngs),
            (Save.CLOUD, self._write_cloud),
            (Save.PREVIEW, self._write_preview),
        ]
        wanted = [(save, step) for save, step in steps if self.saves(save)]
        for done, (save, step) in enumerate(wanted, start=1):
            step()
            if progress is not None:
                progress(save.value, done, len(wanted))

    def _write_depth_pngs(self) -> None:
        deepest = max((float(d[np.isfinite(d)].max(initial=0)) for d in self.depth), default=0)
        if deepest <= 0:
            self.problems.append("no frame has a usable depth; no depth PNG was written")
            return
        self.depth_png_scale = scale_for(deepest)
        for index, depth in enumerate(self.depth):
            path = self.writer.path(names.depth_png_file(self.frames.infos[index].stem))
            write_depth_png(path, self._at_resolution(index, depth), self.depth_png_scale)

    def _write_cloud(self) -> None:
        assert self.extrinsics is not None and self.intrinsics is not None  # see HEADS_FOR
        cloud = choose_cloud(
            self.frames, self.depth, self.confidence, self.extrinsics, self.intrinsics
        )
        if not len(cloud.points):
            self.problems.append("no pixel has a usable depth and camera; cloud.ply is empty")
        write_ply(self.writer.path(names.CLOUD), cloud.points, cloud.colors)
        self.cloud = {
            "points": len(cloud.points),
            "candidates": cloud.candidates,
            "confidence_percentile": CONFIDENCE_PERCENTILE,
            "confidence_threshold": cloud.confidence_threshold,
        }

    def _write_preview(self) -> None:
        write_preview(
            self.writer.path(names.PREVIEW),
            list(self.frames.images),
            self.depth,
            depth_range=robust_range(self.depth),
            labels=[
                f"frame {info.index}  {info.timestamp_s:.3f} s"
                if self.frames.timestamp_source is not TimestampSource.INDEX
                else f"frame {info.index}"
                for info in self.frames.infos
            ],
            frame_rate=_preview_rate(self.frames),
        )

    def manifest(self, model: LoadedModel) -> Manifest:
        """What there is to say once all files are written."""
        device = model.runtime.device
        for name, count in self.non_finite.items():
            self.problems.append(f"{name}: {count} values are not finite")
        return Manifest(
            command=self.options.command,
            created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            versions={
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
            device=describe_device(device),
            dtype=model.runtime.precision.value,
            weights=WeightsRecord(
                name=model.info.name,
                variant=model.info.variant,
                sha256=model.info.sha256,
                path=None if model.info.path is None else str(model.info.path),
            ),
            mask_strength=model.mask_strength,
            resolution=self.options.resolution,
            network_size=self.frames.size,
            settings=self.options.settings,
            timestamp_source=self.frames.timestamp_source,
            frames=tuple(FrameRecord.from_info(info) for info in self.frames.infos),
            ignored=self.frames.ignored,
            saved=tuple(sorted(self.options.save, key=list(Save).index)),
            depth_png_scale=self.depth_png_scale,
            problems=tuple(self.problems),
            non_finite=self.non_finite,
            cloud=self.cloud,
            timings_s=self.timings_s,
            peak_memory_bytes=peak_memory_bytes(device),
        )

    def _count(self, name: str, values: Float32Array) -> None:
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            self.non_finite[name] = self.non_finite.get(name, 0) + bad

    def _report_frames(self, bad: NDArray[np.bool_], what: str) -> None:
        stems = [info.stem for info, is_bad in zip(self.frames.infos, bad, strict=True) if is_bad]
        if stems:
            listed = ", ".join(stems[:5]) + (
                f" and {len(stems) - 5} more" if len(stems) > 5 else ""
            )
            self.problems.append(f"frame {listed}: {what}")


def _preview_rate(frames: Frames) -> float:
    """The clip's own rate where it has one, within what players show well."""
    if frames.timestamp_source is TimestampSource.INDEX or len(frames) < 2:
        return PREVIEW_RATE_WITHOUT_TIME
    period_s = float(np.median(np.diff(frames.timestamps_s)))
    return float(np.clip(1 / max(period_s, 1e-6), *PREVIEW_RATE_LIMITS))
