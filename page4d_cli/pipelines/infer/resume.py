"""Whether the run at a place is the one that is asked for, and may be kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import OutputError, RunError
from page4d_cli.core.strict_json import Json
from page4d_cli.io.run.directory import is_complete
from page4d_cli.io.run.manifest import MANIFEST, Manifest, read_manifest
from page4d_cli.pipelines.infer.run import RunOptions


def kept_run(place: Path, options: RunOptions) -> Manifest | None:
    """The complete run at a place, made with the same settings.

    Args:
        place: where a run may be.
        options: what is asked for.

    Returns:
        Its manifest; None if nothing is there, or the run has lost files and must be made again.

    Raises:
        OutputError: a run stands there that was asked for differently, or cannot be read.
    """
    if not (place / MANIFEST).is_file():
        return None
    try:
        manifest = read_manifest(place)
    except RunError as error:
        raise OutputError(
            f"{error}; --overwrite does not replace it, choose another --out"
        ) from error
    asked = _comparable(options.settings, options.save, options.resolution)
    there = _comparable(manifest.settings, manifest.saved, manifest.resolution)
    different = [key for key in sorted(asked | there) if asked.get(key) != there.get(key)]
    if different:
        listed = ", ".join(
            f"{key}: {there.get(key)} there, {asked.get(key)} asked" for key in different
        )
        raise OutputError(
            f"{place} holds a run made otherwise ({listed}); --overwrite replaces it, "
            "or choose another --out"
        )
    return manifest if is_complete(place) else None


def _comparable(
    settings: Mapping[str, Json], save: Iterable[Save], resolution: Resolution
) -> dict[str, Json]:
    return {
        **settings,
        "save": sorted(output.value for output in save),
        "resolution": resolution.value,
    }
