"""What a run was going to take before it began, as the manifest and `--plan` have it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PlanRecord:
    """How a clip is cut, and what that is predicted to need."""

    frames: int
    size: tuple[int, int]
    """(height, width) of the network's pictures."""
    tokens: int
    """Of a frame."""
    windows: int
    """Passes of the network; 1 is the whole clip at once."""
    window: int
    """Frames of a pass."""
    overlap: int
    """Frames that neighbouring windows share; the last two may share more."""
    weights_bytes: int
    device_bytes: int | None
    """Peak of what a pass takes on its device beside the weights. None: not worth a prediction,
    since even a crude bound fits many times."""
    host_bytes: int
    """Pictures and maps of a pass in the host's memory."""
    free_bytes: int | None
    """What the device had left for it; None where the system does not say."""
    disk_bytes: int
    """Pictures, windows and maps, at their most."""

    def __post_init__(self) -> None:
        if not 1 <= self.window <= self.frames:
            raise ValueError(f"window is {self.window}, expected 1 to {self.frames} frames")
