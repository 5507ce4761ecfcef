"""Tell what moves in one run, or in every run of a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.io.run.directory import open_run
from page4d_cli.pipelines.motion.motion import (
    MotionSummary,
    is_written,
    write_motion,
    written_motion,
)
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_runs import RunPiece, pieces_of

MotionResult = SceneResult[MotionSummary]
SILENT = Observer[MotionResult]()


def write_motions(
    given: Path,
    *,
    resume: bool = False,
    fleet: FleetChoice = HERE,
    observer: Observer[MotionResult] = SILENT,
) -> list[MotionResult]:
    """Write `motion/<stem>.png` into a run, or into every run of a folder; see `write_motion`.

    Args:
        given: a run, or the folder of several.
        resume: keep the scores of runs that have them.
        fleet: where, and which share of the runs.
        observer: told what happens.

    Raises:
        Page4DError: there is no run, or the only one failed.
    """
    return each_scene(pieces_of(given), _Mover(resume), observer, fleet, None)


@dataclass(frozen=True)
class _Mover:
    resume: bool

    def __call__(self, piece: RunPiece, observer: Observer[Any]) -> MotionResult:
        run = open_run(piece.run)
        kept = self.resume and is_written(run)
        summary = written_motion(run) if kept else write_motion(run, progress=observer.progress)
        return SceneResult(piece.name, piece.place, summary, len(summary.moving_shares), kept)
