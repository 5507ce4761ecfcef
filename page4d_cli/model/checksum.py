"""Checksums of weights."""

from functools import lru_cache
from pathlib import Path

from page4d_cli.core.checksum import file_sha256


def sha256_of(path: Path) -> str:
    """Checksum of a file in hexadecimal; seconds for gigabytes, at once the second time."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    return file_sha256(path)
