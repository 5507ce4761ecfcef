"""Write one run, or every run of a folder, in formats of other programs."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.pipelines.export.export import Exported, ExportOptions, export_run, require_usable
from page4d_cli.pipelines.export.folder import EXPORT_JSON
from page4d_cli.pipelines.export.kept import exports_there, kept_export
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_runs import RunPiece, pieces_of

ExportResult = SceneResult[Exported]
SILENT = Observer[ExportResult]()


def export_runs(
    given: Path,
    out: Path,
    options: ExportOptions,
    *,
    resume: bool = False,
    fleet: FleetChoice = HERE,
    observer: Observer[ExportResult] = SILENT,
) -> list[ExportResult]:
    """Write a run, or every run of a folder, in other formats; see `export_run`.

    Args:
        given: a run, or the folder of several.
        out: folder of the exports; of the runs in a folder, the parent of one each.
        options: what to write.
        resume: keep exports that were asked for alike and are still right.
        fleet: where, and which share of the runs.
        observer: told what happens.

    Raises:
        InputError: a package is missing, or an option concerns none of the formats.
        Page4DError: there is no run, or the only one failed.
    """
    require_usable(options)
    return each_scene(
        pieces_of(given, out), _Exporter(options, resume), observer, fleet, EXPORT_JSON
    )


@dataclass(frozen=True)
class _Exporter:
    options: ExportOptions
    resume: bool

    def __call__(self, piece: RunPiece, observer: Observer[Any]) -> ExportResult:
        options, record = self.options, None
        if self.resume:
            record = exports_there(piece.run, piece.place, options)
        if record is not None:
            if kept := kept_export(piece.run, piece.place, record):
                return SceneResult(piece.name, piece.place, kept, kept.frames, kept=True)
            options = replace(options, overwrite=True)  # the same export, no longer right
        done = export_run(piece.run, piece.place, options, progress=observer.progress)
        return SceneResult(piece.name, piece.place, done, done.frames)
