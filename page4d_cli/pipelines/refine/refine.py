"""Refine the cameras of a run: each segment by itself, and what follows from cameras with them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from page4d_cli.core.errors import NothingLeftError, OutputError, RefusedError, RunError
from page4d_cli.core.progress import Progress
from page4d_cli.core.wording import count_noun
from page4d_cli.io.run.directory import Run
from page4d_cli.io.run.manifest import DistortionRecord, Manifest, RefinementRecord
from page4d_cli.pipelines.motion.motion import NEEDED
from page4d_cli.pipelines.refine.clip import (
    cameras_of,
    features_of,
    sizes_of,
    still,
    still_by_masks,
    still_by_motion,
)
from page4d_cli.pipelines.refine.files import RefinedSegment, write_refined
from page4d_cli.pipelines.stored_run.clip import RunClip, read_run_clip
from page4d_cli.pipelines.stored_run.principal_point import with_middle_as_principal_point
from page4d_cli.refine.cameras import Freedom
from page4d_cli.refine.features import require_pycolmap
from page4d_cli.refine.judge import LEAST_SIGHTINGS
from page4d_cli.refine.refine import refine_cameras

_BENT = (
    "the lens bends (k1 = {}), which only `export` to colmap, nerfstudio and dynamic tells; depth, "
    "cloud and the rest take the pictures for straight: undistort the pictures and infer anew "
    "to have these exact"
)
_UNSUPPORTED = f"fewer than {LEAST_SIGHTINGS} points tie it to the other frames"


@dataclass(frozen=True)
class RefineOptions:
    """How to refine."""

    out: Path | None = None
    """A new run directory; None: in place."""
    masks: Path | None = None
    """A folder of `STEM.png`, bright where something moves; None: as `page4d motion` tells."""
    distortion: bool = False
    """The lenses may have a radial distortion, which is measured."""
    strict: bool = False
    """Cameras that cannot be made better are an error."""
    overwrite: bool = False
    """Replace an earlier run at `out`."""
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class RefineResult:
    """What became of a run."""

    manifest: Manifest
    frames: int
    refined: int
    """Frames with refined cameras."""
    notes: tuple[str, ...]
    """What the person should know."""


def refine_run(
    run: Run, options: RefineOptions, *, progress: Progress | None = None
) -> RefineResult:
    """Refine the cameras of a run, and let depth, points, cloud and preview follow.

    Whatever cannot be made better stays as it was, and is said in the manifest.

    Args:
        run: with cameras and depth, whose source pictures are still there.
        options: how.
        progress: told about every step.

    Raises:
        InputError: pycolmap is not installed.
        RunError: cameras or depth were not saved, or there is one frame only.
        FramesError: source pictures or masks are gone or cannot be read.
        NothingLeftError: no two frames have a usable camera.
        RefusedError: `strict`, and some camera could not be made better.
        OutputError: the place cannot be used.
        WriteError: the disk is full, or the like.
    """
    require_pycolmap()
    begin = time.perf_counter()
    _require_two(run)
    if options.out is not None and options.out.resolve().is_relative_to(run.directory.resolve()):
        raise OutputError(
            f"{options.out} is the run itself or within it; leave --out away to refine it in place"
        )
    segments: list[RefinedSegment] = []
    notes: list[str] = []
    for world in run.manifest.worlds:
        clip = read_run_clip(run, slice(world.start, world.stop), NEEDED)
        clip = with_middle_as_principal_point(clip)
        notes += clip.notes
        segments.append(_refine_segment(clip, options, progress))
    records = tuple(_record(segment, options) for segment in segments)
    notes += _in_words(records, segments)
    refined = sum(record.refined for record in records)
    if options.strict and refined < len(run.manifest.frames):
        raise RefusedError(f"{'; '.join(notes)}; nothing was written")
    manifest = write_refined(
        run,
        segments,
        records,
        options.out,
        overwrite=options.overwrite,
        begin_s=begin,
        command=options.command,
    )
    return RefineResult(manifest, len(run.manifest.frames), refined, tuple(notes))


def _require_two(run: Run) -> None:
    count = len(run.manifest.frames)
    if count < 2:
        raise RunError(
            f"{run.directory} has {count} frame; refining needs two or more: infer them at once"
        )


def _refine_segment(
    clip: RunClip, options: RefineOptions, progress: Progress | None
) -> RefinedSegment:
    if options.masks is None and len(clip) < 2:
        raise NothingLeftError(
            f"1 frame of a segment of {clip.run.directory} has a usable camera; refining needs two"
        )
    network, sizes = cameras_of(clip), sizes_of(clip.infos)
    features = features_of(clip, progress)
    by_masks = None if options.masks is None else still_by_masks(clip, options.masks)
    seen = still(features, by_masks or still_by_motion(clip))
    free = Freedom(clip.run.manifest.focal_px is None, options.distortion)
    refined = refine_cameras(seen, network, sizes, free, progress=progress)
    is_told = by_masks is not None or clip.run.manifest.masks is not None
    if refined.verdict.is_taken.any() and not is_told:
        seen = still(features, still_by_motion(clip, refined))
        refined = refine_cameras(seen, network, sizes, free, earlier=refined, progress=progress)
    return RefinedSegment(clip, network, refined)


def _record(segment: RefinedSegment, options: RefineOptions) -> RefinementRecord:
    clip, refined = segment.clip, segment.refined
    verdict = refined.verdict
    kept = {}
    for place, info in enumerate(clip.infos):
        if verdict.refusal is None and not verdict.is_taken[place]:
            kept[info.stem] = verdict.refused.get(place, _UNSUPPORTED)
    count = len(segment.network.intrinsics)
    factors = refined.cameras.intrinsics[:count, 0, 0] / segment.network.intrinsics[:, 0, 0]
    return RefinementRecord(
        refused=verdict.refusal,
        kept=kept,
        held_out_before_px=verdict.before_px,
        held_out_after_px=verdict.after_px,
        rounds=tuple((each.scale_px, each.median_px) for each in refined.rounds),
        pairs=refined.pairs,
        matches=refined.matches,
        points=len(refined.points),
        sightings=len(refined.tracks.point),
        focal_length_factor=tuple(float(factor) for factor in factors),
        depth_factor={
            info.stem: float(np.exp(scale.coefficients[0]))
            for info, scale in zip(clip.infos, refined.depth, strict=True)
        },
        masks=None if options.masks is None else str(options.masks.absolute()),
        focal_length_is_known=clip.run.manifest.focal_px is not None,
        distortion=_distortion(segment) if options.distortion and not verdict.refusal else None,
    )


def _distortion(segment: RefinedSegment) -> DistortionRecord:
    cameras = segment.refined.cameras
    of_frames = cameras.k1[cameras.camera_of_frame]
    both = zip(segment.clip.infos, of_frames, strict=True)
    return DistortionRecord("SIMPLE_RADIAL", {info.stem: float(k1) for info, k1 in both})


def _in_words(records: Sequence[RefinementRecord], segments: Sequence[RefinedSegment]) -> list[str]:
    """A sentence for each reason to leave cameras as they were, and for lenses that bend."""
    said = []
    for record, segment in zip(records, segments, strict=True):
        count = len(segment.clip)
        if record.refused is not None:
            said.append(f"the cameras of {count_noun(count, 'frame')} stay: {record.refused}")
        for why in dict.fromkeys(record.kept.values()):
            stems = [stem for stem, reason in record.kept.items() if reason == why]
            more = f" and {len(stems) - 5} more" if len(stems) > 5 else ""
            said.append(f"the camera of frame {', '.join(stems[:5])}{more} stays: {why}")
        if record.distortion is not None:
            bent = sorted({k1 for k1 in record.distortion.k1.values() if k1})
            said.append(_BENT.format(", ".join(f"{k1:.4f}" for k1 in bent)))
    return said
