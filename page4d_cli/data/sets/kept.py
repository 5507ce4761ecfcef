"""What was found out about a large file, kept in the user's cache folder for the next time.

Data often lie where nobody may write, so nothing is put beside them.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.arrays import ArraySpec, read_npz
from page4d_cli.core.errors import DatasetError

Arrays = dict[str, NDArray[Any]]


def cache_folder() -> Path:
    """Below $XDG_CACHE_HOME, by default ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "page4d/sets"


def kept_arrays(
    path: Path, version: str, specs: Mapping[str, ArraySpec], make: Callable[[Path], Arrays]
) -> Arrays:
    """Look up what is known of a file, or find it out and keep it.

    Args:
        path: the file.
        version: of what is kept; what another version kept is not looked at.
        specs: what each array must be, by its name.
        make: finds them out.

    Returns:
        The arrays.

    Raises:
        DatasetError: the file is absent, or as `make` raises.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    identity = f"{version} {path.absolute()} {status.st_size} {status.st_mtime_ns}"
    kept = cache_folder() / f"{sha256(os.fsencode(identity)).hexdigest()[:32]}.npz"
    if kept.is_file():
        try:
            return read_npz(kept, specs, DatasetError, "")
        except DatasetError:
            pass  # damaged: it is made again
    arrays = make(path)
    _keep(arrays, kept)
    return arrays


def _keep(arrays: Arrays, place: Path) -> None:
    """Write arrays whole; where that is not possible they are made again the next time."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(suffix=".npz", dir=place.parent)
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        Path(name).replace(place)
    except OSError:
        return
