"""One optimiser step: forward, backward, clipping, and what to do about losses gone wrong."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.core.errors import Page4DError
from page4d_cli.pipelines.train.checkpoints import TrainState
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.pipelines.train.request import TrainObserver
from page4d_cli.pipelines.train.setup import Trainee
from page4d_cli.pipelines.train.targets import targets_of
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.objective import Losses, compute_losses
from page4d_cli.train.losses.predictions import Predictions
from page4d_cli.train.parameters import clip_gradients, set_learning_rates
from page4d_cli.train.sampling import draw_neighbours


@dataclass(frozen=True)
class OptimiserStep:
    """The steps of one rank; all ranks call it alike."""

    config: TrainConfig
    trainee: Trainee
    state: TrainState
    """Where the run stands; bad steps are counted here."""
    observer: TrainObserver

    def __call__(self, batch: Batch) -> dict[str, float]:
        """Learn from a batch; one whose loss is not finite is skipped by all ranks alike.

        Returns:
            Loss terms, gradient norms, learning rates and what else is recorded of a step.

        Raises:
            Page4DError: too many steps were skipped.
        """
        config, accelerator = self.config, self.trainee.accelerator
        optimizer, step = self.trainee.optimizer, self.state.step
        progress = step / config.steps
        set_learning_rates(optimizer.optimizer, config.groups, progress)
        optimizer.zero_grad(set_to_none=True)
        parts = batch.split(config.accumulate)
        terms: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)  # gradients are exchanged between ranks after it only
            with nullcontext() if last else accelerator.no_sync(self.trainee.wrapped):
                losses = self.losses(part)
                finite = bool(losses.is_finite)
                if not self._all_ranks(finite=finite):
                    return self._skip(part, finite=finite)
                share = len(part) / len(batch)
                accelerator.backward(losses.objective * share)
            for name, term in losses.terms.items():
                terms[name] = terms.get(name, 0) + term * share
        accelerator.unscale_gradients(optimizer)
        norms = clip_gradients(self.trainee.gradient_clips)
        # fp16's scaler skips a step by itself when a gradient overflowed, and lowers its scale.
        finite = accelerator.scaler is not None or all(n.isfinite().item() for n in norms.values())
        if not self._all_ranks(finite=finite):
            return self._skip(batch, finite=finite)
        optimizer.step()
        averaged = accelerator.reduce(terms, reduction="mean")
        values = {name: float(term) for name, term in averaged.items()}
        values |= {f"grad_norm/{name}": float(norm) for name, norm in norms.items()}
        for group in optimizer.param_groups:
            values[f"lr/{group['name']}"] = group["lr"]
            values[f"weight_decay/{group['name']}"] = group["weight_decay"]
        return values | {"mask_strength": config.mask(step), "where": progress}

    def losses(self, part: Batch) -> Losses:
        """Forward pass and losses of samples, on the device and without waiting for it."""
        config, step = self.config, self.state.step
        part = part.to(self.trainee.accelerator.device)
        unit, encoding = targets_of(part)
        count = unit.images.shape[1]
        frames = draw_neighbours(count, config.dense_frames or count, config.seed, step)
        outputs = self.trainee.wrapped(
            unit.images, mask_strength=config.mask(step), dense_frames=frames
        )
        return compute_losses(
            Predictions.from_outputs(outputs),
            unit,
            encoding,
            config.loss,
            dense_frames=frames,
            in_metres=part,
        )

    def _skip(self, batch: Batch, *, finite: bool) -> dict[str, float]:
        """Count a bad step; the run ends when there are too many."""
        self.trainee.optimizer.zero_grad(set_to_none=True)
        self.state.bad_steps += 1
        names = "another rank's samples" if finite else ", ".join(batch.sequence_names)
        message = f"step {self.state.step}: the loss is not finite with {names}"
        self.observer.on_warning(f"{message}; skipped")
        if self.state.bad_steps > self.config.max_bad_steps:
            raise Page4DError(
                f"{message}; that is bad step {self.state.bad_steps}, and "
                f"{self.config.max_bad_steps} are allowed (max_bad_steps): look at these samples, "
                "or lower the learning rate"
            )
        return {"bad_steps": float(self.state.bad_steps)}

    def _all_ranks(self, *, finite: bool) -> bool:
        """Whether every rank says yes; all of them learn the same answer."""
        accelerator = self.trainee.accelerator
        if accelerator.num_processes == 1:
            return finite
        bad = torch.tensor(0.0 if finite else 1.0, device=accelerator.device)
        return float(accelerator.reduce(bad, reduction="sum")) == 0
