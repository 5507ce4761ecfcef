"""Tracks and moving pixels of rendered data sets, held against the scene they show."""

import numpy as np
import pytest
from dataset_layouts import write_sintel
from exact_truth import exact_truth, true_moving, true_tracks
from rendered_layouts import (
    TRACKED,
    write_dynamic_replica,
    write_kubric,
    write_odyssey,
    write_sintel_extras,
    write_spring,
)

from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.sets.rendered.flow import Flow, advect, grid_of_points

FRAMES = 6


def write_sintel_with_flow(root, truth):
    write_sintel(root, truth)
    write_sintel_extras(root / "training", truth)


def write_kubric_with_tracks(root, truth):
    write_kubric(root, truth, stored_tracks=True)


WRITERS = {
    "odyssey": (Dataset.ODYSSEY, write_odyssey),
    "dynamic-replica": (Dataset.DYNAMIC_REPLICA, write_dynamic_replica),
    "kubric": (Dataset.KUBRIC, write_kubric),
    "kubric with tracks": (Dataset.KUBRIC, write_kubric_with_tracks),
    "spring": (Dataset.SPRING, write_spring),
    "sintel": (Dataset.SINTEL, write_sintel_with_flow),
}
STORED = {"odyssey", "kubric with tracks"}
SILENT = {"odyssey", "dynamic-replica", "sintel"}
"""Which do not say what moves."""


@pytest.fixture(scope="module")
def truth():
    return exact_truth(seed=3, frames=FRAMES, size=(96, 72), fps=8)


@pytest.fixture(scope="module", params=WRITERS)
def written(request, truth, tmp_path_factory):
    """Name, sequence, and the origin of its pixels in those of the truth."""
    dataset, write = WRITERS[request.param]
    root = tmp_path_factory.mktemp("set")
    write(root, truth)
    (found,) = find_sequences(dataset, root)
    return request.param, found.read(), 1.0 if dataset is Dataset.KUBRIC else 0.0


@pytest.mark.parametrize("chosen", [tuple(range(FRAMES)), (1, 2, 4)])
def test_tracks_are_those_of_the_scene(written, truth, chosen):
    name, sequence, origin = written
    tracks = sequence.read_tracks(chosen)
    first = 0 if name in STORED else chosen[0]
    begin = TRACKED if name == "odyssey" else TRACKED + 1
    if name not in STORED:
        begin = tracks.pixels[0].astype(np.float64) + origin
    exact = true_tracks(truth, begin, first)
    pixels, visible = exact.pixels[0][list(chosen)] - origin, exact.visible[0][list(chosen)]
    both = tracks.visible & visible
    assert np.abs(tracks.pixels - pixels)[both].max() < 0.1
    assert (tracks.visible & ~visible).mean() < 0.002
    assert both.sum() > 0.9 * visible.sum()
    if tracks.moving is not None:
        np.testing.assert_array_equal(tracks.moving, exact.moving[0])
        np.testing.assert_allclose(
            tracks.points_world, exact.points_world[0][list(chosen)], atol=5e-4
        )


def test_moving_pixels_are_those_of_the_scene(written, truth):
    name, sequence, origin = written
    if name in SILENT:
        assert sequence.read_moving is None
        return
    moving = true_moving(truth)[:, int(origin) :, int(origin) :]
    for index in range(FRAMES):
        np.testing.assert_array_equal(sequence.read_moving(index), moving[index])


def test_flow_carries_points_on_until_they_leave_or_are_hidden():
    size, hidden = (12, 8), np.zeros((8, 12), np.bool_)
    hidden[0] = True
    steps = [Flow(np.full((8, 12, 2), step, np.float32), ~hidden) for step in (0.5, 1.0, -9.0)]
    tracks = advect(steps.__getitem__, [0, 2], size)
    begin = grid_of_points(size)
    assert len(begin) == 96 and tracks.pixels.shape == (2, 96, 2)
    np.testing.assert_allclose(tracks.pixels[1][tracks.visible[1]], begin[tracks.visible[1]] + 1.5)
    stays = (begin[:, 1] > 0) & (begin + 1.5 < np.array(size) - 0.5).all(-1)
    np.testing.assert_array_equal(tracks.visible[1], stays)


def test_between_two_motions_a_point_is_lost():
    motion = np.zeros((4, 8, 2), np.float32)
    motion[:, 4:, 0] = 2.0
    seen = np.ones((4, 8), np.bool_)
    shift = Flow(np.full((4, 8, 2), (0.5, 0.0), np.float32), seen)
    steps = [shift, Flow(motion, seen)]
    tracks = advect(steps.__getitem__, [0, 1, 2], (8, 4))
    assert set(tracks.pixels[1][tracks.visible[1]][:, 0]) == {0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5}
    assert set(tracks.pixels[1][tracks.visible[2]][:, 0]) == {0.5, 1.5, 2.5, 4.5}
