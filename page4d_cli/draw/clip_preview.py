"""The preview of a clip: colour, depth and confidence side by side, each on one scale."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.types import Float32Array, FrameInfo, PixelTransform, UInt8Array
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
    """Draw the frames of a preview, one at a time.

    Each map has one scale for the whole clip, from the 2nd to the 98th percentile. The padding of
    the maps is blank: what the network says there means nothing.

    Args:
        images: S pictures (H, W, 3) of one size.
        depth: S maps (H, W), gone through twice; they may be read when they are asked for.
        infos: S; the transforms lead to the maps.
        timestamp_source: of the infos.
        confidence: S maps (H, W) of the depth; without them there is no such pane.

    Returns:
        S pictures (H', W', 3).
    """
    panes = [_pane(depth, infos, depth_scale)]
    if len(confidence):
        panes.append(_pane(confidence, infos, confidence_scale))
    return preview_frames(images, panes, [info.label(timestamp_source) for info in infos])


def _pane(
    maps: Sequence[Float32Array],
    infos: Sequence[FrameInfo],
    scale: Callable[[float, float], ColorScale],
) -> MapPane:
    def each() -> Iterator[tuple[Float32Array, PixelTransform]]:
        return zip(maps, (info.transform for info in infos), strict=True)

    ends = robust_range(transform.crop(map_) for map_, transform in each())
    return MapPane(scale(*ends), (transform.without_padding(map_) for map_, transform in each()))
