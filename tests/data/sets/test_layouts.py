"""What is written in a layout is what is read from it, for every layout."""

import numpy as np
import pytest
from dataset_layouts import LAYOUTS
from exact_truth import exact_truth

from page4d_cli.data.sets.find import find_sequences

LOSSY = {"scannet", "scannet raw"}
"""Whose pictures are JPEGs."""
DEPTH_STEP_M = {
    "kitti": 1 / 256,
    "odyssey": 1000 / 65535,
    "dynamic-replica": 8 / 2048,
    "kubric": 4e-6,
    "spring": 4e-6,
}
"""Between depths that a format can tell apart, at those of a room."""


@pytest.fixture(params=LAYOUTS)
def name(request):
    return request.param


def test_read_is_the_inverse_of_write(name, tmp_path):
    truth, written = exact_truth(), LAYOUTS[name]
    folder = written.write(tmp_path, truth)
    truth = written.kept(truth)
    (found,) = find_sequences(written.dataset, tmp_path)
    assert (found.folder, found.layout) == (folder, written.layout)
    sequence = found.read()
    assert len(sequence) == len(truth) and (np.diff(sequence.timestamps_s) > 0).all()
    assert (sequence.T_camera_world is not None, sequence.read_depth is not None) == (
        written.poses,
        written.depth,
    )
    if written.poses:
        np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-9)
    for index in range(len(truth)):
        difference = np.abs(sequence.read_image(index).astype(int) - truth.images[index])
        assert difference.max() == 0 or (name in LOSSY and difference.mean() < 20)
        if written.depth:
            depth, limit = sequence.read_depth(index), 0.51 * DEPTH_STEP_M.get(name, 0)
            assert depth.dtype == np.float32
            np.testing.assert_allclose(depth, truth.depth_m[index], rtol=0, atol=limit)


def test_a_sequence_of_one_layout_is_found_at_its_own_folder(name, tmp_path):
    written = LAYOUTS[name]
    folder = written.write(tmp_path, exact_truth())
    (found,) = find_sequences(written.dataset, folder)
    assert (found.folder, found.layout) == (folder, written.layout)


def test_frames_are_in_natural_order(name, tmp_path):
    """Twelve: the names of some layouts are numbers without leading zeros."""
    truth, written = exact_truth(frames=12, size=(16, 12)), LAYOUTS[name]
    written.write(tmp_path, truth)
    (found,) = find_sequences(written.dataset, tmp_path)
    sequence = found.read()
    if written.poses:
        np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-9)
    else:
        for index in range(12):
            np.testing.assert_array_equal(sequence.read_image(index), truth.images[index])
