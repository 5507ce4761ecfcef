"""Which frames of a video make its windows. Free of numpy, so that a choice costs nothing."""

from dataclasses import dataclass

from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import Json, encode_fields

_USUAL_OVERLAP = 0.3


@dataclass(frozen=True)
class WindowChoice:
    """Windows of so many frames, each sharing some with the one before.

    Raises:
        InputError: a number is out of its range.
    """

    window: int | None = None
    """Frames the network sees at once; all of them by default."""
    overlap: int | None = None
    """Frames that neighbouring windows share; 30 % of a window by default."""

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
        if self.window is None or count <= self.window:
            return [(0, count)]
        step = self.window - self._shared(self.window)
        starts = [*range(0, count - self.window, step), count - self.window]
        return [(start, start + self.window) for start in starts]

    def in_words(self) -> str:
        """For people: what becomes of a clip that is longer."""
        if self.window is None:
            return "none: all frames in one pass"
        shared = self._shared(self.window)
        return f"{self.window} frames, {shared} of them shared with the next, joined"

    def _shared(self, window: int) -> int:
        return self.overlap or max(1, round(_USUAL_OVERLAP * window))

    def as_settings(self) -> dict[str, Json]:
        """For the manifest; nothing if the clip is one pass."""
        return {} if self.window is None else encode_fields(self)
