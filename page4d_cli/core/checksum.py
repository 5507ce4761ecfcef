"""Checksums of files."""

import hashlib
from pathlib import Path

BYTES_AT_ONCE = 1 << 22


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(BYTES_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
