"""The training loop, on one process or several (`torchrun`, through accelerate)."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from page4d_cli.core.enums import Precision
from page4d_cli.core.errors import Page4DError
from page4d_cli.io.whole.lock import locked
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.network import Page4D
from page4d_cli.model.pose_encoding import extri_intri_to_pose_encoding
from page4d_cli.model.random_weights import random_model
from page4d_cli.model.runtime import Runtime, choose_runtime, peak_memory_bytes
from page4d_cli.pipelines.train import checkpoints
from page4d_cli.pipelines.train.batches import Loaded, TrainingBatches, validation_batches
from page4d_cli.pipelines.train.beginning import Beginning, write_begun
from page4d_cli.pipelines.train.checkpoints import TrainState
from page4d_cli.pipelines.train.config import (
    TrainConfig,
)
from page4d_cli.pipelines.train.initial_weights import load_initial_weights
from page4d_cli.pipelines.train.learner import Learner
from page4d_cli.pipelines.train.mixture import Mixture, open_mixture
from page4d_cli.pipelines.train.records import Records
from page4d_cli.pipelines.train.validate import validate
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.absolute_pose import absolute_pose_loss
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.predictions import Predictions
from page4d_cli.train.normalise import normalise
from page4d_cli.train.parameters import (
    clip_gradients,
    find_gradient_clips,
    freeze,
    optimiser_groups,
    set_learning_rates,
    trainable_parameters,
)
from page4d_cli.train.sampling import draw_neighbours

BEST = "best.safetensors"
UNUSED = "aggregator.patch_embed.mask_token"
"""In the checkpoints without a use: it never learns."""


@dataclass(frozen=True)
class StepReport:
    """One optimiser step, for whoever watches."""

    step: int
    steps: int
    values: dict[str, float]
    seconds: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class TrainObserver:
    """What a caller may want to hear meanwhile."""

    on_start: Callable[[str], None] = field(default=lambda _text: None)
    on_step: Callable[[StepReport], None] = field(default=lambda _report: None)
    on_validation: Callable[[int, str, dict[str, float]], None] = field(
        default=lambda _step, _dataset, _values: None
    )
    on_problem: Callable[[str], None] = field(default=lambda _text: None)
    """What was left out: files that cannot be read, steps that are not finite. On every process."""


@dataclass(frozen=True)
class TrainRequest:
    """A run to be started or gone on with."""

    config: TrainConfig
    out: Path
    resume: bool = False
    allow_changes: bool = False
    device: str = "auto"


SILENT = TrainObserver()


def run_training(request: TrainRequest, observer: TrainObserver = SILENT) -> TrainState | None:
    """Train a network.

    Args:
        request: what, where, and whether to go on.
        observer: told what happens; on the main process only, but for problems.

    Returns:
        Where the run stands at its end; None on every process but the main one.

    Raises:
        InputError: the configuration, the data, the weights to start from or the run cannot be
            used.
        Page4DError: too many steps had a loss that is not finite, or a process that prepares
            batches died.
    """
    from accelerate import Accelerator
    from accelerate.utils import DistributedDataParallelKwargs

    runtime = choose_runtime(request.device, request.config.precision)
    accelerator = Accelerator(
        cpu=runtime.device.type == "cpu",
        mixed_precision=_mixed_precision(runtime),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    if not accelerator.is_main_process:
        _Run(request, TrainObserver(on_problem=observer.on_problem), accelerator).go()
        return None
    with locked(request.out):
        return _Run(request, observer, accelerator).go()


class _Run:
    def __init__(self, request: TrainRequest, observer: TrainObserver, accelerator: Any) -> None:  # noqa: ANN401 - accelerate is not typed
        self.config = config = request.config
        self.out = request.out
        self.accelerator = accelerator
        self.is_main: bool = accelerator.is_main_process
        self.observer = observer
        self.told: set[str] = set()
        tell = observer.on_problem if self.is_main else SILENT.on_problem
        beginning = Beginning(
            self.out, config, accelerator.num_processes, request.resume, request.allow_changes, tell
        )
        checkpoint, self.state = beginning.find()
        self.mixture = self._open_data()
        beginning.require_same_data(self.state, self.mixture.sequences)
        self.bare = self._network(checkpoint)
        self.learner = Learner(self.bare, config.absolute_pose, config.seed)
        self._freeze()
        self.entries = find_gradient_clips(self.learner.named_parts, config.clip)
        groups = optimiser_groups(self.learner.named_parts, config.groups)
        optimizer = torch.optim.AdamW(groups, betas=config.betas)
        self.model, self.optimizer = accelerator.prepare(self.learner, optimizer)
        if checkpoint is not None:
            saved = checkpoints.restore(checkpoint, self.bare)
            checkpoints.restore_optimizer(checkpoint, self.optimizer, saved["optimizer"])
            if self.learner.absolute_pose_head is not None:
                self.learner.absolute_pose_head.load_state_dict(saved["absolute_pose_head"])
            if accelerator.scaler is not None:
                accelerator.scaler.load_state_dict(saved["scaler"])

    def _open_data(self) -> Mixture:
        mixture = open_mixture(self.config.data, self.config.on_bad)
        for source in mixture.datasets:
            self.observer.on_start(str(source))
            for reason in source.skipped if self.is_main else ():
                self.observer.on_problem(f"left out: {reason}")
        return mixture

    def _network(self, checkpoint: Path | None) -> Page4D:
        """The network on the CPU; its weights are those of `init_from`, or random."""
        config = self.config
        model = random_model(config.model, config.seed, layer_scale=config.layer_scale)
        if config.init_from is not None and checkpoint is None:
            self.observer.on_start(load_initial_weights(model, config.init_from))
        model.aggregator.checkpoint_activations = config.checkpoint_activations
        return model.train()

    def _freeze(self) -> None:
        frozen = freeze(self.learner.named_parts, (UNUSED, *self.config.freeze))
        learning = trainable_parameters(self.learner.named_parts)
        count = sum(parameter.numel() for parameter in learning.values())
        self.observer.on_start(
            f"{len(learning)} tensors learn ({count / 1e6:.2f} M parameters), "
            f"{len(frozen)} are frozen"
        )

    def go(self) -> TrainState:
        """Train until the last step."""
        self.accelerator.wait_for_everyone()  # all have looked at the place
        if self.is_main:
            write_begun(self.out, self.state)
        try:
            if self.is_main:
                with Records(self.out, self.state.step) as records:
                    self._steps(records)
            else:
                self._steps(None)
        except RuntimeError as error:
            if not str(error).startswith("DataLoader worker (pid"):
                raise  # an error inside a worker begins otherwise
            raise Page4DError(
                f"a process that prepares batches died at step {self.state.step} ({error}); if the "
                "machine ran out of memory, lower workers or batch.max_images; --resume goes on "
                "from the last checkpoint"
            ) from error
        self.accelerator.end_training()
        return self.state

    def _steps(self, records: Records | None) -> None:
        begin = time.perf_counter()
        for batch in self._batches():
            step = self.state.step
            values = self._step(batch, step)
            self.state.step = done = step + 1
            if records is not None and step % self.config.log_every == 0:
                records.add("train", step, values)
            seconds = time.perf_counter() - begin
            memory = peak_memory_bytes(self.accelerator.device)
            self.observer.on_step(
                StepReport(
                    done,
                    self.config.steps,
                    values,
                    seconds,
                    memory["device"] or memory["host"] or 0,
                )
            )
            last = done == self.config.steps
            if records is not None and (last or done % self.config.validate_every == 0):
                self._validate(records, done)
            if last or done % self.config.save_every == 0:
                self._save()
            begin = time.perf_counter()

    def _batches(self) -> Iterator[Batch]:
        accelerator = self.accelerator
        batches = TrainingBatches(
            self.config,
            self.mixture,
            accelerator.process_index,
            accelerator.num_processes,
            self.state.step,
        )
        loader: DataLoader[Loaded] = DataLoader(
            batches, batch_size=None, num_workers=self.config.workers
        )
        for loaded in loader:
            yield self._unpacked(loaded)

    def _unpacked(self, loaded: Loaded) -> Batch:
        """The batch, after telling what is not in it."""
        if loaded.error is not None:
            raise loaded.error
        assert loaded.batch is not None
        self.state.replaced_clips += len(loaded.replaced)
        for reason in dict.fromkeys(loaded.replaced):
            if reason not in self.told:
                self.told.add(reason)
                self.observer.on_problem(f"another clip takes the place of one: {reason}")
        return loaded.batch

    def _step(self, batch: Batch, step: int) -> dict[str, float]:
        """One optimiser step; a batch whose loss is not finite is skipped by all ranks alike."""
        config, accelerator = self.config, self.accelerator
        progress = step / config.steps
        set_learning_rates(self.optimizer.optimizer, config.groups, progress)
        self.optimizer.zero_grad(set_to_none=True)
        parts = batch.split(config.accumulate)
        terms: dict[str, Tensor] = {}
        for number, part in enumerate(parts, start=1):
            with _synchronised(accelerator, self.model, last=number == len(parts)):
                objective, part_terms, finite = self._forward(part, step)
                if not _all_ranks(accelerator, finite):
                    return self._skip(part, finite, step)
                share = len(part) / len(batch)
                accelerator.backward(objective * share)
            for name, term in part_terms.items():
                terms[name] = terms.get(name, 0) + term * share
        accelerator.unscale_gradients(self.optimizer)
        norms = clip_gradients(self.entries)
        # fp16's scaler skips a step by itself when a gradient overflowed, and lowers its scale.
        finite = accelerator.scaler is not None or all(n.isfinite().item() for n in norms.values())
        if not _all_ranks(accelerator, finite):
            return self._skip(batch, finite, step)
        self.optimizer.step()
        averaged = accelerator.reduce(terms, reduction="mean")
        values = {name: float(term) for name, term in averaged.items()}
        values |= {f"grad_norm/{name}": float(norm) for name, norm in norms.items()}
        for group in self.optimizer.param_groups:
            values[f"lr/{group['name']}"] = group["lr"]
            values[f"weight_decay/{group['name']}"] = group["weight_decay"]
        values |= {"mask_strength": config.mask(step), "where": progress}
        return values

    def _forward(self, part: Batch, step: int) -> tuple[Tensor, dict[str, Tensor], bool]:
        config = self.config
        part = part.to(self.accelerator.device)
        here = normalise(part).batch
        count = here.images.shape[1]
        frames = draw_neighbours(count, config.dense_frames or count, config.seed, step)
        outputs = self.model(here.images, mask_strength=config.mask(step), dense_frames=frames)
        target = extri_intri_to_pose_encoding(
            here.extrinsics, here.intrinsics, here.images.shape[-2:]
        )
        losses = compute_losses(
            Predictions.from_outputs(outputs), here, target, config.loss, dense_frames=frames
        )
        bad = losses.non_finite_predictions.sum() + losses.non_finite_targets.sum()
        objective, terms = losses.objective, losses.terms
        if config.absolute_pose is not None:
            pose_loss = absolute_pose_loss(outputs["absolute_pose"], part.extrinsics)
            objective = objective + config.absolute_pose.weight * pose_loss
            terms = {**terms, "loss_absolute_pose": pose_loss.detach()}
        return objective, terms, bool((bad == 0) & objective.isfinite())

    def _skip(self, part: Batch, finite: bool, step: int) -> dict[str, float]:
        """Count a bad step; the run ends when there are too many."""
        self.optimizer.zero_grad(set_to_none=True)
        self.state.bad_steps += 1
        names = "another rank's samples" if finite else ", ".join(part.sequence_names)
        message = f"step {step}: the loss is not finite with {names}"
        self.observer.on_problem(f"{message}; skipped")
        if self.state.bad_steps > self.config.max_bad_steps:
            raise Page4DError(
                f"{message}; that is bad step {self.state.bad_steps} of at most "
                f"{self.config.max_bad_steps}: look at these samples, or lower the learning rate"
            )
        return {"bad_steps": float(self.state.bad_steps)}

    def _validate(self, records: Records, done: int) -> None:
        """Score every data set; the best checkpoint is that of the lowest mean objective."""
        strength = self.config.mask(done)
        objectives = []
        for name, clips in self.mixture.validation_clips().items():
            values = validate(
                self.bare,
                map(self._unpacked, validation_batches(self.config, clips)),
                self.config.loss,
                mask_strength=strength,
                device=self.accelerator.device,
            )
            records.add(f"val/{name}", done - 1, values)
            self.observer.on_validation(done, name, values)
            objectives.append(values["objective"])
        if not objectives:
            return
        objective = sum(objectives) / len(objectives)
        best = self.state.best_objective
        if best is None or objective < best:
            self.state.best_objective = objective
            variant = checkpoints.variant_at(strength)
            save_checkpoint(self.out / BEST, self.bare.state_dict(), self.config.model, variant)

    def _save(self) -> None:
        if self.is_main:
            scaler = self.accelerator.scaler
            state = {
                "optimizer": self.optimizer.state_dict(),
                "scaler": {} if scaler is None else scaler.state_dict(),
            }
            if self.learner.absolute_pose_head is not None:
                state["absolute_pose_head"] = self.learner.absolute_pose_head.state_dict()
            checkpoints.save(
                self.out,
                self.bare,
                state,
                self.state,
                mask_strength=self.config.mask(self.state.step),
                keep_last=self.config.keep_last,
            )
        self.accelerator.wait_for_everyone()


def _mixed_precision(runtime: Runtime) -> str:
    return "no" if runtime.precision is Precision.FP32 else runtime.precision.value


def _synchronised(accelerator: Any, model: Any, *, last: bool) -> Any:  # noqa: ANN401
    """Gradients are exchanged between ranks only after the last part."""
    from contextlib import nullcontext

    return nullcontext() if last else accelerator.no_sync(model)


def _all_ranks(accelerator: Any, finite: bool) -> bool:  # noqa: ANN401
    """Whether every rank says yes; all of them learn the same answer."""
    if accelerator.num_processes == 1:
        return finite
    bad = torch.tensor(0.0 if finite else 1.0, device=accelerator.device)
    return float(accelerator.reduce(bad, reduction="sum")) == 0
