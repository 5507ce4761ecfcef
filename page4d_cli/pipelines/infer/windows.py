"""Run the network on a long clip window by window, join the windows, and write one run directory.

A finished window is a file, beside the run until that is complete and then in it
(`io/run/windows.py`), so that a run that was killed goes on with the next one.
"""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Head, LengthUnit, LoopSearch
from page4d_cli.core.errors import OutOfMemoryError, WriteError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Frames, Int64Array
from page4d_cli.io.run.manifest import Manifest, SegmentRecord, read_manifest
from page4d_cli.io.run.windows import (
    LOOPS,
    SKIPS,
    WINDOWS,
    Span,
    WindowFiles,
    WindowStore,
    cut_before,
    loop_files,
    optional_skips,
    read_window,
)
from page4d_cli.join.choice import WindowChoice, skip_windows
from page4d_cli.join.closing import Loop
from page4d_cli.join.focal import joined_intrinsics
from page4d_cli.join.join import JoinedPath, join_windows
from page4d_cli.join.record import record_of
from page4d_cli.model.runtime import release_memory
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.infer.loops import loop_windows
from page4d_cli.pipelines.infer.metres import metres_of_windows
from page4d_cli.pipelines.infer.predict import DenseChunk
from page4d_cli.pipelines.infer.run import SCALE_FROM, RunOptions, timed, writing_run
from page4d_cli.pipelines.infer.side_by_side import SideBySide
from page4d_cli.pipelines.infer.window import frames_at, predict_window

LEAST = 2
"""Frames of a window: a path has a step."""
_IN_MEMORY = 4
"""Windows whose maps are held while frames are blended."""
_KIND_IN_WORDS = {SKIPS: "windows of every fourth frame", LOOPS: "windows of places seen twice"}


def write_run_in_windows(
    model: LoadedModel,
    frames: Frames,
    spans: Sequence[Span],
    out: Path,
    options: RunOptions,
    *,
    timings_s: Mapping[str, float] | None = None,
    progress: Progress | None = None,
    resume: bool = False,
    beside: SideBySide | None = None,
) -> Manifest:
    """Run the network on each window, join them, and write the run directory.

    Args:
        model: on the device where the work shall be done.
        frames: the whole clip, of the size that the model was made for.
        spans: first frame, and the one after the last, of every window. What does not fit into
            memory is cut into shorter ones, which the manifest's problems tell.
        out: the directory.
        options: what to write.
        timings_s: what was measured before, taken over into the manifest.
        progress: told about every step.
        resume: keep windows of an earlier call that asked for the same.
        beside: where windows are predicted before this process does what is missing.

    Returns:
        The manifest as written.

    Raises:
        OutputError: `out` cannot be used.
        OutOfMemoryError: two frames are too many for the device.
        WriteError: the disk is full, or the like.
    """
    with writing_run(model, frames, out, options, timings_s=timings_s, progress=progress) as files:
        store = WindowStore(out, _identity(model, frames, options), spans, resume=resume)
        predict = _Predictor(model, frames, options, store, progress)
        with timed(files.timings_s, "windows"):
            if beside is not None:
                beside.predict(store, frames, options, [*_windows(store), *_skips(store)])
            files.problems += predict.windows()
            files.problems += predict.more(_skips(store))
        windows = WindowFiles(store.folder / WINDOWS)
        if options.windows.loops is LoopSearch.AUTO:
            with timed(files.timings_s, "loops"):
                loops = [(LOOPS, one) for one in loop_windows(windows.paths, len(frames))]
                if beside is not None:
                    beside.predict(store, frames, options, loops)
                files.problems += predict.more(loops)
        with timed(files.timings_s, "joining"):
            path = join_windows(
                windows,
                [
                    Loop(indices, partial(read_window, file))
                    for file, indices in loop_files(store.folder / LOOPS).items()
                ],
                optional_skips(store.folder / SKIPS),
            )
            if options.scale_from is not None:
                path = metres_of_windows(options.scale_from, windows, path, frames, files)
        files.segments = _segments(path)
        files.joining = record_of(path, [file.name for file in windows.paths])
        files.write_cameras(
            invert_rigid(path.T_world_camera).astype(np.float32),
            joined_intrinsics(windows, path, options.windows.focal.kind_of_windows).astype(
                np.float32
            ),
        )
        with timed(files.timings_s, "blending"):
            for chunk in _blend(windows, path):
                files.write_chunk(chunk)
        files.problems += _segments_in_words(frames, path, files.unit)
        if not options.drop_windows:
            store.give_to(files.folder)
    store.clear()
    return read_manifest(out)


def spans_of_earlier(
    model: LoadedModel, frames: Frames, out: Path, options: RunOptions
) -> Sequence[Span] | None:
    """How a call that asked for the same and was interrupted cut the clip, if there was one."""
    return cut_before(out, _identity(model, frames, options))


@contextmanager
def _told_what_stays(store: WindowStore) -> Iterator[None]:
    """What is in the way when the disk is full may be the finished windows themselves."""
    try:
        yield
    except WriteError as error:
        raise WriteError(
            f"{error}; --resume goes on from the finished windows in {store.folder}, which can be "
            "deleted"
        ) from error


def _identity(model: LoadedModel, frames: Frames, options: RunOptions) -> dict[str, Json]:
    """What must be equal for a window to be the one that would be predicted."""
    return {
        "weights_sha256": model.info.sha256,
        "variant": model.info.variant.value,
        "dtype": model.runtime.precision.value,
        "device": str(model.runtime.device),
        "pictures_crc32": _crc32(frames),
        "settings": {key: of for key, of in options.settings.items() if key != SCALE_FROM},
    }


def _crc32(frames: Frames) -> int:
    sum_ = 0
    for picture in frames.images:
        sum_ = zlib.crc32(picture.tobytes(), sum_)
    return sum_


def _windows(store: WindowStore) -> list[tuple[str, Int64Array]]:
    return [(WINDOWS, np.arange(*span)) for span in store.spans]


def _skips(store: WindowStore) -> list[tuple[str, Int64Array]]:
    return [(SKIPS, np.array(chosen)) for chosen in skip_windows(store.spans)]


@dataclass(frozen=True)
class _Predictor:
    """Predicts windows of a kind, those that are not kept from an earlier call."""

    model: LoadedModel
    frames: Frames
    options: RunOptions
    store: WindowStore
    progress: Progress | None

    def windows(self) -> list[str]:
        """Predict the windows of the clip; what is too long is cut from there on, and told."""
        store, number = self.store, 0
        shortened: dict[int, str] = {}
        while number < len(store.spans):
            span = store.spans[number]
            if self._keep(WINDOWS, np.arange(*span)):
                number += 1
                if self.progress is not None:
                    self.progress(WINDOWS, number, len(store.spans))
                continue
            store.cut(_halved(store.spans, number))
            shortened[span[0]] = _shortened_in_words(self.frames, span, store.spans[number])
        return list(shortened.values())

    def more(self, windows: Sequence[tuple[str, Int64Array]]) -> list[str]:
        """Predict windows, by kind and frames, without which the clip can be joined, too.

        Returns:
            What there is to say of those that do not fit into memory.
        """
        left_out: Counter[str] = Counter()
        for done, (kind, numbers) in enumerate(windows, start=1):
            left_out[kind] += not self._keep(kind, numbers)
            if self.progress is not None:
                self.progress(kind, done, len(windows))
        return [
            f"{count} of {len(windows)} {_KIND_IN_WORDS[kind]} did not fit into memory and were "
            "left out"
            for kind, count in left_out.items()
            if count
        ]

    def _keep(self, kind: str, numbers: Int64Array) -> bool:
        """Predict a window unless it is there; False if it does not fit, and can do without."""
        if self.store.has(kind, numbers):
            return True
        try:
            part = frames_at(self.frames, numbers)
            window = predict_window(self.model, part, self.options, numbers)
        except OutOfMemoryError:
            if kind == WINDOWS and len(numbers) < 2 * LEAST:
                raise
            window = None
        if window is None:  # outside of `except`, which holds on to what the network computed
            release_memory(self.model.runtime.device)
            return False
        with _told_what_stays(self.store):
            self.store.write(kind, window)
        return True


def _halved(spans: Sequence[Span], number: int) -> list[Span]:
    """The same clip, in windows of half the length from the one of this number on."""
    first, stop = spans[number]
    rest = WindowChoice((stop - first) // 2).spans(spans[-1][1] - first)
    return [*spans[:number], *((first + a, first + b) for a, b in rest)]


def _shortened_in_words(frames: Frames, span: Span, shorter: Span) -> str:
    return (
        f"{span[1] - span[0]} frames at once did not fit into memory; from frame "
        f"{frames.infos[span[0]].stem} on {shorter[1] - shorter[0]} at a time were taken"
    )


def _blend(windows: WindowFiles, path: JoinedPath) -> Iterator[DenseChunk]:
    """Depth and confidence of every frame: the mean of the windows that show it.

    A window counts by how far the frame is from its ends, so that no border between two shows.
    Depth is averaged by its logarithm; where one window has none, the others decide.
    """
    read = lru_cache(_IN_MEMORY)(
        lambda number: read_window(windows.paths[number], with_confidence=True)
    )
    for frame in range(len(path.segment)):
        pieces = [piece for piece in path.pieces if frame in piece.frames]
        maps, weights = [], []
        for piece in pieces:
            window = read(piece.window)
            row = frame - int(window.indices[0])
            assert window.confidence is not None  # it was asked for
            with np.errstate(divide="ignore"):
                logs = np.log(window.depth[row]) + np.float32(piece.log_scale)
            maps.append(np.stack([logs, window.confidence[row]]))
            weights.append(min(frame - piece.frames.start, piece.frames.stop - 1 - frame) + 1)
        stacked = np.stack(maps)
        share = np.array(weights, np.float32)[:, None, None] * np.isfinite(stacked[:, 0])
        known = share.sum(0)
        safe = np.where(np.isfinite(stacked), stacked, 0)
        mean = (share[:, None] * safe).sum(0) / np.where(known > 0, known, 1)
        depth = np.where(known > 0, np.exp(mean[0]), np.nan).astype(np.float32)
        yield DenseChunk(
            Head.DEPTH, slice(frame, frame + 1), depth[None], mean[1][None].astype(np.float32)
        )


def _segments(path: JoinedPath) -> tuple[SegmentRecord, ...]:
    starts = [*path.segment_starts, path.first_frame + len(path.segment)]
    return tuple(SegmentRecord(first, stop - 1) for first, stop in pairwise(starts))


def _segments_in_words(frames: Frames, path: JoinedPath, unit: LengthUnit) -> list[str]:
    others = "the world is another" if unit is LengthUnit.METRES else "world and unit are others"
    return [
        f"frame {frames.infos[frame].stem}: the windows do not go on here (a cut?); from here on "
        f"{others}"
        for frame in path.segment_starts[1:]
    ]
