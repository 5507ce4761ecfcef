"""Run the network on a sequence as a protocol asks for it, and keep what it says in a run."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from page4d_cli.core.enums import Fit, Head, Save, TimestampSource
from page4d_cli.core.errors import EvaluationError, OutOfMemoryError, OutputError
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import FrameInfo, Frames, PixelTransform
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.data.clip.fingerprint import fingerprint_of_files
from page4d_cli.data.sets.files import count_as_seconds
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.eval.protocol import Measure, ScoredDepth
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.whole.scratch import ScratchFile
from page4d_cli.model.choice import LazyModel
from page4d_cli.model.weights import LoadedModel, image_size_of
from page4d_cli.pipelines.evaluate.options import REFINED, EvaluationOptions, identity_of
from page4d_cli.pipelines.infer.predict import dense_chunks, encode_clip
from page4d_cli.pipelines.infer.resume import PICTURES, kept_run
from page4d_cli.pipelines.infer.run import RunOptions, write_run, writing_run
from page4d_cli.pipelines.infer.run_files import RunFiles
from page4d_cli.pipelines.infer.windows import write_run_in_windows
from page4d_cli.pipelines.refine.refine import RefineOptions, refine_run

ONE_BY_ONE = "one_frame_a_pass"
"""Setting of a run whose frames never met in the network."""


@dataclass(frozen=True)
class Predictor:
    """Predicts sequences, each into a run directory of its own."""

    options: EvaluationOptions
    network: LazyModel
    """Kept predictions need none."""
    command: tuple[str, ...]
    progress: Progress | None = None

    def predict(self, sequence: RecordedSequence, indices: range, place: Path) -> Run:
        """Predict the frames of a sequence, unless that was done before.

        Args:
            sequence: whose pictures.
            indices: of the frames that count.
            place: the run directory.

        Raises:
            FramesError: a picture cannot be read.
            OutOfMemoryError: the sequence is too long for the device.
        """
        options = self._run_options(sequence, indices)
        if not _is_kept(place, options, self.options.model.weights):
            with ScratchFile(place) as scratch:
                frames = self._load(sequence, indices, scratch)
                self._write(frames, place, replace(options, overwrite=True))
        run = open_run(place)
        if self.options.refine and not run.manifest.refinement:
            refine_run(run, RefineOptions(command=self.command), progress=self.progress)
        return open_run(place)

    def _run_options(self, sequence: RecordedSequence, indices: range) -> RunOptions:
        options = self.options
        is_pose = options.measure is Measure.POSE
        needs_cameras = options.protocol.scored_depth(options.measure) is ScoredDepth.WORLD_Z
        save = {Save.CAMERAS} if is_pose or needs_cameras else set()
        if not is_pose:
            save.add(Save.DEPTH)
        if options.refine:
            save |= {Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE}
        return RunOptions(
            frozenset(save),
            windows=options.windows,
            command=self.command,
            settings={
                "source": [str(sequence.frames[index].resolve()) for index in indices],
                PICTURES: fingerprint_of_files(sequence.frames[index] for index in indices),
                "weights": identity_of(options.model.weights),
                "protocol": options.protocol_name.value,
                ONE_BY_ONE: options.measure is Measure.MONO,
                **options.windows.as_settings(),
                **({REFINED: True} if options.refine else {}),
            },
        )

    def _load(self, sequence: RecordedSequence, indices: range, scratch: ScratchFile) -> Frames:
        """The pictures as the protocol fits them, with the data set's time stamps.

        Raises:
            EvaluationError: they are no files of their own.
        """
        if sequence.read_picture is not None:
            raise EvaluationError(
                f"{sequence.name}: its pictures lie within {sequence.frames[0].name}, of which no "
                "predictions are made; it can be checked and trained on"
            )
        stretches = self.options.protocol.stretches
        choice = FrameChoice(fit=Fit.CROP if stretches else _fit_of(sequence, indices[0]))
        size = image_size_of(self.options.model.weights)
        frames = choice.load([str(sequence.frames[index]) for index in indices], size, scratch)
        if stretches:
            frames = stretched_to_square(frames)
        stamps_s = sequence.timestamps_s[list(indices)]
        infos = [
            replace(info, timestamp_s=float(stamp))
            for info, stamp in zip(frames.infos, stamps_s, strict=True)
        ]
        counted = np.array_equal(sequence.timestamps_s, count_as_seconds(len(sequence)))
        source = TimestampSource.INDEX if counted else TimestampSource.FILE_NAME
        return replace(frames, infos=tuple(infos), timestamp_source=source)

    def _write(self, frames: Frames, place: Path, options: RunOptions) -> None:
        model = self.network.get()
        spans = self.options.windows.spans(len(frames))
        if len(spans) > 1:
            write_run_in_windows(
                model, frames, spans, place, options, progress=self.progress, resume=True
            )
            return
        if self.options.measure is not Measure.MONO:
            try:
                write_run(model, frames, place, options, progress=self.progress)
            except OutOfMemoryError as error:
                raise OutOfMemoryError(
                    f"{error}; --window predicts it in pieces, --max-frames scores its beginning, "
                    "and a run made on a larger device is scored with --preds"
                ) from error
            return

        with writing_run(model, frames, place, options, progress=self.progress) as files:
            for index in range(len(frames)):
                write_depth_of_one(model, frames, index, files)
                if self.progress is not None:
                    self.progress("frames", index + 1, len(frames))


def _fit_of(sequence: RecordedSequence, index: int) -> Fit:
    """Padding for portraits: the network was trained on pictures of its full width."""
    height, width = sequence.read_image(index).shape[:2]
    return Fit.PAD if height > width else Fit.KEEP


def _is_kept(place: Path, options: RunOptions, weights: str) -> bool:
    """Whether the run at a place can be taken; one of other pictures is made again."""
    try:
        return kept_run(place, options, weights) is not None
    except OutputError:
        return False


def write_depth_of_one(model: LoadedModel, frames: Frames, index: int, files: RunFiles) -> None:
    """Predict the depth of a frame that meets no other."""
    encoding = encode_clip(model, frames.part(slice(index, index + 1)), heads={Head.DEPTH})
    for chunk in dense_chunks(model, encoding, Head.DEPTH):
        files.write_chunk(replace(chunk, frames=slice(index, index + 1)))


def stretched_to_square(frames: Frames) -> Frames:
    """Pictures with as many rows as columns, as the original's evaluation makes them: bilinear."""
    height, width = frames.size
    images = np.stack(
        [
            np.asarray(Image.fromarray(image).resize((width, width), Image.Resampling.BILINEAR))
            for image in frames.images
        ]
    )
    infos = tuple(_stretched(info, width / height, width) for info in frames.infos)
    return replace(frames, images=images, infos=infos)


def _stretched(info: FrameInfo, factor: float, side: int) -> FrameInfo:
    """The way of the pixels when rows are `factor` times as many."""
    old = info.transform
    left, top, right, bottom = old.content
    transform = PixelTransform(
        source_size=old.source_size,
        size=(side, side),
        scale=(old.scale[0], old.scale[1] * factor),
        offset=(old.offset[0], old.offset[1] * factor),
        content=(left, round(top * factor), right, round(bottom * factor)),
    )
    return replace(info, transform=transform)
