"""Clips of scenes that are drawn on the fly."""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.render import render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.pipelines.train.clip import TrainingClip
from page4d_cli.pipelines.train.data_options import DataOptions
from page4d_cli.pipelines.train.mixture import ClipPlan


def draw_clips(
    data: DataOptions, plans: Sequence[ClipPlan], frames: int, size: tuple[int, int]
) -> list[TrainingClip]:
    """Draw a clip of each scene, all at once.

    Args:
        data: recipe and times.
        plans: number of the scene, and seed of the clip's time.
        frames: S.
        size: (W, H).
    """
    if not plans:
        return []
    scenes = [sample_scene(data.recipe, plan.number) for plan in plans]
    times_s = np.stack([_times(data, plan.seed, frames) for plan in plans])
    clips = render(scenes, times_s, size)
    images = clips.images.permute(0, 1, 4, 2, 3).float() / 255
    return [
        TrainingClip(
            images[index],
            clips.depth[index],
            clips.extrinsics[index],
            clips.intrinsics[index],
            f"synthetic/{plan.number}",
        )
        for index, plan in enumerate(plans)
    ]


def _times(data: DataOptions, seed: int, frames: int) -> Float64Array:
    rng = np.random.default_rng(seed)
    begin = rng.uniform(0, data.recipe.period_s)
    return np.asarray(begin + rng.uniform(*data.gap_s) * np.arange(frames))
