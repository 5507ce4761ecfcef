"""Filters of point clouds that open3d computes."""

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.types import Float32Array

NEIGHBOURS = 20


def statistical_inliers(points: Float32Array, deviations: float) -> NDArray[np.intp]:
    """Find the points that are not far from all others (Rusu et al., RAS 56(11), 2008, 4.1).

    A point is an outlier if the mean distance to its 20 nearest neighbours is more than so many
    standard deviations above the mean over all points.

    Args:
        points: (N, 3), finite.
        deviations: how many.

    Returns:
        (M,) indices of the points to keep, ascending.
    """
    from open3d import geometry, utility

    cloud = geometry.PointCloud(utility.Vector3dVector(points.astype(np.float64)))
    _, kept = cloud.remove_statistical_outlier(NEIGHBOURS, deviations)
    return np.sort(np.asarray(kept, np.intp))
