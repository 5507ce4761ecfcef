"""The main job on real photos and a real video; skipped where they are absent.

They are looked for in the folder that PAGE4D_REALDATA names, else in `../shared/data`.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from page4d_cli.core.enums import Precision, TimestampSource
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.io.run.directory import is_complete, open_run
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.scenes import infer_scenes

DATA = Path(os.environ.get("PAGE4D_REALDATA", Path(__file__).parents[2] / "shared/data"))
RANDOM = ModelChoice("random", device="cpu", precision=Precision.FP32)

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not (DATA / "photos").is_dir(), reason="no real data here"),
]


def run(source, out, **choice):
    frames = FrameChoice(max_frames=3, **choice)
    (result,) = infer_scenes([str(source)], out, model=RANDOM, frames=frames)
    assert is_complete(out)
    return open_run(result.out)


def test_photos(tmp_path):
    run_ = run(DATA / "photos/lady-running", tmp_path / "run")
    assert [frame.source_size for frame in run_.manifest.frames] == [(854, 480)] * 3
    assert run_.depth(0).shape == (294, 518)


def test_video_has_its_own_times(tmp_path):
    run_ = run(DATA / "video/lady-running.mp4", tmp_path / "run", stride=5)
    assert run_.manifest.timestamp_source is TimestampSource.PTS
    periods = np.diff(run_.timestamps_s)
    assert (periods > 0.01).all() and (periods < 1).all()
    assert [frame.index for frame in run_.manifest.frames] == [0, 5, 10]


def test_tum_names_are_times(tmp_path):
    folder = DATA / "tum_livingroom/rgbd_dataset_livingroom1/rgb"
    run_ = run(folder, tmp_path / "run")
    assert run_.manifest.timestamp_source is TimestampSource.FILE_NAME
    stems = [float(frame.stem) for frame in run_.manifest.frames]
    np.testing.assert_array_equal(run_.timestamps_s, stems)
