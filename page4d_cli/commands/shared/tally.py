"""How far many scenes are, in one line."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts scenes as they end."""

    total: int
    clock: Callable[[], float] = time.monotonic
    ended: int = 0
    kept: int = 0
    failed: int = 0
    frames: int = 0
    """Of those that are neither kept nor failed."""
    begin_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.begin_s = self.clock()

    def add(self, *, frames: int, is_kept: bool, has_failed: bool) -> None:
        """Count a scene that has ended."""
        self.ended += 1
        self.kept += is_kept
        self.failed += has_failed
        self.frames += 0 if is_kept or has_failed else frames

    @property
    def frames_a_second(self) -> float:
        """Over all processes."""
        return self.frames / max(self.clock() - self.begin_s, 1e-9)

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take, if it is like what was done; None: nothing was."""
        worked = self.ended - self.kept
        if not worked:
            return None
        return (self.clock() - self.begin_s) / worked * (self.total - self.ended)

    def in_words(self) -> str:
        """All of it, while the work goes on."""
        words = [f"{self.ended}/{self.total} scenes", f"{self.frames_a_second:.1f} frames/s"]
        words.append(f"{self.failed} failed")
        if self.left_s is not None:
            words.append(f"{in_minutes(self.left_s)} left")
        return ", ".join(words)

    def summary(self) -> str:
        """All of it, at the end."""
        done = self.ended - self.kept - self.failed
        counts = f"{done} done, {self.kept} kept, {self.failed} failed of {self.total} scenes"
        took = in_minutes(self.clock() - self.begin_s)
        return f"{counts}; {self.frames} frames in {took}, {self.frames_a_second:.1f} frames/s"


def in_minutes(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
