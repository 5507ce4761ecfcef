"""Paths: as they are typed, as they stand in files (none leads out of its folder), and no pipes."""

import errno
import os
import stat
from pathlib import Path, PurePosixPath

_MAX_BYTES = 255
"""Of a file's name, on all file systems in use."""


def require_plain(name: str) -> str:
    """Let a name pass that is one of a file or folder and nothing else.

    Args:
        name: from a file's content.

    Raises:
        ValueError: it is empty, `.` or `..`, has a separator or NUL, or more than 255 bytes; the
            message says which.
    """
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} is no name of a file")
    if "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is no plain name")
    if len(name.encode("utf-8", "surrogateescape")) > _MAX_BYTES:
        raise ValueError(f"{name[:20]!r}… is longer than {_MAX_BYTES} bytes")
    return name


def require_relative(name: str) -> str:
    """Let a path pass whose parts are all plain names, so that it stays below its folder.

    Args:
        name: from a file's content, with `/` between its parts.

    Raises:
        ValueError: it is absolute, leads up, or has a part that is no plain name.
    """
    if not name or PurePosixPath(name).is_absolute():
        raise ValueError(f"{name!r} is outside of its folder")
    for part in name.split("/"):
        if part == "..":
            raise ValueError(f"{name!r} is outside of its folder")
        require_plain(part)
    return name


def below(root: Path, name: str) -> Path:
    """The path of something that is written or removed in a folder; never through a link.

    Args:
        root: the folder.
        name: from a file's content, with `/` between its parts.

    Returns:
        `root / name`. It may itself be a link, which is then what is replaced or removed.

    Raises:
        ValueError: the name, or a link on the way, leads out of the folder.
    """
    path = root / require_relative(name)
    for folder in path.parents:
        if folder == root:
            return path
        if folder.is_symlink():
            raise ValueError(f"{folder} is a link, and nothing is written or removed through one")
    raise AssertionError(f"{path} is not below {root}")  # its parts are plain names


def expand_home(text: str) -> str:
    """Put the home directory for `~` and `~name`; of a name that nobody has, the text stays."""
    return os.path.expanduser(text)  # noqa: PTH111 - Path's own raises for such a name


def require_file(path: Path) -> Path:
    """The path, unless it is a pipe, a socket or a device; called wherever a file is read.

    Raises:
        OSError: it is one, which might be waited for without end, or nothing is there. A folder
            passes: opening it says so.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        what = "it is a pipe or a device; save its data to a file first"
        raise OSError(errno.EINVAL, what, str(path))
    return path
