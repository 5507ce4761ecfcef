"""Write a run anew with other cameras: everything that depends on them follows."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Head, Resolution, Save
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.reproject import sample_depth
from page4d_cli.core.types import Float32Array, Float64Array, Frames
from page4d_cli.data.clip.preprocess import apply_transform
from page4d_cli.data.clip.stored import PictureStore
from page4d_cli.io.run.directory import CAMERAS, NETWORK_CAMERAS, Run
from page4d_cli.io.run.manifest import MANIFEST, Manifest, RefinementRecord, read_manifest
from page4d_cli.io.run.tracks import CONVENTION, TRACKS, RunTracks, write_tracks
from page4d_cli.io.run.writer import check_run_place, commit_run
from page4d_cli.io.whole.scratch import ScratchFile
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.infer.predict import DenseChunk
from page4d_cli.pipelines.infer.run_files import RunFiles
from page4d_cli.pipelines.refine.clip import depth_factor, pixels_in_source
from page4d_cli.pipelines.stored_run.clip import RunClip
from page4d_cli.pipelines.stored_run.pictures import source_pictures
from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.depth import UNCHANGED, LogScale
from page4d_cli.refine.refine import Refined


@dataclass(frozen=True)
class RefinedSegment:
    """Frames of one world, and what was found about them."""

    clip: RunClip
    network: Cameras
    """As they were."""
    refined: Refined


def write_refined(
    run: Run,
    segments: Sequence[RefinedSegment],
    records: tuple[RefinementRecord, ...],
    out: Path | None,
    *,
    overwrite: bool,
    begin_s: float,
    command: tuple[str, ...],
) -> Manifest:
    """Write the run with the cameras that were taken, in place or to `out`, whole or not at all.

    Args:
        run: as it was.
        segments: of the run.
        records: of the segments, for the manifest.
        out: a new run directory; None: in place.
        overwrite: replace an earlier run at `out`.
        begin_s: when the work began, by the performance counter.
        command: the words of the command line.

    Raises:
        OutputError: the place cannot be used.
        WriteError: the disk is full, or the like.
    """
    if out is not None:
        check_run_place(out, overwrite=overwrite)
    place = run.directory if out is None else out
    before = tuple(file for file in run.manifest.files if not _is_unchanged(run, file))
    with (
        ScratchFile(place) as scratch,
        Transaction(place, MANIFEST, overwrite=overwrite, shared=out is None) as folder,
    ):
        files = _write_files(run, segments, folder, scratch)
        is_first = NETWORK_CAMERAS not in run.manifest.files
        copies = {CAMERAS: NETWORK_CAMERAS} if is_first else {}
        if out is not None:
            copies |= {file: file for file in run.manifest.files if _is_unchanged(run, file)}
        for source, target in copies.items():
            with writing(folder.path(target)):
                shutil.copyfile(run.directory / source, folder.path(target))
        commit_run(
            folder,
            _manifest(run, files, records, before, begin_s, command),
            replaced=before if out is None else None,
        )
    return read_manifest(place)


def _is_unchanged(run: Run, file: str) -> bool:
    """Whether a file of a run says nothing about cameras, or about the network's only."""
    if run.manifest.masks is not None and file.startswith("motion/"):
        return True
    return file == NETWORK_CAMERAS or file.startswith(("points_confidence/", "windows/", "loops/"))


def _manifest(
    run: Run,
    files: RunFiles,
    records: tuple[RefinementRecord, ...],
    before: tuple[str, ...],
    begin_s: float,
    command: tuple[str, ...],
) -> Manifest:
    manifest = run.manifest
    return replace(
        manifest,
        command=command or manifest.command,
        files=tuple(file for file in manifest.files if file not in before),
        problems=tuple(files.problems),
        non_finite=files.non_finite,
        cloud=files.cloud,
        depth_png_scale=files.depth_png_scale,
        refinement=records,
        conventions={
            **{
                name: text
                for name, text in manifest.conventions.items()
                if name != "motion" or manifest.masks is not None
            },
            "tracks": CONVENTION,
            "network_cameras": f"{NETWORK_CAMERAS}: {CAMERAS} before it was refined",
        },
        timings_s={**manifest.timings_s, "refinement": round(time.perf_counter() - begin_s, 3)},
    )


def _write_files(
    run: Run, segments: Sequence[RefinedSegment], folder: Transaction, scratch: ScratchFile
) -> RunFiles:
    manifest = run.manifest
    infos = tuple(frame.to_info(manifest.network_size) for frame in manifest.frames)
    store = PictureStore(scratch)
    for info, picture in zip(infos, source_pictures(run, range(len(infos))), strict=True):
        store.append(apply_transform(Image.fromarray(picture), info.transform), info.transform)
    images, _ = store.complete()
    frames = Frames(images, infos, manifest.timestamp_source, manifest.ignored)
    save = frozenset(manifest.saved)
    files = RunFiles(frames, folder, save, manifest.resolution)
    files.segments, files.scale = manifest.segments or files.segments, manifest.scale
    extrinsics, intrinsics = _cameras(run, segments)
    files.write_cameras(extrinsics, intrinsics)
    for chunk in _chunks(run, segments, extrinsics):
        files.write_chunk(chunk)
    files.write_derived(None)
    if sum(len(each.refined.points) for each in segments):
        write_tracks(folder.path(TRACKS), _tracks(segments))
    return files


def _cameras(run: Run, segments: Sequence[RefinedSegment]) -> tuple[Float32Array, Float32Array]:
    """T_camera_world (S, 3, 4) and K (S, 3, 3) in network pixels of all frames."""
    manifest = run.manifest
    extrinsics = run.extrinsics().copy()
    in_source = run.intrinsics_source()
    for segment in segments:
        taken = segment.refined.verdict.is_taken
        indices = np.array(segment.clip.indices)[taken]
        extrinsics[indices] = segment.refined.cameras.T_camera_world[taken]
        in_source[indices] = segment.refined.cameras.of_frames[taken]
    transforms = [frame.to_info(manifest.network_size).transform for frame in manifest.frames]
    both = zip(transforms, in_source, strict=True)
    intrinsics = np.stack([transform.intrinsics_to_network(k) for transform, k in both])
    return extrinsics, intrinsics.astype(np.float32)


def _chunks(
    run: Run, segments: Sequence[RefinedSegment], extrinsics: Float32Array
) -> Iterator[DenseChunk]:
    """Depth and points of every frame, scaled as the refinement says."""
    scales: dict[int, LogScale] = {}
    for segment in segments:
        scales |= dict(zip(segment.clip.indices, segment.refined.depth, strict=True))
    saved = run.manifest.saved
    before = run.extrinsics()
    for index, frame in enumerate(run.manifest.frames):
        scale = scales.get(index, UNCHANGED)
        transform = frame.to_info(run.manifest.network_size).transform
        factor = depth_factor(scale, transform, run.manifest.network_size)
        at = slice(index, index + 1)
        if Save.DEPTH in saved:
            depth = _at_network(run, index, run.depth(index)) * factor
            has_confidence = Save.CONFIDENCE in saved
            confidence = run.confidence(index) if has_confidence else np.ones_like(run.depth(index))
            confidence = _at_network(run, index, confidence)
            yield DenseChunk(Head.DEPTH, at, depth[None].astype(np.float32), confidence[None])
        if Save.POINTS in saved:
            points = _moved(run.points(index), before[index], extrinsics[index], factor)
            sure = run.points_confidence(index)
            yield DenseChunk(Head.POINT, at, points[None], sure[None])


def _moved(
    points: Float32Array, before: FloatArray, after: FloatArray, factor: Float64Array
) -> Float32Array:
    """Points (H, W, 3) that stay where the camera sees them, but for their distance."""
    in_camera = (points @ before[:, :3].T + before[:, 3]) * factor[..., None]
    return np.asarray((in_camera - after[:, 3]) @ after[:, :3], np.float32)


def _at_network(run: Run, index: int, map_: Float32Array) -> Float32Array:
    """A map in the network's pixels, from which those of the source had been interpolated."""
    if run.manifest.resolution is Resolution.NETWORK:
        return map_
    transform = run.manifest.frames[index].to_info(run.manifest.network_size).transform
    positive = np.where(map_ > 0, map_, np.nan)
    size = run.manifest.network_size
    sampled = sample_depth(positive, pixels_in_source(transform, size).reshape(-1, 2))
    return sampled.between.reshape(size).astype(np.float32)


def _tracks(segments: Sequence[RefinedSegment]) -> RunTracks:
    """Those of all segments together."""
    first = np.cumsum([0, *(len(each.refined.points) for each in segments)])
    parts = [(each, each.refined.tracks, first[i]) for i, each in enumerate(segments)]
    return RunTracks(
        np.concatenate([each.refined.points for each in segments]),
        np.concatenate([tracks.colors for _, tracks, _ in parts]),
        np.concatenate([each.refined.point_errors_px for each in segments]),
        np.concatenate([tracks.point + offset for _, tracks, offset in parts]),
        np.concatenate([np.array(each.clip.indices)[tracks.frame] for each, tracks, _ in parts]),
        np.concatenate([tracks.pixels for _, tracks, _ in parts]),
    )
