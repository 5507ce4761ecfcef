"""Clips of data sets on disk, brought to the size of their batch."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from page4d_cli.core.enums import OnBad
from page4d_cli.core.errors import DatasetError, FramesError, InputError
from page4d_cli.core.geometry import (
    LEAST_FOCAL_LENGTH,
    as_homogeneous,
    invert_rigid,
    rotation_error,
)
from page4d_cli.core.paths import expand_home
from page4d_cli.core.types import Float64Array
from page4d_cli.data.sets.find import FoundSequence, find_sequences, resolve_root
from page4d_cli.data.sets.recorded import Pinhole, RecordedSequence
from page4d_cli.pipelines.train.clip import TrainingClip
from page4d_cli.pipelines.train.data_options import DatasetOptions
from page4d_cli.train.crop import LabelledFrame, fit_frame
from page4d_cli.train.depth_filter import LEAST_DEPTH, filter_depth
from page4d_cli.train.sampling import draw_window

UNREADABLE = (DatasetError, FramesError)
ADVICE = "; mend it, or go on without: --on-bad skip"
_ROTATION_ERROR = 1e-2
"""By which RRᵀ may differ from 1: more than files round."""
ATTEMPTS = 10
"""Clips that are tried one after another before a data set is given up."""


@dataclass(frozen=True)
class DiskData:
    """The sequences of a data set that can be opened, by what they are for."""

    options: DatasetOptions
    training: tuple[FoundSequence, ...]
    validation: tuple[FoundSequence, ...]
    skipped: tuple[str, ...]
    """Why others cannot be opened."""

    def read(
        self,
        number: int,
        seed: int,
        frames: int,
        size: tuple[int, int],
        on_bad: OnBad,
        *,
        validating: bool,
    ) -> tuple[TrainingClip, tuple[str, ...]]:
        """Read a clip, or another one where files cannot be read.

        Args:
            number: of the sequence, counted on after the last.
            seed: of everything that is drawn.
            frames: S.
            size: (W, H).
            on_bad: whether another clip may take the place of one that cannot be read.
            validating: take a sequence for validation, and do not crop at random.

        Returns:
            The clip, and why others could not be read, one line each.

        Raises:
            DatasetError: a file cannot be read, or nothing can.
        """
        sequences = self.validation if validating else self.training
        reasons: list[str] = []
        for attempt in range(ATTEMPTS):
            rng = np.random.default_rng((seed, attempt))
            found = sequences[(number + attempt) % len(sequences)]
            try:
                clip = read_sequence_clip(
                    self.options, found, frames, size, rng, cropped=not validating
                )
            except UNREADABLE as error:
                if on_bad is OnBad.STOP:
                    raise DatasetError(f"{error}{ADVICE}") from error
                reasons.append(str(error))
                continue
            return clip, tuple(reasons)
        raise DatasetError(
            f"{ATTEMPTS} clips of {self.options.kind.value} after one another cannot be read; the "
            f"last: {reasons[-1]}"
        )

    def __str__(self) -> str:
        training, validation = len(self.training), len(self.validation)
        name = self.options.kind.value
        noun = "sequence" if training == 1 else "sequences"
        return f"{name}: {training} {noun} to train on, {validation} to validate on"


def given_root(options: DatasetOptions) -> Path | None:
    """The folder that the configuration names, if it does."""
    return None if options.root is None else Path(expand_home(options.root))


def locate(options: DatasetOptions) -> list[FoundSequence]:
    """Find the sequences of a data set.

    Raises:
        DatasetError: there is none, or a name matches none.
    """
    root = resolve_root(options.kind, given_root(options))
    sequences = find_sequences(options.kind, root, options.layout)
    return _matching(sequences, options.sequences, root) if options.sequences else sequences


def open_disk_data(options: DatasetOptions, on_bad: OnBad) -> DiskData:
    """Find the sequences of a data set and open each once.

    Raises:
        DatasetError: as `locate`; or none is left to train on, or one cannot be opened and `on_bad`
            is STOP.
    """
    sequences = locate(options)
    held_out = _held_out(sequences, options)
    opened, skipped = [], []
    for found in sequences:
        try:
            open_sequence(found, options.intrinsics)
        except UNREADABLE as error:
            if on_bad is OnBad.STOP:
                raise DatasetError(f"{error}{ADVICE}") from error
            skipped.append(str(error))
            continue
        opened.append(found)
    training = tuple(found for found in opened if found not in held_out)
    validation = tuple(found for found in opened if found in held_out)
    if not training and options.weight:
        reason = f"; the first: {skipped[0]}" if skipped else ""
        raise DatasetError(
            f"{options.kind.value}: of {len(sequences)} sequences none is left to train on, "
            f"{len(validation)} are for validation{reason}"
        )
    return DiskData(options, training, validation, tuple(skipped))


@lru_cache(maxsize=1024)
def open_sequence(found: FoundSequence, pinhole: Pinhole | None) -> RecordedSequence:
    """Read what a sequence says about itself; pictures and maps are read later.

    Raises:
        DatasetError: it cannot be read, or lacks what training needs.
    """
    sequence = found.read(pinhole)
    parts = {
        "depth": sequence.read_depth,
        "intrinsics": sequence.intrinsics,
        "cameras": sequence.T_camera_world,
    }
    absent = [name for name, part in parts.items() if part is None]
    if absent:
        raise DatasetError(
            f"{found.marker} has no {' and no '.join(absent)}; training needs pictures with depth, "
            "intrinsics and cameras"
        )
    _require_cameras(sequence, found.marker)
    return sequence


def _require_cameras(sequence: RecordedSequence, marker: Path) -> None:
    """Refuse cameras that would teach nonsense, or make a step that is not finite."""
    assert sequence.intrinsics is not None  # `open_sequence` looked
    focal = sequence.intrinsics[..., [0, 1], [0, 1]].reshape(-1, 2)
    error = rotation_error(_poses(sequence)[..., :3])
    wrong = {
        "a focal length that is not positive": ~(focal > LEAST_FOCAL_LENGTH).all(-1),
        "a pose that is no rotation": error > _ROTATION_ERROR,
    }
    for what, frames in wrong.items():
        if frames.any():
            first = int(frames.argmax())
            raise DatasetError(
                f"{marker}: frame {first} ({sequence.frames[first].name}) has {what}; look at it "
                "with page4d check-data"
            )


def read_sequence_clip(
    options: DatasetOptions,
    found: FoundSequence,
    frames: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    cropped: bool,
) -> TrainingClip:
    """Draw a clip of a sequence.

    Args:
        options: of its data set.
        found: the sequence.
        frames: S.
        size: (W, H).
        rng: draws the frames, then the crops.
        cropped: crop at random; else only as much as the aspect asks for.

    Returns:
        The clip; the world is its first camera, since far from the origin float32 is coarse.

    Raises:
        DatasetError: a depth map is damaged or of another size, or the sequence is of no use.
        FramesError: a picture cannot be read.
    """
    sequence = open_sequence(found, options.intrinsics)
    name = f"{options.kind.value}/{sequence.name}"
    window = draw_window(_posed_frames(sequence, name), frames, options.window, rng)
    crops = rng if cropped else None
    views = [_read_view(sequence, options, index, size, crops) for index in window]
    images = np.stack([view.image for view in views])
    return TrainingClip(
        images=torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255,
        depth=torch.from_numpy(np.stack([view.depth for view in views])),
        extrinsics=torch.from_numpy(_relative_to_first(_poses(sequence)[list(window)])).float(),
        intrinsics=torch.from_numpy(np.stack([view.intrinsics for view in views])).float(),
        supervise_pose=options.supervise_pose,
        supervise_geometry=options.supervise_geometry,
        name=name,
    )


def _read_view(
    sequence: RecordedSequence,
    options: DatasetOptions,
    index: int,
    size: tuple[int, int],
    rng: np.random.Generator | None,
) -> LabelledFrame:
    """A frame at the size of the batch."""
    image, intrinsics = sequence.read_image(index), sequence.intrinsics_of(index)
    assert sequence.read_depth is not None and intrinsics is not None  # `open_sequence` looked
    depth = sequence.read_depth(index).astype(np.float32)
    where = f"{sequence.name}, frame {index} ({sequence.frames[index].name})"
    if depth.shape != image.shape[:2]:
        raise DatasetError(
            f"{where}: depth is {depth.shape[1]}×{depth.shape[0]}, the picture is "
            f"{image.shape[1]}×{image.shape[0]}; training needs them alike"
        )
    if options.depth_filter is not None:
        depth = filter_depth(depth, options.depth_filter)
    depth = np.where(np.isfinite(depth) & (depth > LEAST_DEPTH), depth, np.float32(0))
    view = LabelledFrame(image, depth, intrinsics, options.sparse_depth)
    try:
        return fit_frame(view, size, options.crop, rng)[0]
    except InputError as error:
        raise DatasetError(f"{where}: {error}") from error


def _posed_frames(sequence: RecordedSequence, name: str) -> list[int]:
    """Frames whose camera is known."""
    finite = np.isfinite(_poses(sequence)).all(axis=(1, 2))
    if not finite.any():
        raise DatasetError(f"{name}: no frame has a finite pose")
    return [int(index) for index in np.flatnonzero(finite)]


def _poses(sequence: RecordedSequence) -> Float64Array:
    assert sequence.T_camera_world is not None  # `open_sequence` looked
    return sequence.T_camera_world.astype(np.float64)


def _relative_to_first(T_camera_world: Float64Array) -> Float64Array:
    """(S, 3, 4) T_camera_camera0 of (S, 3, 4)."""
    first = as_homogeneous(np.asarray(invert_rigid(T_camera_world[:1])))
    return np.asarray(T_camera_world @ first)


def _matching(
    sequences: list[FoundSequence], patterns: tuple[str, ...], root: Path
) -> list[FoundSequence]:
    """Sequences that a pattern names; every pattern must name one."""
    for pattern in patterns:
        if not any(fnmatchcase(found.name, pattern) for found in sequences):
            names = ", ".join(found.name for found in sequences[:3])
            raise DatasetError(
                f"{root} holds no sequence '{pattern}'; there are {len(sequences)}: {names}"
                + (", …" if len(sequences) > 3 else "")
            )
    return [found for found in sequences if any(fnmatchcase(found.name, p) for p in patterns)]


def _held_out(sequences: list[FoundSequence], options: DatasetOptions) -> set[FoundSequence]:
    """Sequences to validate on."""
    if not options.weight:
        return set(sequences)
    if options.validation_sequences:
        return set(_matching(sequences, options.validation_sequences, sequences[0].folder.parent))
    if not options.validation_share or len(sequences) == 1:
        return set()
    count = max(1, round(options.validation_share * len(sequences)))
    return set(sequences[-count:])
