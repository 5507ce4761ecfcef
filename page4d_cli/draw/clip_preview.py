"""The preview of a clip: what is shown, and on which scales."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import Float32Array, FrameInfo, UInt8Array
from page4d_cli.draw.color_scale import ColorScale, confidence_scale, depth_scale
from page4d_cli.draw.colormaps import robust_range
from page4d_cli.draw.preview import MapPane, preview_frames


def clip_preview(
    images: Iterable[UInt8Array],
    depth: Sequence[Float32Array],
    infos: Sequence[FrameInfo],
    timestamp_source: TimestampSource,
    confidence: Sequence[Float32Array] = (),
) -> Iterator[UInt8Array]:
    """Draw colour, depth and confidence side by side, frame by frame.

    Each map has one scale for the whole clip, from the 2nd to the 98th percentile. The padding of
    the maps is blank: what the network says there means nothing.

    Args:
        images: S pictures (H, W, 3) of one size.
        depth: S maps (H, W).
        infos: S; the transforms lead to the maps.
        timestamp_source: of the infos.
        confidence: S maps (H, W) of the depth; without them there is no such pane.

    Returns:
        S frames of the video, drawn as they are taken.
    """
    has_time = timestamp_source is not TimestampSource.INDEX
    panes = [_pane(depth, infos, depth_scale)]
    if len(confidence):
        panes.append(_pane(confidence, infos, confidence_scale))
    labels = [
        f"frame {info.index}" + (f", {info.timestamp_s:.3f} s" if has_time else "")
        for info in infos
    ]
    return preview_frames(images, panes, labels)


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
