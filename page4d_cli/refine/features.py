"""Points of a picture that are found again in others: SIFT, by pycolmap."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.errors import InputError
from page4d_cli.core.interrupts import handlers_kept
from page4d_cli.core.types import Float32Array, Float64Array, UInt8Array

MOST_FEATURES = 2000
"""Of a picture: the largest, which are the surest."""
_LONGEST_SIDE = 1600
"""Larger pictures are shrunk to this for finding features; their places are told in full pixels."""
_LEAST_PEAK = 0.002
"""Contrast; a third of COLMAP's own: wrong matches of faint points are found out later."""


@dataclass(frozen=True)
class Features:
    """N points of a picture."""

    pixels: Float64Array
    """(N, 2) as (u, v) in pixels of the source; whole numbers are pixel centres."""
    descriptors: UInt8Array
    """(N, 128)."""
    colors: UInt8Array
    """(N, 3)."""
    depth: Float64Array
    """(N,) planar z, as the network says; NaN where it says nothing."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def unit_descriptors(self) -> Float32Array:
        """(N, 128) of unit length: the greater the product of two, the more alike they look."""
        descriptors = self.descriptors.astype(np.float32)
        lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
        return np.asarray(descriptors / np.maximum(lengths, 1), np.float32)

    def take(self, chosen: NDArray[np.generic]) -> "Features":
        """Some of them, by index or by mask."""
        return Features(
            self.pixels[chosen], self.descriptors[chosen], self.colors[chosen], self.depth[chosen]
        )

    def with_depth(self, depth: Float64Array) -> "Features":
        """The same with depth (N,)."""
        return replace(self, depth=depth)


def require_pycolmap() -> None:
    """Import pycolmap, which would answer `kill` with a trace; say what to install if it is absent.

    Raises:
        InputError: it is.
    """
    try:
        with handlers_kept():
            import pycolmap  # noqa: F401
    except ImportError as error:
        raise InputError(
            "refining needs pycolmap, which is not installed; pip install 'page4d[refine]'"
        ) from error


def find_features(picture: UInt8Array) -> Features:
    """Find features of a picture (H, W, 3), by scale-invariant feature transform.

    Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 2004; descriptors are
    compared by Hellinger's kernel (Arandjelović and Zisserman, Three Things Everyone Should Know to
    Improve Object Retrieval, CVPR 2012).

    Raises:
        InputError: pycolmap is not installed.
    """
    require_pycolmap()
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.ERROR.value
    height, width = picture.shape[:2]
    shrink = min(1.0, _LONGEST_SIDE / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    gray = Image.fromarray(picture).convert("L").resize(size, Image.Resampling.LANCZOS)
    sift = pycolmap.SiftExtractionOptions(
        max_num_features=MOST_FEATURES, max_num_orientations=1, peak_threshold=_LEAST_PEAK
    )
    options = pycolmap.FeatureExtractionOptions(num_threads=1, use_gpu=False, sift=sift)
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    keypoints, found = extractor.extract_from_uint8_array(np.asarray(gray))
    places = np.array([(each.x, each.y) for each in keypoints], np.float64).reshape(-1, 2)
    # COLMAP counts from the picture's corner: the first pixel's centre is at (½, ½).
    pixels = places * [width / size[0], height / size[1]] - 0.5
    columns, rows = pixels.round().astype(np.intp).clip(0, [width - 1, height - 1]).T
    return Features(
        pixels,
        np.asarray(found.data, np.uint8),
        picture[rows, columns],
        np.full(len(pixels), np.nan),
    )
