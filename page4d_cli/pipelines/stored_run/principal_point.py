"""Exports have the principal point in the middle of the picture, as other programs take it.

The network's camera looks through (W/2, H/2) of its own grid, in which whole numbers are pixel
centres: half a pixel beyond the middle, ((W - 1)/2, (H - 1)/2). Splatting trainers and renderers
read no principal point and take the middle. An export counts the same numbers from the corner of
the first pixel instead, so that W/2 is the middle; points are lifted from the maps so, too.
"""

from dataclasses import replace

import numpy as np

from page4d_cli.core.enums import Resolution
from page4d_cli.core.types import Float64Array
from page4d_cli.pipelines.stored_run.clip import RunClip

_SAME = 1e-4
"""Share of the picture; the run's numbers are float32."""


def with_middle_as_principal_point(clip: RunClip) -> RunClip:
    """Move the network's principal points to the middle; others were measured, and stay.

    Args:
        clip: with cameras, or without.
    """
    intrinsics = np.array(clip.intrinsics, np.float64)
    for index, k in enumerate(intrinsics):
        size = np.array(clip.run.manifest.network_size[::-1], np.float64)
        own, middle = (_in_map(clip, index, point) for point in (size / 2, (size - 1) / 2))
        if np.allclose(k[:2, 2], own, rtol=_SAME, atol=0):
            k[:2, 2] = middle
    return replace(clip, intrinsics=intrinsics)


def _in_map(clip: RunClip, index: int, network_pixel: Float64Array) -> Float64Array:
    """Where a place (u, v) of the network's picture is in the frame's map."""
    manifest = clip.run.manifest
    if manifest.resolution is Resolution.NETWORK:
        return network_pixel
    info = manifest.frames[clip.indices[index]].to_info(manifest.network_size)
    return info.transform.to_source(network_pixel)
