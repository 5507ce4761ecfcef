"""Readers on files of the data sets themselves; skipped where they are absent.

They are looked for in the folder that PAGE4D_REALDATA names, else in `../shared/data`.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from page4d_cli.core.enums import Dataset
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.check_data.depth_consistency import compare

SETS = Path(os.environ.get("PAGE4D_REALDATA", Path(__file__).parents[4] / "shared/data")) / "sets"

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not SETS.is_dir(), reason="no files of data sets here"),
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_a_record_of_waymo():
    (found,) = find_sequences(Dataset.WAYMO, SETS / "waymo")
    sequence = found.read()
    assert sequence.read_image(0).shape == (1280, 1920, 3) and sequence.read_depth is None
    rotation = sequence.T_camera_world[0, :, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    # The camera looks ahead: its axis is level, its rows point down.
    np.testing.assert_allclose(rotation[[1, 2], 2], [-1, 0], atol=0.02)
    assert sequence.timestamps_s[0] == pytest.approx(1553735853.462203)


def test_depth_of_two_cameras_of_rlbench_agrees():
    """Settles what no page says: which way the matrix goes, its axes, where a pixel's centre is."""
    frames = []
    for found in find_sequences(Dataset.RLBENCH, SETS / "rlbench"):
        sequence = found.read()
        depth = sequence.read_depth(0)
        frames.append(PosedDepth(depth, sequence.intrinsics_of(0), sequence.T_camera_world[0]))
    front, overhead = frames
    for one, other in ((front, overhead), (overhead, front)):
        errors, in_front = compare(one, other)
        assert len(errors) > 1000 and in_front > 0.9
        assert np.median(np.abs(errors)) < 1e-4  # half a pixel off would be 1e-3
