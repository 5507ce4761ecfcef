"""Whether the run at a place is the one that is asked for, and may be kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import OutputError, RunError
from page4d_cli.core.strict_json import Json, read_json
from page4d_cli.io.run.directory import has_its_files
from page4d_cli.io.run.manifest import MANIFEST, Manifest, read_manifest
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.weights import local_file
from page4d_cli.pipelines.infer.run import RunOptions

PICTURES = "pictures"
"""Setting of a run: fingerprint of the files that it was made from."""


@dataclass(frozen=True)
class _Asked:
    """The part of a manifest that says what was asked for, which is soon read."""

    schema: Literal[1]
    settings: dict[str, Json]
    saved: tuple[Save, ...]
    resolution: Resolution


def run_asked_alike(place: Path, options: RunOptions) -> bool:
    """Whether a run is at a place, made as it is asked for now, whatever became of its files since.

    Args:
        place: where a run may be.
        options: what is asked for.

    Raises:
        OutputError: a run stands there that was asked for differently, or cannot be read.
    """
    if not (place / MANIFEST).is_file():
        return False
    advice = "--overwrite does not replace it, choose another --out"
    was = read_json(_Asked, place / MANIFEST, OutputError, advice, foreign=True)
    asked = _comparable(options.settings, options.save, options.resolution)
    there = _comparable(was.settings, was.saved, was.resolution)
    different = [key for key in sorted(asked | there) if asked.get(key) != there.get(key)]
    if different:
        listed = ", ".join(
            f"{key}: {there.get(key)} there, {asked.get(key)} asked" for key in different
        )
        raise OutputError(
            f"{place} holds a run made otherwise ({listed}); --overwrite replaces it, "
            "or choose another --out"
        )
    return True


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
    if not run_asked_alike(place, options):
        return None
    try:
        manifest = read_manifest(place)
    except RunError as error:
        raise OutputError(
            f"{error}; --overwrite does not replace it, choose another --out"
        ) from error
    is_same = manifest.settings.get(PICTURES) == options.settings.get(PICTURES)
    is_right = is_same and has_its_files(place, manifest) and _has_weights(manifest, weights)
    return manifest if is_right else None


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
