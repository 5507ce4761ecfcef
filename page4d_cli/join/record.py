"""What there is to say about a joined path, for files that say how it came about."""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.strict_json import Json
from page4d_cli.join.join import JoinedPath
from page4d_cli.join.scales import LogRatio


def record_of(path: JoinedPath, names: Sequence[str]) -> dict[str, Json]:
    """Windows with their factors, segments, joins and loops.

    Args:
        path: the path.
        names: of the windows' files.
    """
    return {
        "windows": [
            {"file": name, "factor": float(np.exp(scale))}
            for name, scale in zip(names, path.log_scales, strict=True)
        ],
        "segments": list(path.segment_starts),
        "joins": [
            {
                "windows": list(join.windows),
                "ratio": float(np.exp(join.log_scale)),
                "by_cameras": _ratio(join.by_cameras),
                "by_depth": _ratio(join.by_depth),
            }
            for join in path.joins
        ],
        "loops": [
            {"frames": list(loop.frames), "taken": loop.taken, "reason": loop.reason}
            for loop in path.loops
        ],
        "held_out_pixels_agree": [
            {"before": agreed.before, "after": agreed.after, "is_worse": agreed.is_worse}
            for agreed in path.held_out
        ],
    }


def _ratio(ratio: LogRatio) -> Json:
    if not np.isfinite(ratio.variance):
        return None
    return {"ratio": float(np.exp(ratio.value)), "deviation": float(np.sqrt(ratio.variance))}
