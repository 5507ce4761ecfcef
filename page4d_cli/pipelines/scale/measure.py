"""How many metres the unit of each segment is."""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.errors import InputError
from page4d_cli.io.run.manifest import ScaleRecord
from page4d_cli.pipelines.scale.seen import SeenFrames
from page4d_cli.pipelines.scale.source import ScaleSource

_MAD_TO_DEVIATION = 1.4826


def measure_scales(source: ScaleSource, segments: Sequence[SeenFrames]) -> tuple[ScaleRecord, ...]:
    """Measure each segment by itself: all of them, or none.

    Args:
        source: what is known in metres.
        segments: the frames of each, in its own world and unit.

    Raises:
        InputError: the source says nothing of one of them, or does not fit it.
    """
    if len(segments) == 1:
        return (measure_scale(source, segments[0]),)
    records = []
    for number, seen in enumerate(segments, start=1):
        try:
            records.append(measure_scale(source, seen))
        except InputError as error:
            first, last = seen.infos[0].stem, seen.infos[-1].stem
            raise InputError(
                f"segment {number} ({first} to {last}) has a unit of its own: {error}"
            ) from error
    return tuple(records)


def measure_scale(source: ScaleSource, seen: SeenFrames) -> ScaleRecord:
    """Measure frames of one unit: the median over the frames.

    Raises:
        InputError: the source says nothing of them, or does not fit them.
    """
    factors = source.factors(seen)
    factor = float(np.median(factors))
    if not 0 < factor < np.inf:
        raise InputError(f"{source.text}: the factor is {factor:g}, which is no scale")
    logs = np.log(factors)
    spread = float(_MAD_TO_DEVIATION * np.median(np.abs(logs - np.median(logs))))
    return ScaleRecord(source.text, factor, spread if len(factors) > 1 else None, len(factors))
