"""Run the network on a long clip window by window, join the windows, and write one run directory.

A finished window is a file, beside the run until that is complete and then in it
(`io/run/windows.py`), so that a run that was killed goes on with the next one.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import WriteError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Frames
from page4d_cli.core.window import Window
from page4d_cli.io.run.manifest import Manifest, SegmentRecord, read_manifest
from page4d_cli.io.run.windows import WindowFiles, WindowStore, read_window, write_window
from page4d_cli.join.join import JoinedPath, join_windows
from page4d_cli.join.record import record_of
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.infer.metres import metres_of_windows
from page4d_cli.pipelines.infer.predict import DenseChunk, cameras, dense_chunks, encode_clip
from page4d_cli.pipelines.infer.run import SCALE_FROM, RunOptions, timed, writing_run

_IN_MEMORY = 4
"""Windows whose maps are held while frames are blended."""


def write_run_in_windows(
    model: LoadedModel,
    frames: Frames,
    spans: Sequence[tuple[int, int]],
    out: Path,
    options: RunOptions,
    *,
    timings_s: Mapping[str, float] | None = None,
    progress: Progress | None = None,
    resume: bool = False,
) -> Manifest:
    """Run the network on each window, join them, and write the run directory.

    Args:
        model: on the device where the work shall be done.
        frames: the whole clip, of the size that the model was made for.
        spans: first frame, and the one after the last, of every window.
        out: the directory.
        options: what to write.
        timings_s: what was measured before, taken over into the manifest.
        progress: told about every step.
        resume: keep windows of an earlier call that asked for the same.

    Returns:
        The manifest as written.

    Raises:
        OutputError: `out` cannot be used.
        OutOfMemoryError: a window is too long for the device.
        WriteError: the disk is full, or the like.
    """
    with writing_run(model, frames, out, options, timings_s=timings_s, progress=progress) as files:
        store = WindowStore(out, _identity(model, frames, spans, options), resume=resume)
        with timed(files.timings_s, "windows"):
            for number, span in enumerate(spans):
                if not (resume and store.has(*span)):
                    window = _predict(model, frames, span)
                    with _told_what_stays(store):
                        write_window(store.path(*span), window)
                if progress is not None:
                    progress("windows", number + 1, len(spans))
        windows = WindowFiles(store.folder)
        with timed(files.timings_s, "joining"):
            path = join_windows(windows)
            if options.scale_from is not None:
                path = metres_of_windows(options.scale_from, windows, path, frames, files)
        files.segments = _segments(path)
        files.joining = record_of(path, [file.name for file in windows.paths])
        intrinsics = np.median(np.concatenate([each.intrinsics for each in windows]), axis=0)
        files.write_cameras(
            invert_rigid(path.T_world_camera).astype(np.float32),
            np.repeat(intrinsics[None].astype(np.float32), len(frames), axis=0),
        )
        with timed(files.timings_s, "blending"):
            for chunk in _blend(store, spans, path):
                files.write_chunk(chunk)
        files.problems += _segments_in_words(frames, path)
        store.move_to(files.folder)
    return read_manifest(out)


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


def _identity(
    model: LoadedModel, frames: Frames, spans: Sequence[tuple[int, int]], options: RunOptions
) -> dict[str, Json]:
    """What must be equal for a window to be the one that would be predicted."""
    return {
        "weights_sha256": model.info.sha256,
        "variant": model.info.variant.value,
        "dtype": model.runtime.precision.value,
        "device": str(model.runtime.device),
        "pictures_crc32": _crc32(frames),
        "windows": [list(span) for span in spans],
        "settings": {key: of for key, of in options.settings.items() if key != SCALE_FROM},
    }


def _crc32(frames: Frames) -> int:
    sum_ = 0
    for picture in frames.images:
        sum_ = zlib.crc32(picture.tobytes(), sum_)
    return sum_


def _predict(model: LoadedModel, frames: Frames, span: tuple[int, int]) -> Window:
    first, stop = span
    part = frames.part(slice(first, stop))
    encoding = encode_clip(model, part, heads={Head.CAMERA, Head.DEPTH})
    extrinsics, intrinsics = cameras(model, encoding)
    chunks = list(dense_chunks(model, encoding, Head.DEPTH))
    return Window(
        np.arange(first, stop, dtype=np.int64),
        np.concatenate([chunk.values for chunk in chunks]),
        intrinsics.astype(np.float64),
        extrinsics.astype(np.float64),
        np.concatenate([chunk.confidence for chunk in chunks]),
    )


def _blend(
    store: WindowStore, spans: Sequence[tuple[int, int]], path: JoinedPath
) -> Iterator[DenseChunk]:
    """Depth and confidence of every frame: the mean of the windows that show it.

    A window counts by how far the frame is from its ends, so that no border between two shows.
    Depth is averaged by its logarithm; where one window has none, the others decide.
    """
    read = lru_cache(_IN_MEMORY)(
        lambda window: read_window(store.path(*spans[window]), with_confidence=True)
    )
    for frame in range(len(path.segment)):
        pieces = [piece for piece in path.pieces if frame in piece.frames]
        maps, weights = [], []
        for piece in pieces:
            window, row = read(piece.window), frame - spans[piece.window][0]
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


def _segments_in_words(frames: Frames, path: JoinedPath) -> list[str]:
    return [
        f"frame {frames.infos[frame].stem}: the windows do not go on here (a cut?); from here on "
        "world and unit are others"
        for frame in path.segment_starts[1:]
    ]
