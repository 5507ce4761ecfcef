"""Run the network on one clip and write a run directory (`io/run/directory.py`)."""

import platform
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread

import numpy as np
import torch

from page4d_cli.core.enums import DEFAULT_SAVE, Head, Resolution, Save
from page4d_cli.core.errors import InputError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Frames
from page4d_cli.io.run.manifest import (
    CONVENTIONS,
    MANIFEST,
    FrameRecord,
    Manifest,
    WeightsRecord,
    read_manifest,
)
from page4d_cli.io.run.plan import PlanRecord
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.network import Encoding
from page4d_cli.model.runtime import describe_device, peak_memory_bytes, reset_peak_memory
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.infer.known_focal import with_known_focal
from page4d_cli.pipelines.infer.metres import metres_of_pass
from page4d_cli.pipelines.infer.predict import cameras, dense_chunks, encode_clip
from page4d_cli.pipelines.infer.run_files import RunFiles
from page4d_cli.pipelines.scale.source import ScaleSource

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
GIVEN_MASKS = {
    "motion": "motion/<stem>.png: 8 bit, value / 255 from 0 (still) to 1 (moving); masks that were "
    "given, see masks",
}
SCALE_FROM = "scale_from"
"""Setting of a run: what its metres were asked to come from. Windows do not depend on it."""


@dataclass(frozen=True)
class RunOptions:
    """What to write of a clip, and what to note about how it came about.

    Raises:
        InputError: points are asked for, and windows.
    """

    save: frozenset[Save] = frozenset(DEFAULT_SAVE)
    resolution: Resolution = Resolution.NETWORK
    windows: WindowChoice = field(default_factory=WindowChoice)
    """How a long clip is cut."""
    scale_from: ScaleSource | None = None
    """What is known in metres; None: lengths stay relative."""
    masks: Path | None = None
    """What moves, from whoever knows it (`data/clip/masks.py`); for who loads the frames."""
    drop_windows: bool = False
    """Whether the windows of a long clip are removed once they are joined."""
    overwrite: bool = False
    command: tuple[str, ...] = ()
    settings: dict[str, Json] = field(default_factory=dict)
    """How the frames were chosen and fitted; two runs with equal settings are interchangeable."""
    plan: PlanRecord | None = None
    """What was planned, for the manifest."""

    def __post_init__(self) -> None:
        if Save.POINTS in self.save and self.windows.window is not None:
            raise InputError(
                "--save points needs one pass, without --window; depth and cameras give points, too"
            )

    @property
    def heads(self) -> frozenset[Head]:
        """Those that are run."""
        of_scale = frozenset[Head]() if self.scale_from is None else self.scale_from.heads
        of_focal = set() if self.windows.focal.known_px is None else {Head.CAMERA}
        return of_scale.union(of_focal, *(HEADS_FOR[save] for save in self.save))


def write_run(
    model: LoadedModel,
    frames: Frames,
    out: Path,
    options: RunOptions,
    *,
    timings_s: Mapping[str, float] | None = None,
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
    heads = options.heads
    with (
        writing_run(model, frames, out, options, timings_s=timings_s, progress=progress) as files,
        ThreadPoolExecutor(max_workers=1) as disk,
    ):
        with timed(files.timings_s, "aggregator"):
            encoding = encode_clip(model, frames, heads=heads, progress=progress)
        with timed(files.timings_s, "heads"):
            _run_heads(model, encoding, options, files, disk, progress)
    return read_manifest(out)


@contextmanager
def writing_run(
    model: LoadedModel,
    frames: Frames,
    out: Path,
    options: RunOptions,
    *,
    timings_s: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> Iterator[RunFiles]:
    """Write a run directory of what the body hands over; otherwise as `write_run`.

    Args:
        model: that predicts.
        frames: the whole clip.
        out: the directory.
        options: what to write.
        timings_s: what was measured before, taken over into the manifest.
        progress: told about the files that are written at the end.

    Yields:
        What takes the cameras and maps of all frames, and notes what took how long.
    """
    reset_peak_memory(model.runtime.device)
    with Transaction(out, MANIFEST, overwrite=options.overwrite) as folder:
        checksum = Thread(target=lambda: model.info.sha256, daemon=True)
        checksum.start()  # it reads gigabytes; Ctrl-C need not wait for it
        files = RunFiles(frames, folder, options.save, options.resolution)
        files.timings_s.update(timings_s or {})
        yield files
        with timed(files.timings_s, "derived files"):
            files.write_derived(progress)
        checksum.join()
        commit_run(folder, _manifest(model, frames, options, files))


def _run_heads(
    model: LoadedModel,
    encoding: Encoding,
    options: RunOptions,
    files: RunFiles,
    disk: ThreadPoolExecutor,
    progress: Progress | None,
) -> None:
    """Run the heads; maps are written while the next ones are computed."""
    factor = np.float32(1)
    of_frames = np.ones(len(files.frames), np.float32)
    if Head.CAMERA in options.heads:
        extrinsics, intrinsics = cameras(model, encoding)
        known = with_known_focal(options.windows.focal.known_px, files.frames, intrinsics)
        of_frames = known.depth_factors
        if options.scale_from is not None:
            found = metres_of_pass(options.scale_from, model, encoding, (extrinsics, known), files)
            factor = np.float32(found)
            extrinsics[..., 3] *= factor
        files.write_cameras(extrinsics, known.intrinsics)
    pending: Future[None] | None = None
    for head in encoding.maps:
        for chunk in dense_chunks(model, encoding, head, progress=progress):
            if pending is not None:
                pending.result()  # at most one chunk waits for the disk
            if head is Head.DEPTH:
                by_frame = factor * of_frames[chunk.frames, None, None]
                chunk = replace(chunk, values=chunk.values * by_frame)
            elif factor != 1:
                chunk = replace(chunk, values=chunk.values * factor)
            pending = disk.submit(files.write_chunk, chunk)
    if pending is not None:
        pending.result()


@contextmanager
def timed(timings_s: dict[str, float], name: str) -> Iterator[None]:
    """Note how many seconds the body takes."""
    start = time.perf_counter()
    yield
    timings_s[name] = round(time.perf_counter() - start, 3)


def _manifest(
    model: LoadedModel,
    frames: Frames,
    options: RunOptions,
    files: RunFiles,
) -> Manifest:
    """What there is to say once all files are written."""
    info, runtime = model.info, model.runtime
    path = None if info.path is None else str(info.path)
    return Manifest(
        schema=1,
        command=options.command,
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        versions={
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        device=describe_device(runtime.device),
        dtype=runtime.precision.value,
        weights=WeightsRecord(info.name, info.variant, info.sha256, path),
        mask_strength=model.mask_strength,
        resolution=options.resolution,
        network_size=frames.size,
        settings=options.settings,
        timestamp_source=frames.timestamp_source,
        frames=tuple(FrameRecord.from_info(info) for info in frames.infos),
        plan=options.plan,
        conventions={**CONVENTIONS, **({} if frames.moving is None else GIVEN_MASKS)},
        masks=None if frames.moving is None else str(options.masks),
        focal_px=options.windows.focal.known_px,
        segments=files.segments,
        scale=files.scale,
        joining=files.joining,
        ignored=frames.ignored,
        saved=tuple(sorted(options.save, key=list(Save).index)),
        depth_png_scale=files.depth_png_scale,
        problems=tuple(files.problems),
        non_finite=files.non_finite,
        cloud=files.cloud,
        timings_s=files.timings_s,
        peak_memory_bytes=peak_memory_bytes(runtime.device),
    )
