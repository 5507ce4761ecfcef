"""What was wrong in the original's readers, put in on purpose, is found by name."""

from dataclasses import replace

import numpy as np
import pytest
from exact_truth import exact_truth, truth_of
from rendered_layouts import (
    BASELINE_M,
    save_half16,
    write_dynamic_replica,
    write_kubric,
    write_spring,
)

from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.synthetic import SceneRecipe, sample_scene
from page4d_cli.pipelines.check_data.check import check_sequence
from page4d_cli.pipelines.check_data.checks import Check

FRAMES, SIZE = 6, (96, 72)


def failures(sequence, dataset):
    report = check_sequence(sequence, DATASETS[dataset].checks)
    return {failure.check: failure for failure in report.failures}


def read(dataset, root, layout=None):
    (found,) = find_sequences(dataset, root, layout)
    return found.read()


@pytest.fixture(scope="module")
def truth():
    return exact_truth(frames=FRAMES, size=SIZE, fps=5.0)


def test_depth_of_spring_by_disparity_that_was_resized_to_the_network(truth, tmp_path):
    write_spring(tmp_path, truth)
    sequence = read(Dataset.SPRING, tmp_path)
    assert not failures(sequence, Dataset.SPRING)
    too_large = replace(
        sequence, read_depth=lambda i: sequence.read_depth(i) * np.float32(3840 / 518)
    )
    assert {Check.DEPTH_CONSISTENCY, Check.TRACKS} <= set(failures(too_large, Dataset.SPRING))


def test_the_left_eyes_pose_for_the_right_eye(tmp_path):
    """It shows in tracks when the camera turns, by pixels in full HD; depth hardly differs."""
    recipe = SceneRecipe(camera_turn_deg=(85, 90), camera_travel_m=(0.2, 0.3))
    truth = truth_of(sample_scene(recipe, 2), np.arange(FRAMES) / 5, (128, 96))
    write_spring(tmp_path, truth, eyes=("right",))
    sequence = read(Dataset.SPRING, tmp_path, "right")
    assert not failures(sequence, Dataset.SPRING)
    poses = sequence.T_camera_world.copy()
    poses[:, 0, 3] += BASELINE_M
    assert Check.TRACKS in failures(replace(sequence, T_camera_world=poses), Dataset.SPRING)


def test_the_focal_length_of_kubric_by_the_aspect(truth, tmp_path):
    write_kubric(tmp_path, truth)
    sequence = read(Dataset.KUBRIC, tmp_path)
    assert not failures(sequence, Dataset.KUBRIC)
    stretched = sequence.intrinsics * np.array([1, SIZE[0] / SIZE[1], 1])[:, None]
    stretched[1, 2] = sequence.intrinsics[1, 2]
    found = failures(replace(sequence, intrinsics=stretched), Dataset.KUBRIC)
    assert Check.TRACKS in found


def test_pixels_of_dynamic_replica_that_are_made_valid(truth, tmp_path):
    folder = write_dynamic_replica(tmp_path, truth)
    depth = truth.depth_m[2].copy()
    depth[:9] = 0
    save_half16(folder / f"depths/{folder.name}_0002.geometric.png", depth)
    sequence = read(Dataset.DYNAMIC_REPLICA, tmp_path)
    assert not failures(sequence, Dataset.DYNAMIC_REPLICA)
    raised = replace(sequence, read_depth=lambda i: np.maximum(sequence.read_depth(i), 1e-5))
    found = failures(raised, Dataset.DYNAMIC_REPLICA)[Check.DEPTH_VALUES]
    assert found.frames == (2,) and "864 depths are as small as 1e-05" in found.message
