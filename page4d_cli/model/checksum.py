"""Checksums of weights."""

import hashlib
from functools import lru_cache
from pathlib import Path

HASH_BYTES_AT_ONCE = 1 << 22


def sha256_of(path: Path) -> str:
    """Checksum of a file in hexadecimal; seconds for gigabytes, at once the second time."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(HASH_BYTES_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()
