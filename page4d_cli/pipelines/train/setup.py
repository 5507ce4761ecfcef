"""Everything that the steps of a run work with, made once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from page4d_cli.core.enums import Precision
from page4d_cli.model.network import Page4D
from page4d_cli.model.random_weights import random_model
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.pipelines.train import checkpoints
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.pipelines.train.initial_weights import InitialWeights
from page4d_cli.pipelines.train.learner import Learner
from page4d_cli.pipelines.train.request import TrainObserver, TrainRequest
from page4d_cli.train.parameters import (
    GradientClip,
    find_gradient_clips,
    freeze,
    optimiser_groups,
    trainable_parameters,
)

UNUSED = "aggregator.patch_embed.mask_token"
"""In the checkpoints without a use: it never learns."""

Accelerator = Any
"""accelerate's, which has no types."""


@dataclass(frozen=True)
class Trainee:
    """What learns, and what makes it learn."""

    accelerator: Accelerator
    learner: Learner
    wrapped: Any
    """The learner as accelerate calls it: over several processes, under autocast."""
    optimizer: Any
    """AdamW, as accelerate calls it."""
    gradient_clips: tuple[GradientClip, ...]

    @property
    def network(self) -> Page4D:
        """What comes out of training."""
        return self.learner.network

    def save(self, run: Path, state: checkpoints.TrainState, config: TrainConfig) -> None:
        """Write a checkpoint, see `checkpoints.save`."""
        scaler = self.accelerator.scaler
        kept = {
            "optimizer": self.optimizer.state_dict(),
            "scaler": {} if scaler is None else scaler.state_dict(),
            **{f"{name}_head": head.state_dict() for name, head in self.learner.heads.items()},
        }
        checkpoints.save(
            run,
            self.network,
            kept,
            state,
            mask_strength=config.mask(state.step),
            keep_last=config.keep_last,
        )

    def restore(self, checkpoint: Path) -> None:
        """Take over what `save` wrote.

        Raises:
            WeightsError: the weights are damaged.
            InputError: they or the optimiser's state are of another network, or damaged.
        """
        saved = checkpoints.restore(checkpoint, self.network)
        with checkpoints.restoring(checkpoint):
            self.optimizer.load_state_dict(saved["optimizer"])
            for name, head in self.learner.heads.items():
                head.load_state_dict(saved[f"{name}_head"])
            if self.accelerator.scaler is not None:
                self.accelerator.scaler.load_state_dict(saved["scaler"])


def make_accelerator(request: TrainRequest) -> Accelerator:
    """Device, number format and the other processes, if there are.

    Raises:
        DeviceError: this machine lacks the device or the precision.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    runtime = choose_runtime(request.device, request.config.precision)
    full = runtime.precision is Precision.FP32
    return Accelerator(
        cpu=runtime.device.type == "cpu",
        mixed_precision="no" if full else runtime.precision.value,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def make_trainee(
    config: TrainConfig,
    accelerator: Accelerator,
    checkpoint: Path | None,
    initial: InitialWeights | None,
    observer: TrainObserver,
) -> Trainee:
    """Network, optimiser and all that belongs to them, as at the checkpoint if there is one.

    Without a checkpoint the network starts from the initial weights, or from random ones.

    Raises:
        InputError: weights or checkpoint do not fit, or a pattern of the configuration does not.
        WeightsError: weights cannot be read.
    """
    network = random_model(config.model, config.seed, layer_scale=config.layer_scale)
    if initial is not None:
        initial.give_to(network)
        observer.on_note(initial.notice)
    network.aggregator.checkpoint_activations = config.checkpoint_activations
    learner = Learner(network.train(), config.loss.losses, config.seed)
    parts = learner.named_parts
    frozen = freeze(parts, (UNUSED, *config.freeze))
    learning = trainable_parameters(parts)
    count = sum(parameter.numel() for parameter in learning.values())
    observer.on_note(
        f"{len(learning)} tensors learn ({count / 1e6:.2f} M parameters), {len(frozen)} are frozen"
    )
    gradient_clips = find_gradient_clips(parts, config.clip)
    optimizer = torch.optim.AdamW(optimiser_groups(parts, config.groups), betas=config.betas)
    wrapped, optimizer = accelerator.prepare(learner, optimizer)
    trainee = Trainee(accelerator, learner, wrapped, optimizer, gradient_clips)
    if checkpoint is not None:
        trainee.restore(checkpoint)
    return trainee
