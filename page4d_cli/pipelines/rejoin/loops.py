"""Which candidate loops of a folder are looked at, and what is known of them by hand."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import LoopSearch
from page4d_cli.core.errors import InputError
from page4d_cli.core.types import Int64Array
from page4d_cli.io.run.windows import loop_files, read_window
from page4d_cli.join.closing import Loop, LoopVerdict

_SOME = 5
"""Loops that a message names."""


def parse_pair(text: str) -> tuple[int, int]:
    """Read `580,12`, the numbers of two frames.

    Raises:
        InputError: it is something else.
    """
    first, comma, second = text.partition(",")
    if not (comma and first.strip().isdecimal() and second.strip().isdecimal()):
        raise InputError(f"{text} is no loop; give the numbers of two frames, such as 580,12")
    return int(first), int(second)


def choose_loops(
    folder: Path,
    search: LoopSearch,
    given: Sequence[tuple[int, int]],
    forbidden: Sequence[tuple[int, int]],
) -> tuple[list[Loop], list[LoopVerdict]]:
    """Choose from the candidates of a folder.

    Args:
        folder: of candidates (`io/run/windows.py`); it need not exist.
        search: whether candidates are looked at of which nothing is known by hand.
        given: a frame of each look; these loops are taken, whatever speaks against them.
        forbidden: a frame of each look; these are not looked at.

    Returns:
        Those to look at, and what there is to say about the forbidden ones.

    Raises:
        InputError: a pair is of no candidate, or given and forbidden.
        RunError: a candidate cannot be read.
    """
    files = loop_files(folder)
    taken = {path for pair in given for path in _shown(folder, files, pair)}
    refused = {path for pair in forbidden for path in _shown(folder, files, pair)}
    if both := sorted(taken & refused):
        raise InputError(f"{both[0]}: this loop is given and forbidden; choose one")
    loops = {
        path: Loop(indices, partial(read_window, path), is_given=path in taken)
        for path, indices in files.items()
    }
    looked_at = [
        loop
        for path, loop in loops.items()
        if path in taken or (search is LoopSearch.AUTO and path not in refused)
    ]
    words = "forbidden by hand"
    return looked_at, [LoopVerdict(loops[path].frames, False, words) for path in sorted(refused)]


def _shown(folder: Path, files: dict[Path, Int64Array], pair: tuple[int, int]) -> list[Path]:
    """Candidates one look of which shows the one frame, and the other look the other."""
    found = [path for path, indices in files.items() if _is_of(indices, pair)]
    if found:
        return found
    centres = [Loop(indices, partial(read_window, path)).frames for path, indices in files.items()]
    some = " ".join(f"{later},{earlier}" for later, earlier in centres[:_SOME])
    there = f"there are {len(files)}: {some}{' …' if len(files) > _SOME else ''}"
    raise InputError(
        f"{pair[0]},{pair[1]}: no candidate in {folder} shows these two frames; "
        + (there if files else "there are none")
    )


def _is_of(indices: Int64Array, pair: tuple[int, int]) -> bool:
    break_ = int(np.flatnonzero(np.diff(indices) != 1)[0]) + 1
    looks = indices[:break_], indices[break_:]
    return any(a in looks[0] and b in looks[1] for a, b in (pair, pair[::-1]))
