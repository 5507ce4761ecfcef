"""Which frames of a video make its windows. Free of numpy, so that a choice costs nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from page4d_cli.core.enums import Focal, LoopSearch
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import Json, encode_fields

_USUAL_OVERLAP = 0.3
_SKIP_STEP = 4
_MOST_SKIPS = 0.3
"""Windows of every fourth frame, for each window: the price of seeing farther."""


@dataclass(frozen=True)
class FocalChoice:
    """What is known of the focal lengths of a clip."""

    kind: Focal = Focal.ONE
    """Whether frames share one, as far as the network tells it."""
    known_px: tuple[float, float] | None = None
    """(fx, fy) of every frame, in pixels of its source; None: the network tells it."""

    @classmethod
    def parse(cls, text: str) -> "FocalChoice":
        """Read `one`, `free`, `1200` or `1200,1190`.

        Raises:
            InputError: it is none of them.
        """
        words = text.strip().split(",")
        kind = next((each for each in Focal if words == [each.value]), None)
        if kind is not None:
            return cls(kind)
        try:
            known = [float(word) for word in words]
        except ValueError:
            known = []
        if not 1 <= len(known) <= 2 or not all(0 < value < math.inf for value in known):
            raise InputError(
                f"--focal {text}: give one, free, or pixels of the source above 0: F, or FX,FY"
            )
        return cls(known_px=(known[0], known[-1]))

    @property
    def kind_of_windows(self) -> Focal:
        """How those that windows say are joined: known ones are right already."""
        return self.kind if self.known_px is None else Focal.FREE

    def __str__(self) -> str:
        if self.known_px is None:
            return self.kind.value
        return ",".join(f"{value:.9g}" for value in self.known_px)


@dataclass(frozen=True)
class WindowChoice:
    """Windows of so many frames, each sharing some with the one before.

    Raises:
        InputError: a number is out of its range.
    """

    window: int | None = None
    """Frames the network sees at once; by default all of them, or what fits into memory."""
    overlap: int | None = None
    """Frames that neighbouring windows share; 30 % of a window by default."""
    loops: LoopSearch = LoopSearch.AUTO
    """Whether places that are seen twice are looked for."""
    focal: FocalChoice = FocalChoice()
    """What is known of the focal lengths."""

    def __post_init__(self) -> None:
        if self.window is None:
            if self.overlap is not None:
                raise InputError(f"--overlap {self.overlap} is of windows; give --window, too")
            return
        if self.window < 2:
            raise InputError(f"--window {self.window} is not allowed; give 2 frames or more")
        if self.overlap is not None and not 1 <= self.overlap < self.window:
            raise InputError(
                f"--overlap {self.overlap} is not allowed; give 1 to {self.window - 1}, less than "
                "--window"
            )

    def spans(self, count: int) -> list[tuple[int, int]]:
        """First frame, and the one after the last, of every window of a clip of `count` frames.

        All have the full length: the last one is moved back to end with the clip.
        """
        if self.window is None:
            return [(0, count)]
        return _spans(count, self.window, self.window - self._shared(self.window))

    def in_words(self) -> str:
        """For people: what becomes of a clip that is longer."""
        if self.window is None:
            return "none: all frames in one pass"
        shared = self._shared(self.window)
        return f"{self.window} frames, {shared} of them shared with the next, joined"

    def _shared(self, window: int) -> int:
        return self.overlap or max(1, round(_USUAL_OVERLAP * window))

    def as_settings(self) -> dict[str, Json]:
        """For the manifest; of a clip that is one pass, only a focal length that is known."""
        focal: dict[str, Json] = {"focal": str(self.focal)}
        if self.window is None:
            return {} if self.focal.known_px is None else focal
        return {**encode_fields(self), **focal}


def skip_windows(spans: Sequence[tuple[int, int]]) -> list[range]:
    """Windows of every fourth frame, which see farther than the others (`skips.py`).

    Args:
        spans: first frame, and the one after the last, of every window of the clip.

    Returns:
        Their frames, of as many as a window has, in windows that lie as the others do; none where
        one would not be full, or they are more than three tenths of the others.
    """
    if len(spans) < 1 / _MOST_SKIPS:
        return []
    (first, stop), (second, _) = spans[:2]
    chosen = range(0, spans[-1][1], _SKIP_STEP)
    if len(chosen) < stop - first:
        return []
    windows = [chosen[a:b] for a, b in _spans(len(chosen), stop - first, second - first)]
    return windows if len(windows) <= _MOST_SKIPS * len(spans) else []


def _spans(count: int, window: int, step: int) -> list[tuple[int, int]]:
    if count <= window:
        return [(0, count)]
    starts = [*range(0, count - window, step), count - window]
    return [(start, start + window) for start in starts]
