"""Tell a run's moving pixels from those that stand still, from its own depth and cameras.

A geometric test (`motion_score.py`), not the network's mask: it sees what has changed its place by
more than the run's depth and cameras are wrong, between frames that overlap.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.enums import MotionPart, Save
from page4d_cli.core.errors import NothingLeftError, RunError
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float32Array
from page4d_cli.io.formats.png import read_motion_png, write_motion_png
from page4d_cli.io.run.addition import adding
from page4d_cli.io.run.directory import Run, motion_file
from page4d_cli.pipelines.motion.score import UncertainDepth, motion_score, neighbours_of
from page4d_cli.pipelines.stored_run.clip import RunClip, read_run_clip

THRESHOLD = 0.5
"""Score from which a pixel counts as moving."""
CONVENTIONS = {
    "motion": "motion/<stem>.png: 8 bit, value / 255 from 0 (still, or never seen twice) to 1 "
    "(moving); a geometric test on depth and cameras, not the network's mask",
}
NEEDED = (Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE)
"""Of a run, for motion to be computed."""
_MAX_PIXELS = 300_000
"""Maps of source pixels are thinned out to this; the network's own have fewer."""
_SAMPLES_A_FRAME = 2000
_UNCERTAINTY_LIMITS = (0.5, 4.0)
_FRAMES_KEPT = 68
"""More than a frame has between its first and its last neighbour, so each is read once."""


def keep_mask(
    score: Float32Array, part: MotionPart, threshold: float = THRESHOLD
) -> NDArray[np.bool_]:
    """Pixels (H, W) that belong to a part of the scene.

    Args:
        score: (H, W) of a frame, from `motion_of(run).score`.
        part: which.
        threshold: score from which a pixel counts as moving.
    """
    is_moving = score >= threshold
    return is_moving if part is MotionPart.MOVING else ~is_moving


@dataclass(frozen=True)
class MotionSummary:
    """What `write_motion` found."""

    moving_shares: dict[str, float]
    """Share of pixels with a score of `THRESHOLD` or more, by stem."""
    notes: tuple[str, ...]
    """What the person should know."""


def write_motion(run: Run, *, progress: Progress | None = None) -> MotionSummary:
    """Write `motion/<stem>.png` into a run, all or none; those of an earlier call are replaced.

    Args:
        run: with depth and cameras, of at least two frames.
        progress: told about every frame.

    Raises:
        RunError: depth or cameras were not saved, there is one frame only, or masks were given.
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
        OutputError: the run is read-only.
        WriteError: the disk is full, or the like.
    """
    if run.manifest.masks is not None:
        raise RunError(
            f"{run.directory} has masks that were given ({run.manifest.masks}), which are used as "
            "they are; infer without --masks to have them computed"
        )
    motion = ComputedMotion.of_run(run)
    shares = {}
    with adding(run, "motion", CONVENTIONS) as transaction:
        for index, frame in enumerate(run.manifest.frames):
            score = motion.score(index)
            write_motion_png(transaction.path(motion_file(frame.stem)), score)
            shares[frame.stem] = _moving_share(score)
            if progress is not None:
                progress("motion", index + 1, len(run.manifest.frames))
    return MotionSummary(shares, motion.notes)


def written_motion(run: Run) -> MotionSummary:
    """What `write_motion` found, from what it has written.

    Raises:
        RunError: a file is missing, damaged, or of another size than the depth.
    """
    motion = WrittenMotion(run)
    stems = [frame.stem for frame in run.manifest.frames]
    shares = {stem: _moving_share(motion.score(index)) for index, stem in enumerate(stems)}
    return MotionSummary(shares, ())


def _moving_share(score: Float32Array) -> float:
    return float(keep_mask(score, MotionPart.MOVING).mean())


def motion_of(run: Run) -> "WrittenMotion | ComputedMotion":
    """The scores of a run: read if `page4d motion` has written them, else computed when asked for.

    Raises:
        RunError: depth or cameras were not saved, or there is one frame only.
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
    """
    return WrittenMotion(run) if is_written(run) else ComputedMotion.of_run(run)


def known_masks(clip: RunClip, part: MotionPart) -> list[NDArray[np.bool_]] | None:
    """As `part_masks`, but None where the run does not have them and they would be computed.

    Raises:
        RunError: a file is missing, damaged, or of another size than the depth.
    """
    return part_masks(clip, part) if is_written(clip.run) else None


def part_masks(clip: RunClip, part: MotionPart) -> list[NDArray[np.bool_]]:
    """Pixels (H, W) of each frame of a clip that belong to a part of the scene.

    Raises:
        RunError: depth or cameras were not saved, or there is one frame only.
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
    """
    motion = motion_of(clip.run)
    return [keep_mask(motion.score(index), part) for index in clip.indices]


def is_written(run: Run) -> bool:
    """Whether `page4d motion` has written the scores of a run."""
    files = {motion_file(frame.stem) for frame in run.manifest.frames}
    return files <= set(run.manifest.files)


@dataclass(frozen=True)
class WrittenMotion:
    """Scores that `page4d motion` has written."""

    run: Run

    def score(self, index: int) -> Float32Array:
        """(H, W) of frame `index`, from 0 (still, or never seen twice) to 1 (moving).

        Raises:
            RunError: the file is missing, damaged, or of another size than the depth.
        """
        path = self.run.directory / motion_file(self.run.manifest.frames[index].stem)
        score, expected = read_motion_png(path), self.run.depth(index).shape
        if score.shape != expected:
            raise RunError(
                f"{path} is of {score.shape[1]}×{score.shape[0]} pixels, its depth of "
                f"{expected[1]}×{expected[0]}; run `page4d motion` again"
            )
        return score


class ComputedMotion:
    """Scores computed from depth and cameras, frame by frame.

    Args:
        clip: of a run, with depth, cameras and confidence.

    Raises:
        NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
    """

    def __init__(self, clip: RunClip) -> None:
        count = len(clip.run.manifest.frames)
        if len(clip) < 2:
            raise NothingLeftError(
                f"1 of the {count} frames of {clip.run.directory} has a usable camera; motion "
                "needs two"
            )
        self._run = clip.run
        self._clip = clip
        self._typical_confidence = self._median_confidence()
        self._posed = lru_cache(_FRAMES_KEPT)(self._read_posed)

    @classmethod
    def of_run(cls, run: Run) -> "ComputedMotion":
        """Of all frames of a run, as it says.

        Raises:
            RunError: depth or cameras were not saved, or there is one frame only.
            NothingLeftError: no two frames have a usable camera, or no pixel has a usable depth.
        """
        count = len(run.manifest.frames)
        if count < 2:
            raise RunError(
                f"{run.directory} has {count} frame; motion shows between frames: infer two or "
                "more at once"
            )
        return cls(read_run_clip(run, slice(None), NEEDED))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person should know."""
        return self._clip.notes

    def score(self, index: int) -> Float32Array:
        """(H, W) of frame `index`, from 0 (still, or never seen twice) to 1 (moving).

        Raises:
            RunError: a file of the run is damaged.
        """
        shape = self._run.depth(index).shape
        if index not in self._clip.indices:
            return np.zeros(shape, np.float32)
        place = self._clip.indices.index(index)
        mine = self._clip.world_of(place)
        world = [other for other in range(len(self._clip)) if self._clip.world_of(other) == mine]
        among = neighbours_of(world.index(place), len(world))
        others = (self._posed(world[other]) for other in among)
        score = motion_score(self._posed(place), others)
        return score if score.shape == shape else _enlarge(score, shape, _step_of(shape))

    def _read_posed(self, place: int) -> UncertainDepth:
        """A frame of the clip as it is compared, thinned out if it is large."""
        frame = self._clip.posed_depth(place)
        step = _step_of(frame.depth.shape)
        thin = frame.every(step)
        uncertainty = self._uncertainty(place)[::step, ::step]
        return UncertainDepth(thin.depth, thin.intrinsics, thin.T_camera_world, uncertainty)

    def _median_confidence(self) -> float:
        """Of the usable pixels of the clip, from a regular sample."""
        samples = []
        for place, confidence in enumerate(self._clip.confidence):
            usable = np.isfinite(self._clip.posed_depth(place).depth) & np.isfinite(confidence)
            found = confidence[usable]
            samples.append(found[:: max(1, found.size // _SAMPLES_A_FRAME)])
        together = np.concatenate(samples)
        if not together.size:
            raise NothingLeftError(
                f"no pixel of the {len(samples)} frames of {self._run.directory} has a usable depth"
            )
        return float(np.median(together))

    def _uncertainty(self, place: int) -> Float32Array:
        """(H, W) expected error of the depth over the clip's, from the network's confidence.

        Training minimises confidence · error - α log confidence (DUSt3R, Wang et al., CVPR 2024,
        eq. 4), which is least for a confidence of α / error: the expected error is its inverse.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self._typical_confidence / self._clip.confidence[place]
        ratio = np.nan_to_num(ratio, nan=_UNCERTAINTY_LIMITS[1])
        return np.asarray(np.clip(ratio, *_UNCERTAINTY_LIMITS), np.float32)


def _step_of(shape: tuple[int, ...]) -> int:
    """How many pixels of a map (H, W) lie from one that is compared to the next."""
    return ceil(sqrt(shape[0] * shape[1] / _MAX_PIXELS))


def _enlarge(score: Float32Array, shape: tuple[int, ...], step: int) -> Float32Array:
    """Interpolate scores of the pixels 0, step, 2 step, …; behind the last one its own holds.

    Pillow counts from the corner of the first pixel, and fills with 0 what lies outside.
    """
    padded = Image.fromarray(np.pad(score, (0, 1), mode="edge"))
    shift = (1 - 1 / step) / 2
    picture = padded.transform(
        (shape[1], shape[0]),
        Image.Transform.AFFINE,
        (1 / step, 0, shift, 0, 1 / step, shift),
        Image.Resampling.BILINEAR,
    )
    return np.array(picture, np.float32)
