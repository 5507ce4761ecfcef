import json

import numpy as np
import pytest

from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.rendered.scene_folder import SCENE_JSON, read_scene_folder
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes


@pytest.fixture
def folder(tmp_path):
    return write_scenes(tmp_path, SynthOptions(frames=3, size=(32, 24)))[0].out


def rewrite(path, **arrays):
    with np.load(path) as whole:
        np.savez(path, **{**whole, **arrays})


def test_a_scene_is_read_as_it_was_written(folder):
    sequence = read_scene_folder(folder)
    assert len(sequence) == 3 and sequence.read_depth(2).shape == (24, 32)
    assert sequence.read_tracks([0, 2]).pixels.shape[::2] == (2, 2)


@pytest.mark.parametrize(
    "depth",
    [
        np.ones((24, 32), np.complex64),
        np.ones((24, 32), "U1"),
        np.ones((24, 32), "datetime64[s]"),
        np.ones((24, 32), [("a", "f4")]),
        np.ones((24, 32, 3), np.float32),
        np.full((24, 32), 1e38, np.float32),
        np.ones((0, 32), np.float32),
    ],
)
def test_depth_that_is_none_is_refused(folder, depth):
    np.save(folder / "depth" / "000001.npy", depth)
    sequence = read_scene_folder(folder)
    with pytest.raises(DatasetError, match=r"000001\.npy: (holds|has) .*, expected"):
        sequence.read_depth(1)


@pytest.mark.parametrize(
    ("file", "name", "array"),
    [
        ("cameras.npz", "extrinsics", np.ones((2, 3, 4))),
        ("cameras.npz", "extrinsics", np.ones((3, 3, 4), complex)),
        ("cameras.npz", "intrinsics", np.full((3, 3, 3), 1e300)),
        ("cameras.npz", "timestamps_s", np.zeros(0)),
        ("tracks.npz", "pixels", np.zeros((2, 256, 2))),
        ("tracks.npz", "visible", np.zeros((3, 256))),
        ("tracks.npz", "moving", np.zeros(9, bool)),
    ],
)
def test_arrays_that_are_of_no_scene_are_named(folder, file, name, array):
    rewrite(folder / file, **{name: array})
    with pytest.raises(DatasetError, match=rf"{file}: \w+ (holds|has) .*; write the scene"):
        read_scene_folder(folder)


def test_a_record_of_another_layout_is_told(folder):
    record = json.loads((folder / SCENE_JSON).read_text())
    (folder / SCENE_JSON).write_text(json.dumps({**record, "layout": "tum"}))
    with pytest.raises(DatasetError, match="check a folder of the layout 'tum' as the data set"):
        read_scene_folder(folder)
    (folder / SCENE_JSON).write_text(json.dumps({**record, "seed": "first"}))
    with pytest.raises(DatasetError, match=r"scene\.json: seed is 'first', expected a whole"):
        read_scene_folder(folder)
