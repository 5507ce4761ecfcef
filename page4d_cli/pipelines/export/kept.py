"""Whether what an earlier call exported may be kept."""

from pathlib import Path

from page4d_cli.core.checksum import file_sha256
from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import Json
from page4d_cli.io.run.directory import open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.export.export import COMMON, OF_RUN, Exported, ExportOptions, asked_of
from page4d_cli.pipelines.export.folder import EXPORT_JSON, ExportRecord, read_exports


def exports_there(directory: Path, out: Path, options: ExportOptions) -> ExportRecord | None:
    """What an earlier call wrote of all formats that are asked for, if it was asked alike.

    Args:
        directory: as for `export_run`; so are the others.
        out: folder of the exports.
        options: what is asked for.

    Returns:
        The record of these formats; None if one of them is not there.

    Raises:
        OutputError: one of the formats was asked for otherwise.
        RunError: the run cannot be read.
    """
    record = read_exports(out / EXPORT_JSON)
    names = [chosen.value for chosen in dict.fromkeys(options.formats)]
    found = {name: record.formats[name] for name in names if name in record.formats}
    asked = _flat(asked_of(open_run(directory), options))
    for name, one in found.items():
        there = _flat(one)
        different = [key for key, value in asked.items() if there.get(key) != value]
        if different:
            raise OutputError(
                f"{out} holds {name} with another {', '.join(different)}; --overwrite replaces it, "
                "or choose another --out"
            )
    return ExportRecord(formats=found) if len(found) == len(names) else None


def kept_export(directory: Path, out: Path, record: ExportRecord) -> Exported | None:
    """What `exports_there` has found; None if a file is missing, or the run is another now."""
    files = [file for group in record.formats for file in record.files(group)]
    now = file_sha256(directory / MANIFEST)
    is_right = all(one.get(OF_RUN) == now for one in record.formats.values())
    if not is_right or not all((out / file).is_file() for file in files):
        return None
    stems = next(iter(record.formats.values())).get("stems")
    return Exported(
        tuple(out / file for file in sorted([*files, EXPORT_JSON])),
        {group: _own(one) for group, one in record.formats.items()},
        len(stems) if isinstance(stems, list) else 0,
        (),
    )


def _flat(details: dict[str, Json]) -> dict[str, Json]:
    asked = details.get("asked")
    return {**details, **(asked if isinstance(asked, dict) else {}), "asked": None}


def _own(details: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in details.items() if key not in COMMON}
