"""Before any work: whether a clip is one pass, or windows, and what it will need."""

from collections.abc import Sequence

from page4d_cli.core.enums import Save
from page4d_cli.io.run.plan import PlanRecord
from page4d_cli.io.run.windows import Span
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.memory import Need, crude_bound
from page4d_cli.model.runtime import Runtime, free_memory_bytes
from page4d_cli.pipelines.infer.predict import FRAMES_AT_ONCE
from page4d_cli.pipelines.infer.run import RunOptions

LONGEST = 120
"""Frames of a window that nobody asked for: more gain little and attention grows by the square."""
_SHARE = 0.9
"""Of the free memory: others live here, too, and allocators keep gaps."""
_FAR_BELOW = 4
"""A crude bound that fits so many times is not looked at again: that would take two seconds."""
_BYTES = {
    Save.DEPTH: 4,
    Save.CONFIDENCE: 4,
    Save.DEPTH_PNG: 2,
    Save.POINTS: 16,
}
"""Of a pixel of the network, on the disk."""
_PICTURE_BYTES = 3
_MAP_BYTES = 8
"""Depth and confidence; once in pieces, once in one."""
_WINDOW_BYTES = 4


def plan_run(
    config: ModelConfig,
    runtime: Runtime,
    frames: int,
    size: tuple[int, int],
    options: RunOptions,
    *,
    is_loaded: bool = True,
) -> tuple[PlanRecord, Sequence[Span]]:
    """Decide how a clip is cut: as asked, else one pass if it fits, else the longest windows.

    Args:
        config: sizes of the network.
        runtime: where it runs.
        frames: of the clip.
        size: (H, W) of its pictures.
        options: what is asked for; of windows perhaps nothing.
        is_loaded: whether the weights are in memory already. If not, this is asked for the plan's
            sake, and nothing is left unpredicted.

    Returns:
        The plan, and first frame and the one after the last of every window.
    """
    need = Need(
        config,
        runtime.dtype,
        size,
        options.heads,
        FRAMES_AT_ONCE[runtime.device.type],
        copies_convolutions=runtime.device.type == "cpu",
    )
    free = free_memory_bytes(runtime.device)
    if free is not None and not is_loaded:
        free = max(0, free - need.weights_bytes)
    fitting = None if free is None else int(_SHARE * free)
    windows = options.windows
    is_small = fitting is not None and _FAR_BELOW * crude_bound(need, frames) <= fitting
    can_be_cut = windows.window is None and Save.POINTS not in options.save
    if can_be_cut and fitting is not None and not is_small and need.peak_bytes(frames) > fitting:
        windows = WindowChoice(need.longest(fitting, min(LONGEST, frames - 1)))
    spans = windows.spans(frames)
    length, pixels = spans[0][1] - spans[0][0], size[0] * size[1]
    of_a_pixel = _PICTURE_BYTES + sum(_BYTES.get(save, 0) for save in options.save)
    in_windows = _WINDOW_BYTES * length * len(spans) if len(spans) > 1 else 0
    plan = PlanRecord(
        frames=frames,
        size=size,
        tokens=need.tokens,
        windows=len(spans),
        window=length,
        overlap=spans[0][1] - spans[1][0] if len(spans) > 1 else 0,
        weights_bytes=need.weights_bytes,
        device_bytes=None if is_small and is_loaded else need.peak_bytes(length),
        host_bytes=length * pixels * (_PICTURE_BYTES + 2 * _MAP_BYTES),
        free_bytes=free,
        disk_bytes=pixels * (frames * of_a_pixel + in_windows),
    )
    return plan, spans
