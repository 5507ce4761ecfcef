"""From a step's number to its batch: nothing else is needed, so nothing has to be saved."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset

from page4d_cli.core.errors import Page4DError
from page4d_cli.pipelines.train.clip import TrainingClip
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.pipelines.train.drawn import draw_clips
from page4d_cli.pipelines.train.mixture import ClipPlan, Mixture
from page4d_cli.train.augment import augment_clip
from page4d_cli.train.batch import Batch
from page4d_cli.train.crop import target_height
from page4d_cli.train.sampling import plan_batch


@dataclass(frozen=True)
class Loaded:
    """What a worker hands over. An error is a value here: raised, it would lose its type there."""

    batch: Batch | None
    replaced: tuple[str, ...] = ()
    """Why clips could not be read, one line each; others took their places."""
    error: Page4DError | None = None


@dataclass(frozen=True)
class TrainingBatches(Dataset[Loaded]):
    """The batches of one rank; item k is that of optimiser step `first + k`."""

    config: TrainConfig
    mixture: Mixture
    rank: int
    ranks: int
    first: int

    def __len__(self) -> int:
        return self.config.steps - self.first

    def __getitem__(self, item: int) -> Loaded:
        epoch, index = divmod(self.first + item, self.config.steps_per_epoch)
        config = self.config
        plan = plan_batch(
            config.batch,
            samples=len(self.mixture),
            ranks=self.ranks,
            seed=config.seed,
            epoch=epoch,
            index=index,
        )
        clips = [self.mixture.training_clip(sample) for sample in plan.ranks[self.rank]]
        try:
            return make_batch(config, clips, plan.images_per_sample, plan.aspect)
        except Page4DError as error:
            return Loaded(None, error=error)


def validation_batches(config: TrainConfig, clips: Sequence[ClipPlan]) -> Iterator[Loaded]:
    """The same clips each time, none of which is trained on; colours as they are.

    Raises:
        DatasetError: a file cannot be read and the configuration says to stop.
        FramesError: a picture cannot be read, likewise.
    """
    data = config.data
    at_once = config.batch.batch_size(data.validation_frames)
    for begin in range(0, len(clips), at_once):
        yield make_batch(
            config,
            clips[begin : begin + at_once],
            data.validation_frames,
            data.validation_aspect,
            augmented=False,
        )


def make_batch(
    config: TrainConfig,
    plans: Sequence[ClipPlan],
    frames: int,
    aspect: float,
    *,
    augmented: bool = True,
) -> Loaded:
    """Draw one clip a sample.

    Args:
        config: of the run.
        plans: source, number and seed of each sample.
        frames: S.
        aspect: height over width.
        augmented: change the colours, if the configuration says so.

    Raises:
        DatasetError: a file cannot be read and the configuration says to stop, or nothing can.
        FramesError: a picture cannot be read and the configuration says to stop.
    """
    width = config.model.image_size
    size = (width, target_height(aspect, width, config.model.patch_size))
    drawn = iter(draw_clips(config.data, [p for p in plans if p.source is None], frames, size))
    replaced: list[str] = []
    clips: list[TrainingClip] = []
    for plan in plans:
        if plan.source is None:
            clips.append(next(drawn))
            continue
        clip, reasons = plan.source.read(
            plan.number, plan.seed, frames, size, config.on_bad, validating=plan.validating
        )
        clips.append(clip)
        replaced += reasons
    return Loaded(_batch(config, plans, clips, augmented=augmented), tuple(replaced))


def _batch(
    config: TrainConfig,
    plans: Sequence[ClipPlan],
    clips: Sequence[TrainingClip],
    *,
    augmented: bool,
) -> Batch:
    images = [clip.images for clip in clips]
    if augmented and config.color is not None:
        images = [
            augment_clip(each, config.color, torch.Generator().manual_seed(plan.seed))
            for each, plan in zip(images, plans, strict=True)
        ]
    depth = torch.stack([clip.depth for clip in clips])
    return Batch(
        images=torch.stack(images),
        depth=depth,
        extrinsics=torch.stack([clip.extrinsics for clip in clips]),
        intrinsics=torch.stack([clip.intrinsics for clip in clips]),
        world_points=torch.stack([clip.world_points() for clip in clips]),
        valid=depth > 0,
        supervise_pose=torch.tensor([clip.supervise_pose for clip in clips]),
        supervise_geometry=torch.tensor([clip.supervise_geometry for clip in clips]),
        sequence_names=tuple(clip.name for clip in clips),
    )
