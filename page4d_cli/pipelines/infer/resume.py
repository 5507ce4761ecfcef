"""Whether the run at a place is the one that is asked for, and may be kept."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import OutputError, RunError
from page4d_cli.core.strict_json import Json
from page4d_cli.io.run.directory import is_complete
from page4d_cli.io.run.manifest import MANIFEST, Manifest, read_manifest
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.weights import local_file
from page4d_cli.pipelines.infer.run import RunOptions

PICTURES = "pictures"
"""Setting of a run: fingerprint of the files that it was made from."""


def run_asked_alike(place: Path, options: RunOptions) -> Manifest | None:
    """The run at a place if it was asked for alike, whatever became of its files since.

    Args:
        place: where a run may be.
        options: what is asked for.

    Returns:
        Its manifest; None if nothing is there.

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
    return manifest


def kept_run(place: Path, options: RunOptions, weights: str) -> Manifest | None:
    """The run at a place, if it was asked for alike and is what would be written now.

    Args:
        place: where a run may be.
        options: what is asked for; of its settings `PICTURES` is that of the files now.
        weights: name or path.

    Returns:
        Its manifest; None if the run must be made again: nothing is there, its files are not those
        that were written, or pictures or weights are others now.

    Raises:
        OutputError: a run stands there that was asked for differently, or cannot be read.
    """
    manifest = run_asked_alike(place, options)
    if manifest is None or manifest.settings.get(PICTURES) != options.settings.get(PICTURES):
        return None
    return manifest if is_complete(place) and _has_weights(manifest, weights) else None


def _has_weights(manifest: Manifest, weights: str) -> bool:
    """Whether the weights are, byte for byte, those of a run; those that are not here may be."""
    path = local_file(weights)
    known = manifest.weights.sha256
    return path is None or known is None or sha256_of(path) == known


def _comparable(
    settings: Mapping[str, Json], save: Iterable[Save], resolution: Resolution
) -> dict[str, Json]:
    return {
        **{key: value for key, value in settings.items() if key != PICTURES},
        "save": sorted(output.value for output in save),
        "resolution": resolution.value,
    }
