import numpy as np
import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import Save
from page4d_cli.core.geometry import project
from page4d_cli.pipelines.cloud.observations import observe, restrict, seen_in_enough
from page4d_cli.pipelines.cloud.of_run import CloudOptions, cloud_of_clip
from page4d_cli.pipelines.stored_run.clip import read_run_clip

EVERYTHING = (Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_synthetic_run(tmp_path_factory.mktemp("tracks"), frames=3)


@pytest.fixture
def clip(made):
    return read_run_clip(made.run, slice(None), EVERYTHING, with_pictures=True)


def test_every_point_is_seen_where_it_comes_from_and_nowhere_outside(clip):
    cloud = cloud_of_clip(clip, CloudOptions(max_points=900))
    seen = observe(clip, cloud)
    own = cloud.frame_indices[seen.point] == seen.frame
    assert own.sum() == len(cloud.points)
    np.testing.assert_allclose(seen.pixels[own], seen.pixels[own].round(), atol=1e-3)
    assert (seen.pixels > -1e-3).all() and (seen.pixels < [55.001, 41.001]).all()
    assert len(seen.point) > 1.5 * len(cloud.points)
    assert (np.diff(seen.frame) >= 0).all()
    for frame in range(3):
        mine = seen.frame == frame
        points = cloud.points[seen.point[mine]].astype(float)
        uv, _ = project(points, clip.intrinsics[frame], clip.extrinsics[frame])
        np.testing.assert_allclose(seen.pixels[mine], uv)


def test_masked_pixels_show_nothing_and_points_can_be_left_out(clip):
    cloud = cloud_of_clip(clip, CloudOptions(max_points=300))
    keep = [np.zeros((42, 56), bool)] * 3
    seen = observe(clip, cloud, keep)
    assert len(seen.point) == len(cloud.points)
    free = observe(clip, cloud)
    kept = seen_in_enough(free, len(cloud.points), 2)
    fewer = restrict(free, kept)
    assert 0 < kept.sum() < len(kept)
    assert np.bincount(fewer.point).min() >= 2 and fewer.point.max() == kept.sum() - 1
