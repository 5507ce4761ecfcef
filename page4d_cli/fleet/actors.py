"""Pieces of work side by side: a Ray actor for each device, each with one worker.

Scheduling, placement, restarts and the transfer of objects are Ray's (Moritz et al., OSDI 2018;
docs.ray.io, "Ray Core"). What is decided here: a piece goes to the actor that is free, and is done
once more where the process that had it has died; after `TRIES` it is lost.
"""

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayActorError, RayTaskError

from page4d_cli.core.errors import DeviceError, Page4DError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import Devices, FleetChoice
from page4d_cli.fleet.spread import Worker

PieceT = TypeVar("PieceT")
ResultT = TypeVar("ResultT")
TRIES = 2
"""How often a piece is begun at most."""
_ANSWER_S = 10.0
"""That a cluster's first machine has to answer."""


@dataclass(frozen=True)
class _Done(Generic[ResultT]):
    """What an actor sends back."""

    result: ResultT
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(repr=False)  # Ray names an actor by it, also one whose fields did not arrive
class _Actor(Generic[PieceT, ResultT]):
    """Holds a worker in a process of its own."""

    worker: Worker[PieceT, ResultT]
    working_directory: str
    """Of the process that gives out the pieces: their paths may begin there."""

    def wake(self) -> None:
        """Answers once the process is there."""
        try:
            os.chdir(self.working_directory)
        except OSError as error:
            raise DeviceError(
                f"{socket.gethostname()} of the cluster has no folder {self.working_directory}; "
                "all machines need the same files at the same paths"
            ) from error

    def do(self, piece: PieceT) -> _Done[ResultT]:
        """Do a piece."""
        notes: list[str] = []
        warnings: list[str] = []
        observer = Observer[Any](on_note=notes.append, on_warning=warnings.append)
        result = self.worker(piece, observer)
        return _Done(result, tuple(notes), tuple(warnings))


def spread_over_actors(
    pieces: Sequence[PieceT],
    worker: Worker[PieceT, ResultT],
    fleet: FleetChoice,
    observer: Observer[ResultT],
    *,
    name_of: Callable[[PieceT], str],
    lost: Callable[[PieceT, str], ResultT],
) -> list[ResultT]:
    """Do every piece in actors; arguments, result and errors as of `spread`."""
    if not pieces:
        return []
    with _cluster(fleet):
        run = _Run(pieces, observer, name_of, lost)
        kind = ray.remote(_Actor)
        for resources in _resources_of_actors(fleet.devices)[: len(pieces)]:
            run.wake(kind.options(max_restarts=-1, **resources).remote(worker, str(Path.cwd())))
        return run.finish()


@dataclass
class _Run(Generic[PieceT, ResultT]):
    """Which piece is where."""

    pieces: Sequence[PieceT]
    observer: Observer[ResultT]
    name_of: Callable[[PieceT], str]
    lost: Callable[[PieceT, str], ResultT]
    waiting: deque[int] = field(init=False)
    tries: list[int] = field(init=False)
    results: dict[int, ResultT] = field(default_factory=dict)
    awaking: dict[Any, Any] = field(default_factory=dict)
    """Answer to come: actor."""
    at_work: dict[Any, tuple[Any, int]] = field(default_factory=dict)
    """Answer to come: actor, index of its piece."""
    idle: list[Any] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = deque(range(len(self.pieces)))
        self.tries = [0] * len(self.pieces)

    def wake(self, actor: Any) -> None:  # noqa: ANN401 - Ray types no handles
        """Have an actor get pieces once its process is there, first or again."""
        self.awaking[actor.wake.options(max_task_retries=-1).remote()] = actor

    def finish(self) -> list[ResultT]:
        """Give out all pieces and wait for them."""
        while len(self.results) < len(self.pieces):
            (answer,), _ = ray.wait([*self.awaking, *self.at_work], num_returns=1)
            if answer in self.awaking:
                self._awake(answer)
            else:
                self._take(answer)
        return [self.results[index] for index in range(len(self.pieces))]

    def _awake(self, answer: Any) -> None:  # noqa: ANN401
        actor = self.awaking.pop(answer)
        try:
            _get(answer)
        except RayActorError as error:
            if not self.awaking and not self.at_work:
                raise DeviceError(
                    f"no process of the fleet comes up: {_in_a_line(error)}"
                ) from error
            return
        self._give(actor)

    def _give(self, actor: Any) -> None:  # noqa: ANN401
        if not self.waiting:
            self.idle.append(actor)
            return
        index = self.waiting.popleft()
        self.tries[index] += 1
        self.observer.on_scene(self.name_of(self.pieces[index]), index, len(self.pieces))
        self.at_work[actor.do.remote(self.pieces[index])] = actor, index

    def _take(self, answer: Any) -> None:  # noqa: ANN401
        actor, index = self.at_work.pop(answer)
        try:
            done = _get(answer)
        except RayActorError as error:  # the process, or the whole machine, is gone
            self._again(index, error)
            self.wake(actor)
            return
        for texts, tell in (
            (done.notes, self.observer.on_note),
            (done.warnings, self.observer.on_warning),
        ):
            for text in texts:
                if text not in self.said:  # each process loads the network, and says so
                    self.said.add(text)
                    tell(text)
        self._keep(index, done.result)
        self._give(actor)

    def _again(self, index: int, error: RayActorError) -> None:
        if self.tries[index] < TRIES:
            self.waiting.appendleft(index)
            if self.idle:
                self._give(self.idle.pop())
            return
        reason = f"its process died {TRIES} times ({_in_a_line(error)})"
        self._keep(index, self.lost(self.pieces[index], reason))

    def _keep(self, index: int, result: ResultT) -> None:
        self.results[index] = result
        self.observer.on_result(result)


def _get(answer: Any) -> Any:  # noqa: ANN401
    """What an actor answers; an error of ours as it was raised there."""
    try:
        return ray.get(answer)
    except RayTaskError as error:
        if isinstance(error.cause, Page4DError):
            raise error.cause from None
        raise


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())


# -- the machines


@contextmanager
def _cluster(fleet: FleetChoice) -> Iterator[None]:
    """Ray is there while the body runs; one that the caller has started stays."""
    if ray.is_initialized():
        yield
        return
    # Nothing is sent to anyone, and Ray does not speak between our lines.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if fleet.cluster is not None:
            _require_listening(fleet.cluster)
            ray.init(address=fleet.cluster, **quiet)
        else:
            _start_here(fleet.devices or Devices(), quiet)
    except Exception as error:  # Ray raises bare ones, of a start that took too long for instance
        where = "on this machine" if fleet.cluster is None else f"at {fleet.cluster}"
        raise DeviceError(f"no Ray cluster {where}: {_in_a_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _require_listening(address: str) -> None:
    """Refuse an address where nobody answers, for which Ray would wait for minutes.

    Raises:
        OSError: nobody does.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_ANSWER_S).close()


def _start_here(devices: Devices, quiet: dict[str, Any]) -> None:
    if devices.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, devices.gpus))
    cores = max(os.cpu_count() or 1, devices.cpus)
    ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)


def _resources_of_actors(devices: Devices | None) -> list[dict[str, Any]]:
    """What each actor takes of the cluster: a GPU and a share of the cores, or only the latter.

    Raises:
        DeviceError: the cluster does not have it.
    """
    there = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
    devices = devices or Devices()
    if devices.cpus:
        if devices.cpus > cores:
            raise DeviceError(f"--devices {devices}: there are {cores} cores; give cpu*{cores}")
        no_gpu = {"env_vars": {"CUDA_VISIBLE_DEVICES": ""}}
        share = {"num_cpus": cores // devices.cpus, "num_gpus": 0, "runtime_env": no_gpu}
        return [share] * devices.cpus
    if gpus < max(1, len(devices.gpus)):
        raise DeviceError(
            f"--devices {devices}: there are {gpus} GPUs; for processes on the CPU give cpu*N"
        )
    return [{"num_cpus": max(1, cores // gpus), "num_gpus": 1}] * gpus
