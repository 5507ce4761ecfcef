"""The training loop, on one process or several (`torchrun`, through accelerate)."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

from torch.utils.data import DataLoader

from page4d_cli.core.errors import Page4DError
from page4d_cli.io.whole.lock import locked
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.runtime import peak_memory_bytes
from page4d_cli.pipelines.train.available import (
    only_available,
    require_data,
    require_outside,
)
from page4d_cli.pipelines.train.batches import Loaded, TrainingBatches, validation_batches
from page4d_cli.pipelines.train.checkpoints import TrainState, variant_at
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.pipelines.train.initial_weights import InitialWeights
from page4d_cli.pipelines.train.mixture import Mixture, open_mixture
from page4d_cli.pipelines.train.records import Records
from page4d_cli.pipelines.train.request import StepReport, TrainObserver, TrainRequest
from page4d_cli.pipelines.train.resume import find_state, require_same_data, write_config
from page4d_cli.pipelines.train.setup import (
    Accelerator,
    Trainee,
    make_accelerator,
    make_trainee,
)
from page4d_cli.pipelines.train.step import OptimiserStep
from page4d_cli.pipelines.train.validate import validate
from page4d_cli.train.batch import Batch

BEST = "best.safetensors"
SILENT = TrainObserver()
SHOWN_SCORES = ("objective", "abs_rel", "delta_1.25", "rotation_deg")
"""Of each validation; the log has the others."""


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
        OutputError: the place holds something else, or lies in a data set.
        Page4DError: too many steps had a loss that is not finite, or a process that prepares
            batches died.
    """
    require_outside(request.out, request.config.data)
    if not request.available:
        require_data(request.config.data)
    accelerator = make_accelerator(request)
    if not accelerator.is_main_process:
        _train(request, TrainObserver(on_warning=observer.on_warning), accelerator)
        return None
    with locked(request.out):
        return _train(request, observer, accelerator)


def _train(request: TrainRequest, observer: TrainObserver, accelerator: Accelerator) -> TrainState:
    is_main = accelerator.is_main_process
    tell = observer.on_warning if is_main else SILENT.on_warning
    if request.available:
        data, missing = only_available(request.config.data)
        request = replace(request, config=replace(request.config, data=data))
        for one in missing:
            tell(f"left out: {one}")
    config = request.config
    checkpoint, state = find_state(request, accelerator.num_processes, tell)
    initial = None
    if config.init_from is not None and checkpoint is None:
        initial = InitialWeights.find(config.init_from, config.model)
    mixture = open_mixture(config.data, config.on_bad)
    for source in mixture.datasets:
        observer.on_note(str(source))
        for reason in source.skipped:
            tell(f"left out: {reason}")
    require_same_data(request, state, mixture.sequences)
    trainee = make_trainee(config, accelerator, checkpoint, initial, observer)
    accelerator.wait_for_everyone()  # all have looked at the place
    if is_main:
        write_config(request.out, state)
    with Records(request.out, state.step) if is_main else nullcontext() as records:
        loop = _Loop(request.out, config, mixture, trainee, state, observer, records)
        with _death_of_workers_named(state):
            loop.run()
    accelerator.end_training()
    return state


@contextmanager
def _death_of_workers_named(state: TrainState) -> Iterator[None]:
    """Torch raises it in the middle of whatever the main process does at that moment."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker (pid"):
            raise  # an error inside a worker begins otherwise
        raise Page4DError(
            f"a process that prepares batches died at step {state.step} ({error}); if the machine "
            "ran out of memory, lower workers or batch.max_images; --resume goes on from the last "
            "checkpoint"
        ) from error


@dataclass(frozen=True)
class _Loop:
    """Steps, validation and checkpoints, each at its time."""

    out: Path
    config: TrainConfig
    mixture: Mixture
    trainee: Trainee
    state: TrainState
    observer: TrainObserver
    records: Records | None
    """What the main process writes down; None on the others."""
    told: set[str] = field(default_factory=set)
    """Reasons for replaced clips."""

    def run(self) -> None:
        """Train until the last step."""
        step = OptimiserStep(self.config, self.trainee, self.state, self.observer)
        begin = time.perf_counter()
        for batch in self._batches(self._training_batches()):
            values = step(batch)
            self.state.step += 1
            self._report(values, time.perf_counter() - begin)
            last = self.state.step == self.config.steps
            if last or self.state.step % self.config.validate_every == 0:
                self._validate()
            if last or self.state.step % self.config.save_every == 0:
                self._save()
            begin = time.perf_counter()

    def _training_batches(self) -> Iterator[Loaded]:
        accelerator = self.trainee.accelerator
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
        yield from loader

    def _batches(self, loaded: Iterable[Loaded]) -> Iterator[Batch]:
        """What was loaded, after telling what is not in it."""
        for one in loaded:
            if one.error is not None:
                raise one.error
            assert one.batch is not None
            self.state.replaced_clips += len(one.replaced)
            for reason in dict.fromkeys(one.replaced):
                if reason not in self.told:
                    self.told.add(reason)
                    self.observer.on_warning(f"another clip takes the place of one: {reason}")
            yield one.batch

    def _report(self, values: dict[str, float], seconds: float) -> None:
        done = self.state.step
        if self.records is not None and (done - 1) % self.config.log_every == 0:
            self.records.add("train", done - 1, values)
        memory = peak_memory_bytes(self.trainee.accelerator.device)
        held = memory["device"] or memory["host"] or 0
        self.observer.on_result(StepReport(done, self.config.steps, values, seconds, held))

    def _validate(self) -> None:
        """Score every data set; the best checkpoint is that of the lowest mean objective."""
        if self.records is None:
            return
        done = self.state.step
        strength = self.config.mask(done)
        objectives = []
        for name, clips in self.mixture.validation_clips().items():
            values = validate(
                self.trainee.network,
                self._batches(validation_batches(self.config, clips)),
                self.config.loss,
                mask_strength=strength,
                device=self.trainee.accelerator.device,
            )
            self.records.add(f"val/{name}", done - 1, values)
            scores = ", ".join(f"{key} {values[key]:.4f}" for key in SHOWN_SCORES if key in values)
            self.observer.on_note(f"step {done}: validation on {name}: {scores}")
            objectives.append(values["objective"])
        if not objectives:
            return
        objective = sum(objectives) / len(objectives)
        best = self.state.best_objective
        if isfinite(objective) and (best is None or objective < best):
            self.state.best_objective = objective
            weights = self.trainee.network.state_dict()
            with replacing(self.out / BEST) as staged:
                save_checkpoint(staged, weights, self.config.model, variant_at(strength))

    def _save(self) -> None:
        if self.records is not None:
            self.trainee.save(self.out, self.state, self.config)
        self.trainee.accelerator.wait_for_everyone()
