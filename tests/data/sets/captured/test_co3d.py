"""CO3D as downloaded and with the original's lists: what is written is what is read."""

import gzip
import json

import numpy as np
import pytest
from co3d_category import NAME, half_depth, unmasked, write_co3d, write_co3d_listed
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.check_data.check import check_data


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def read(root):
    (found,) = find_sequences(Dataset.CO3D, root)
    return found.read()


@pytest.mark.parametrize("isotropic", [True, False])
def test_the_data_set_s_own_annotations(tmp_path, isotropic):
    truth = exact_truth()
    folder = write_co3d(tmp_path, truth, isotropic=isotropic)
    for root in (tmp_path, folder.parent, folder):
        sequence = read(root)
        assert sequence.name == NAME and len(sequence) == 4
        np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world, atol=1e-12)
        np.testing.assert_allclose(sequence.intrinsics[2], truth.intrinsics, atol=1e-12)
    valid = unmasked((32, 24))
    for index in range(4):
        depth = sequence.read_depth(index)
        np.testing.assert_array_equal(depth > 0, valid)
        np.testing.assert_allclose(depth[valid], half_depth(truth)[index][valid], rtol=1e-6)


def test_the_original_s_lists(tmp_path):
    truth = exact_truth()
    write_co3d_listed(tmp_path, truth)
    write_co3d_listed(tmp_path, truth, "other", split="test")
    found = find_sequences(Dataset.CO3D, tmp_path)
    assert [one.name for one in found] == [NAME, "other"]
    for one in found:
        sequence = one.read()
        np.testing.assert_array_equal(sequence.T_camera_world, truth.T_camera_world)
        np.testing.assert_array_equal(sequence.intrinsics_of(3), truth.intrinsics)
        expected = half_depth(truth, 1.0)[1]
        np.testing.assert_array_equal(sequence.read_depth(1)[:, 1:], expected[:, 1:])


def rewrite(change):
    """Change the list of an annotation file."""

    def damage(path):
        entries = json.loads(gzip.decompress(path.read_bytes()))
        change(entries)
        path.write_bytes(gzip.compress(json.dumps(entries).encode()))

    return damage


def as_if_opencv_s(entries):
    for entry in entries:
        view, flip = entry["viewpoint"], np.array([-1.0, -1.0, 1.0])
        view["R"] = (view["R"] * flip).tolist()
        view["T"] = (view["T"] * flip).tolist()


def without_scale(entries):
    for entry in entries:
        entry["depth"]["scale_adjustment"] = 1.0


@pytest.mark.parametrize("fault", [as_if_opencv_s, without_scale])
def test_a_check_passes_and_fails_on_faults(tmp_path, fault):
    write_co3d(tmp_path, exact_truth(fps=0.25))  # from places far apart
    assert check_data(Dataset.CO3D, tmp_path).passed
    rewrite(fault)(tmp_path / "apple/frame_annotations.jgz")
    (report,) = check_data(Dataset.CO3D, tmp_path).sequences
    assert "depth consistency" in {each.check.value for each in report.failures}


def test_says_which_file_is_missing(tmp_path):
    folder = write_co3d(tmp_path, exact_truth())
    for name in (
        "images/frame000002.jpg",
        "depths/frame000002.jpg.geometric.png",
        "depth_masks/frame000002.png",
    ):
        moved = folder / name
        moved.rename(tmp_path / "aside")
        with pytest.raises(DatasetError, match=rf"{name} does not exist \(1 of 4 such files"):
            read(tmp_path)
        (tmp_path / "aside").rename(moved)
    assert len(read(tmp_path)) == 4
    (tmp_path / "apple/frame_annotations.jgz").unlink()
    with pytest.raises(
        DatasetError, match=r"none of .*apple_train\.jgz, .* exists; they have the c"
    ):
        read(tmp_path)


def test_annotations_that_do_not_know_a_sequence(tmp_path):
    write_co3d(tmp_path, exact_truth()).rename(tmp_path / "apple/renamed")
    with pytest.raises(DatasetError, match=r"jgz: there is no sequence renamed"):
        read(tmp_path)


def test_frames_without_camera_or_depth_are_left_out(tmp_path):
    truth = exact_truth()
    write_co3d(tmp_path, truth)
    path = tmp_path / "apple/frame_annotations.jgz"

    def hide(entries):
        own = [entry for entry in entries if entry["sequence_name"] == NAME]
        own[0]["depth"] = own[2]["viewpoint"] = None

    rewrite(hide)(path)
    sequence = read(tmp_path)
    assert [frame.name for frame in sequence.frames] == ["frame000001.jpg", "frame000003.jpg"]
    np.testing.assert_allclose(sequence.T_camera_world, truth.T_camera_world[[0, 2]], atol=1e-12)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "it is damaged or cut short"),
        (lambda path: path.write_bytes(b"[]"), "it is damaged or cut short|Not a gzipped"),
        (lambda path: path.write_bytes(gzip.compress(b"{}")), "it is damaged or cut short"),
        (lambda path: path.write_bytes(gzip.compress(b"[]")), "has no frames"),
        (rewrite(lambda entries: entries[3].pop("viewpoint")), "entry 3: viewpoint is missing"),
        (
            rewrite(lambda entries: entries[1]["image"].update(path="../../etc/passwd")),
            "'../../etc/passwd' is outside of its folder",
        ),
        (
            rewrite(lambda entries: entries[0]["viewpoint"].update(intrinsics_format="pixels")),
            "entry 0: viewpoint.intrinsics_format is 'pixels', expected one of",
        ),
    ],
)
def test_damaged_annotations_name_themselves(tmp_path, damage, message):
    write_co3d(tmp_path, exact_truth())
    damage(tmp_path / "apple/frame_annotations.jgz")
    with pytest.raises(DatasetError, match=rf"frame_annotations\.jgz.*({message})"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b'{"a": 1}'), r"a is 1, expected a list"),
        (gzip.compress(b'{"a": [{"filepath": "x"}]}'), "extri is missing"),
        (gzip.compress(b"{}")[:-4], "it is damaged or cut short"),
    ],
    ids=["type", "key", "cut"],  # bytes that hold the time of day are no names
)
def test_damaged_lists_name_themselves(tmp_path, data, message):
    write_co3d_listed(tmp_path, exact_truth())
    (tmp_path / "apple_train.jgz").write_bytes(data)
    with pytest.raises(DatasetError, match=rf"apple_train\.jgz.*{message}"):
        read(tmp_path)
