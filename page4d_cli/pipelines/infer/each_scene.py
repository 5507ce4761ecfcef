"""Several scenes: a place for each, and what happens when one of them fails."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Generic, TypeVar

from page4d_cli.core.errors import DeviceError, OutputError, Page4DError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.inputs import Scene
from page4d_cli.data.clip.paths import files_of
from page4d_cli.fleet.choice import FleetChoice
from page4d_cli.fleet.spread import Worker, spread
from page4d_cli.io.whole.ledger import Ledger
from page4d_cli.io.whole.transaction import require_apart

WrittenT = TypeVar("WrittenT")


@dataclass(frozen=True)
class SceneResult(Generic[WrittenT]):
    """How one scene ended."""

    name: str
    out: Path
    written: WrittenT | None = None
    """What its index file says; None if the scene failed."""
    kept: bool = False
    """It was complete already, and `resume` left it as it is."""
    error: str | None = None


@dataclass(frozen=True)
class Job:
    """One scene and the place of what is made of it."""

    scene: Scene
    place: Path


JobT = TypeVar("JobT", bound=Job)


def jobs_of(scenes: Sequence[Scene], out: Path, index_file: str) -> list[Job]:
    """Give every scene its place: `out` itself if there is one scene, else a folder each below it.

    Args:
        scenes: at least one.
        out: what was asked for.
        index_file: name of the file by which the folder of a single scene is told.

    Raises:
        OutputError: several scenes would go into the folder of a single one, or a scene into the
            folder of a clip.
    """
    jobs = [Job(scene, out / scene.name) for scene in scenes]
    if len(scenes) == 1:
        jobs = [Job(scenes[0], out)]
    elif (out / index_file).is_file():
        raise OutputError(
            f"{out} holds what was made of one scene, and {len(scenes)} were given; "
            "choose another --out, below which each gets a directory"
        )
    for job, other in product(jobs, jobs):
        _require_apart(job.place, other.scene.source)
    return jobs


def _require_apart(place: Path, source: str | Sequence[str]) -> None:
    """Refuse a place in the folder of a clip, or among its files."""
    if isinstance(source, str) and Path(source).is_dir():
        require_apart(place, [Path(source)])
    else:
        folders = {path.absolute().parent for path in files_of(source)}
        is_deep = isinstance(source, str) and "**" in source
        require_apart(place, folders, deep=is_deep)


@dataclass
class _Attempt(Generic[JobT, WrittenT]):
    """Works on a scene; of several, one that fails says so in its result."""

    work: Worker[JobT, SceneResult[WrittenT]]
    alone: bool

    def __call__(self, job: JobT, observer: Observer[Any]) -> SceneResult[WrittenT]:
        try:
            result = self.work(job, observer)
        except (WeightsError, DeviceError):
            raise  # of no use to the other scenes either
        except Page4DError as error:
            if self.alone:
                raise
            return _failed(job, str(error))
        if not self.alone:
            _ledger_of(job).note(job.place.name, None)
        return result


def _failed(job: Job, why: str) -> SceneResult[Any]:
    with suppress(Page4DError):  # a full disk is told by the failure itself
        _ledger_of(job).note(job.place.name, why)
    return SceneResult[Any](job.scene.name, job.place, error=why)


def _ledger_of(job: Job) -> Ledger:
    return Ledger(job.place.parent)


def each_scene(
    jobs: Sequence[JobT],
    work: Worker[JobT, SceneResult[WrittenT]],
    observer: Observer[SceneResult[WrittenT]],
    fleet: FleetChoice,
    index_file: str,
) -> list[SceneResult[WrittenT]]:
    """Work on every scene; a single one raises its error, of several the others go on.

    Args:
        jobs: all of them, in their order.
        work: does one of them.
        observer: told when each begins and how it ended.
        fleet: where they are done, and which share of them.
        index_file: name of the file with which a scene's folder is complete.

    Returns:
        A result for each scene of this process's share; a failure stands in it.

    Raises:
        Page4DError: the only scene failed, or the network cannot be used.
    """
    alone = len(jobs) == 1
    if not alone:
        _ledger_of(jobs[0]).ask([job.place.name for job in jobs], index_file)
    return spread(
        fleet.share.of(jobs),
        _Attempt(work, alone),
        fleet,
        observer,
        name_of=lambda job: job.scene.name,
        lost=_failed,
    )
