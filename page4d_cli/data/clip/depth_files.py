"""Depth maps that lie among the pictures of a clip: found before they are taken for pictures."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.images import is_grey16

_8_BIT = (".jpg", ".jpeg")


def require_no_depth(paths: Sequence[Path]) -> None:
    """Refuse single-channel pictures of 16 bits among others. A clip of nothing else is one.

    Args:
        paths: of the clip's images.

    Raises:
        FramesError: there are some; the message has a pattern that leaves them out.
    """
    depth = [path for path in paths if path.suffix.lower() not in _8_BIT and is_grey16(path)]
    colors = [path for path in paths if path not in set(depth)]
    if not depth or not colors:
        return
    pattern = next(_patterns(colors, depth), None)
    advice = f"give '{pattern}'" if pattern else "give the colour pictures alone"
    raise FramesError(
        f"{depth[0]} has one channel of 16 bits, as {len(depth)} of {len(paths)} pictures do, and "
        f"seems to be depth; {advice}"
    )


def _patterns(wanted: Sequence[Path], others: Sequence[Path]) -> Iterator[str]:
    """Patterns that match the wanted files and none of the others, simple ones first."""
    folders = {path.parent for path in (*wanted, *others)}
    if len(folders) > 1:
        return
    names, apart = [path.name for path in wanted], [path.name for path in others]
    begin, end = _shared_start(names), _shared_start([name[::-1] for name in names])[::-1]
    # Digits belong to the number of a picture, even if all of them share some.
    begin, end = begin.rstrip("0123456789"), end.lstrip("0123456789")
    for pattern in (f"*{wanted[0].suffix}", f"*{end}", f"{begin}*", f"{begin}*{end}"):
        if all(fnmatchcase(name, pattern) for name in names) and not any(
            fnmatchcase(name, pattern) for name in apart
        ):
            yield str(wanted[0].parent / pattern)


def _shared_start(names: Sequence[str]) -> str:
    first, last = min(names), max(names)  # what these two share, all that lie between share, too
    pairs = enumerate(zip(first, last, strict=False))
    return first[: next((index for index, (a, b) in pairs if a != b), len(first))]
