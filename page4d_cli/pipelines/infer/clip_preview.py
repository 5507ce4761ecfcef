"""The preview video of a clip: what is shown, on which scales, how fast."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import Float32Array, FrameInfo, UInt8Array
from page4d_cli.draw.color_scale import ColorScale, confidence_scale, depth_scale
from page4d_cli.draw.colormaps import robust_range
from page4d_cli.draw.preview import MapPane, preview_frames
from page4d_cli.io.formats.video import write_video

RATE_WITHOUT_TIME = 10.0
RATE_LIMITS = (1.0, 60.0)


def write_clip_preview(
    path: Path,
    images: Iterable[UInt8Array],
    depth: Sequence[Float32Array],
    infos: Sequence[FrameInfo],
    timestamp_source: TimestampSource,
    confidence: Sequence[Float32Array] = (),
) -> None:
    """Write colour, depth and confidence side by side, at the clip's own rate where it has one.

    Each map has one scale for the whole clip, from the 2nd to the 98th percentile. The padding of
    the maps is blank: what the network says there means nothing.

    Args:
        path: an .mp4 file.
        images: S pictures (H, W, 3) of one size.
        depth: S maps (H, W).
        infos: S; the transforms lead to the maps.
        timestamp_source: of the infos.
        confidence: S maps (H, W) of the depth; without them there is no such pane.

    Raises:
        WriteError: the file cannot be written.
    """
    has_time = timestamp_source is not TimestampSource.INDEX
    panes = [_pane(depth, infos, depth_scale)]
    if len(confidence):
        panes.append(_pane(confidence, infos, confidence_scale))
    labels = [
        f"frame {info.index}" + (f", {info.timestamp_s:.3f} s" if has_time else "")
        for info in infos
    ]
    frames = preview_frames(images, panes, labels)
    write_video(path, frames, playback_rate(infos, timestamp_source))


def playback_rate(infos: Sequence[FrameInfo], timestamp_source: TimestampSource) -> float:
    """Frames a second of a clip, within what players show well."""
    if timestamp_source is TimestampSource.INDEX or len(infos) < 2:
        return RATE_WITHOUT_TIME
    period_s = float(np.median(np.diff([info.timestamp_s for info in infos])))
    return float(np.clip(1 / max(period_s, 1e-6), *RATE_LIMITS))


def _pane(
    maps: Sequence[Float32Array],
    infos: Sequence[FrameInfo],
    scale: Callable[[float, float], ColorScale],
) -> MapPane:
    contents = (_content(map_, info) for map_, info in zip(maps, infos, strict=True))
    return MapPane(scale(*robust_range(contents)), _without_padding(maps, infos))


def _without_padding(
    maps: Sequence[Float32Array], infos: Sequence[FrameInfo]
) -> Iterator[Float32Array]:
    for map_, info in zip(maps, infos, strict=True):
        blank = np.full_like(map_, np.nan)
        _content(blank, info)[:] = _content(map_, info)
        yield blank


def _content(map_: Float32Array, info: FrameInfo) -> Float32Array:
    """A map without its padding."""
    left, top, right, bottom = info.transform.content
    return map_[top:bottom, left:right]
