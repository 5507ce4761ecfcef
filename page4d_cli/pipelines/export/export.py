"""Write a run in formats of other programs; needs neither the network nor a GPU."""

from dataclasses import dataclass, field
from pathlib import Path

from page4d_cli.core.checksum import file_sha256
from page4d_cli.core.enums import ExportFormat, MotionPart, Save
from page4d_cli.core.errors import InputError, OutputError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json, encode, encode_fields
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.run.manifest import MANIFEST, ScaleRecord
from page4d_cli.pipelines.cloud.of_run import CloudOptions
from page4d_cli.pipelines.export.folder import EXPORT_JSON, export_folder
from page4d_cli.pipelines.export.formats import WRITERS
from page4d_cli.pipelines.export.job import Job
from page4d_cli.pipelines.export.metres import metres_of_segment
from page4d_cli.pipelines.export.options import FormatOptions
from page4d_cli.pipelines.export.segment import choose_segment
from page4d_cli.pipelines.motion.motion import part_masks
from page4d_cli.pipelines.scale.source import ScaleSource
from page4d_cli.pipelines.stored_run.clip import RunClip, read_run_clip
from page4d_cli.pipelines.stored_run.principal_point import with_middle_as_principal_point


@dataclass(frozen=True)
class ExportOptions:
    """What to write."""

    formats: tuple[ExportFormat, ...]
    frames: slice = field(default_factory=lambda: slice(None))
    """Which of the run's frames to export."""
    of_formats: FormatOptions = field(default_factory=FormatOptions)
    cloud: CloudOptions = field(default_factory=CloudOptions)
    segment: int | None = None
    """Number of the run's segment to export, from 1; None: that of the frames."""
    scale_from: ScaleSource | None = None
    """What is known in metres; None: lengths stay as they are."""
    part: MotionPart | None = None
    """Points of only what stands still or only what moves; None: of both."""
    overwrite: bool = False


@dataclass(frozen=True)
class Exported:
    """What was written."""

    files: tuple[Path, ...]
    details: dict[str, dict[str, Json]]
    """What `export.json` says of each format."""
    frames: int
    notes: tuple[str, ...]
    """What the person should know."""
    scale: ScaleRecord | None = None
    """How lengths became metres, if that was asked for."""


def export_run(
    directory: Path,
    out: Path,
    options: ExportOptions,
    *,
    progress: Progress | None = None,
) -> Exported:
    """Write a run in other formats: all of those that are asked for, or nothing.

    The same run and options give the same bytes, but for `rrd`, which notes when it was written.

    Args:
        directory: a run directory.
        out: folder of the exports; formats that are there already stay.
        options: what to write.
        progress: told about every format.

    Raises:
        InputError: a package is missing, the run lacks what an option needs, or an option concerns
            none of the formats.
        RunError: the run cannot be read, or lacks files.
        OutputError: the place cannot be used, or holds one of the formats already.
        NothingLeftError: no frame or no point passes the filters.
        WriteError: the disk is full, or the like.
    """
    require_usable(options)
    formats = tuple(dict.fromkeys(options.formats))
    run = open_run(directory)
    if out.absolute() == directory.absolute() or out.resolve() == directory.resolve():
        raise OutputError(f"{out} is the run itself; choose another --out, such as {out}/export")
    writers = {chosen: WRITERS[chosen] for chosen in formats}
    segment, frames = choose_segment(run, options.segment, options.frames)
    source = options.scale_from
    scale = None if source is None else metres_of_segment(source, run, segment)
    with export_folder(
        out, [writer.place for writer in writers.values()], overwrite=options.overwrite
    ) as folder:
        clip = read_run_clip(
            run,
            frames,
            frozenset[Save]().union(*(writer.needs for writer in writers.values())),
            with_pictures=any(writer.with_pictures for writer in writers.values()),
        )
        clip = with_middle_as_principal_point(clip)
        if scale is not None:
            clip = clip.in_metres(scale.factor)
        keep = None if options.part is None else part_masks(clip, options.part)
        named = [chosen.value for chosen, writer in writers.items() if writer.names_images]
        job = Job(clip, folder, options.of_formats, options.cloud, named, keep, options.part)
        details: dict[str, dict[str, Json]] = {}
        for done, (chosen, writer) in enumerate(writers.items()):
            if progress is not None:
                progress(chosen.value, done, len(writers))
            details[chosen.value] = writer.write(job)
        common = _common(run, clip, options, scale)
        folder.commit({name: {**common, **own} for name, own in details.items()})
        files = [*(file for group in folder.files.values() for file in group), EXPORT_JSON]
    return Exported(
        tuple(out / file for file in sorted(files)),
        details,
        len(clip),
        (*clip.notes, *job.notes),
        scale,
    )


def require_usable(options: ExportOptions) -> None:
    """Refuse what cannot be written, whatever the run.

    Raises:
        InputError: a package is missing, or an option concerns none of the formats.
    """
    given = [*options.cloud.given, *options.of_formats.given]
    if options.part is not None:
        given.append(f"--{options.part.value}-only")
    for option in given:
        heeding = [each for each, writer in WRITERS.items() if option in writer.options]
        if not set(heeding) & set(options.formats):
            raise InputError(
                f"{option} concerns --format {', '.join(each.value for each in heeding)}; add one "
                "of them, or leave the option out"
            )
    for chosen in options.formats:
        WRITERS[chosen].require()


OF_RUN = "run_manifest_sha256"
"""Which state of the run a format was made of."""
COMMON = ("run", "cloud", "part", "asked", OF_RUN, "stems", "unit", "scale", "files")
"""Keys of a format in `export.json` that all formats have."""


def asked_of(run: Run, options: ExportOptions) -> dict[str, Json]:
    """What makes the export of a format the same export, as `export.json` has it."""
    frames, source = options.frames, options.scale_from
    return {
        "run": str(run.directory.absolute()),
        "cloud": encode(options.cloud),
        "part": encode(options.part),
        "asked": {
            "frames": [frames.start, frames.stop, frames.step],
            "segment": options.segment,
            "scale_from": None if source is None else source.text,
            **encode_fields(options.of_formats),
        },
    }


def _common(
    run: Run, clip: RunClip, options: ExportOptions, scale: ScaleRecord | None
) -> dict[str, Json]:
    return {
        **asked_of(run, options),
        OF_RUN: file_sha256(run.directory / MANIFEST),
        "stems": [info.stem for info in clip.infos],
        "unit": clip.unit.value,
        "scale": encode(scale) if scale is not None else encode(run.manifest.scale),
    }
