import gzip
import json

import numpy as np
import pytest
from exact_truth import exact_truth
from rendered_layouts import save_half16, write_dynamic_replica

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets import pytorch3d
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.sets.rendered import dynamic_replica_cameras


@pytest.fixture
def folder(tmp_path):
    return write_dynamic_replica(tmp_path, exact_truth())


def read(folder):
    (found,) = find_sequences(Dataset.DYNAMIC_REPLICA, folder)
    return found.read()


def annotations(folder):
    return folder.parent / "frame_annotations_train.jgz"


@pytest.mark.parametrize("isotropic", [True, False])
def test_intrinsics_of_either_format(tmp_path, isotropic):
    truth = exact_truth()
    sequence = read(write_dynamic_replica(tmp_path, truth, isotropic=isotropic))
    assert np.abs(sequence.intrinsics - truth.intrinsics).max() < 1e-9


def test_pixels_without_depth_stay_without(folder):
    depth = exact_truth().depth_m[1].copy()
    depth[0], depth[1], depth[2], depth[3] = 0, 9e-6, np.inf, np.nan
    save_half16(folder / f"depths/{folder.name}_0001.geometric.png", depth)
    read_back = read(folder).read_depth(1)
    assert (read_back[:4] == 0).all() and (read_back[4:] > 0).all()


@pytest.mark.parametrize("piece", [50, 700, 1 << 20])
def test_annotations_are_read_piece_by_piece(folder, monkeypatch, piece):
    whole = read(folder)
    dynamic_replica_cameras._read.cache_clear()
    monkeypatch.setattr(pytorch3d, "_PIECE", piece)
    monkeypatch.setattr(pytorch3d, "_MOST", 5000)
    np.testing.assert_array_equal(read(folder).T_camera_world, whole.T_camera_world)


def test_annotations_are_read_once(folder, monkeypatch):
    read(folder)
    monkeypatch.setattr(dynamic_replica_cameras, "read_annotations", None)
    read(folder)


def test_annotations_that_changed_are_read_again(folder):
    read(folder)
    annotations(folder).write_bytes(gzip.compress(b"[]"))
    with pytest.raises(DatasetError, match="4 of 4 pictures"):
        read(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "expected a gzipped list"),
        (b"[{}]", "entry 0: image is missing"),
        (b'[{"image": {"path": "a", "size": [1, 2]}, "viewpoint": {"R": [1]}}]', "R has 1 values"),
        (b"[}]", "damaged"),
        (b"[", "damaged"),
        (b"\xff", "damaged"),
        (b"[]", r"no camera of .*-0000\.png"),
    ],
)
def test_annotations_that_are_none_name_themselves(folder, content, message):
    annotations(folder).write_bytes(gzip.compress(content))
    with pytest.raises(DatasetError, match=rf"frame_annotations_train\.jgz.*{message}"):
        read(folder)


def test_a_camera_that_is_missing_names_its_picture(folder):
    entries = json.loads(gzip.decompress(annotations(folder).read_bytes()))
    del entries[-1]
    annotations(folder).write_bytes(gzip.compress(json.dumps(entries).encode()))
    with pytest.raises(DatasetError, match=r"no camera of .*-0003\.png \(1 of 4 pictures"):
        read(folder)
