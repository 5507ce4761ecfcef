"""From a step's number to its batch: nothing else is needed, so nothing has to be saved."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from page4d_cli.data.synthetic.render import RenderedClips, render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.train.augment import augment_clip
from page4d_cli.train.batch import Batch
from page4d_cli.train.crop import target_height
from page4d_cli.train.sampling import SamplePlan, plan_batch


@dataclass(frozen=True)
class TrainingBatches(Dataset[Batch]):
    """The batches of one rank; item k is that of optimiser step `first + k`."""

    config: TrainConfig
    rank: int
    ranks: int
    first: int

    def __len__(self) -> int:
        return self.config.steps - self.first

    def __getitem__(self, item: int) -> Batch:
        epoch, index = divmod(self.first + item, self.config.steps_per_epoch)
        config = self.config
        plan = plan_batch(
            config.batch,
            samples=config.data.scenes,
            ranks=self.ranks,
            seed=config.seed,
            epoch=epoch,
            index=index,
        )
        return make_batch(config, plan.ranks[self.rank], plan.images_per_sample, plan.aspect)


def validation_batches(config: TrainConfig) -> list[Batch]:
    """The same fixed scenes each time, none of which is trained on; colours as they are."""
    data = config.data
    plans = [SamplePlan(data.scenes + i, i) for i in range(data.validation_scenes)]
    at_once = config.batch.batch_size(data.validation_frames)
    groups = [plans[begin : begin + at_once] for begin in range(0, len(plans), at_once)]
    return [
        make_batch(config, group, data.validation_frames, data.validation_aspect, augmented=False)
        for group in groups
    ]


def make_batch(
    config: TrainConfig,
    plans: Sequence[SamplePlan],
    frames: int,
    aspect: float,
    *,
    augmented: bool = True,
) -> Batch:
    """Draw one clip a sample.

    Args:
        config: of the run.
        plans: scene and seed of each sample.
        frames: S.
        aspect: height over width.
        augmented: change the colours, if the configuration says so.
    """
    width = config.model.image_size
    size = (width, target_height(aspect, width, config.model.patch_size))
    scenes = [sample_scene(config.data.recipe, plan.index) for plan in plans]
    times_s = np.stack([_times(config, plan.seed, frames) for plan in plans])
    clips = render(scenes, times_s, size)
    images = clips.images.permute(0, 1, 4, 2, 3).float() / 255
    if augmented and config.colour is not None:
        colour = config.colour
        images = torch.stack(
            [
                augment_clip(clip, colour, torch.Generator().manual_seed(plan.seed))
                for clip, plan in zip(images, plans, strict=True)
            ]
        )
    yes = torch.ones(len(plans), dtype=torch.bool)
    return Batch(
        images=images,
        depth=clips.depth,
        extrinsics=clips.extrinsics,
        intrinsics=clips.intrinsics,
        world_points=_world_points(clips),
        valid=clips.depth > 0,
        supervise_pose=yes,
        supervise_geometry=yes,
        sequence_names=tuple(f"synthetic/{plan.index}" for plan in plans),
    )


def _times(config: TrainConfig, seed: int, frames: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    begin = rng.uniform(0, config.data.recipe.period_s)
    return np.asarray(begin + rng.uniform(*config.data.gap_s) * np.arange(frames))


def _world_points(clips: RenderedClips) -> Tensor:
    """(B, S, H, W, 3) in the world, by the conventions of `core/geometry.py`."""
    height, width = clips.depth.shape[-2:]
    k = clips.intrinsics[..., None, None, :, :]
    x = (torch.arange(width) - k[..., 0, 2]) / k[..., 0, 0]
    y = (torch.arange(height)[:, None] - k[..., 1, 2]) / k[..., 1, 1]
    rays = torch.stack((*torch.broadcast_tensors(x, y), torch.ones_like(clips.depth)), dim=-1)
    camera_points = rays * clips.depth[..., None]
    rotation = clips.extrinsics[..., None, :, :3]
    translation = clips.extrinsics[..., 3][..., None, None, :]
    return (camera_points - translation) @ rotation
