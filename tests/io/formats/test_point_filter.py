import numpy as np

from page4d_cli.io.formats.point_filter import statistical_inliers


def test_lonely_points_are_dropped():
    rng = np.random.default_rng(0)
    points = rng.uniform(size=(500, 3)).astype(np.float32)
    points[[3, 77]] += 10
    kept = statistical_inliers(points, 3.0)
    assert {3, 77}.isdisjoint(kept) and len(kept) > 480
    assert (np.diff(kept) > 0).all()
