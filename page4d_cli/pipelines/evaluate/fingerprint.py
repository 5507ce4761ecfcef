"""What tells data from other data at the same paths, without reading all of it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.recorded import RecordedSequence


def fingerprint_of_files(paths: Iterable[Path]) -> str:
    """Checksum over paths, sizes and times of change.

    Raises:
        DatasetError: a file is not there.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DatasetError(f"cannot read {path}: {error.strerror}") from error
        digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def fingerprint(sequence: RecordedSequence) -> str:
    """The same of a sequence: its pictures, its maps, and the poses and stamps themselves.

    Raises:
        DatasetError: a file is not there.
    """
    digest = hashlib.sha256()
    for files in (sequence.frames, sequence.depth_files or ()):
        digest.update(fingerprint_of_files(files).encode())
    for array in (sequence.timestamps_s, sequence.T_camera_world, sequence.T_world_recorded):
        digest.update(b"none" if array is None else array.tobytes())
    return digest.hexdigest()[:16]
