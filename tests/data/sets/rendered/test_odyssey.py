import numpy as np
import pytest
from exact_truth import exact_truth, save_image
from PIL import Image
from rendered_layouts import write_odyssey

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import find_sequences


@pytest.fixture
def folder(tmp_path):
    return write_odyssey(tmp_path, exact_truth())


def read(folder):
    (found,) = find_sequences(Dataset.ODYSSEY, folder)
    return found.read()


def rewrite(folder, **arrays):
    path = folder / "anno.npz"
    with np.load(path) as whole:
        kept = {name: values for name, values in {**whole, **arrays}.items() if values is not None}
    np.savez(path, **kept)


def test_sky_has_no_depth(folder):
    path = folder / "depths/depth_00001.png"
    depth = np.array(Image.open(path))
    depth[:5] = 65535
    save_image(path, depth)
    read_back = read(folder).read_depth(1)
    assert (read_back[:5] == 0).all() and (read_back[5:] > 0).all()


def test_a_row_belongs_to_the_number_of_its_frame(folder):
    whole = read(folder)
    for name in ("rgbs/rgb_00000.png", "depths/depth_00000.png"):
        (folder / name).unlink()
    rest = read(folder)
    np.testing.assert_array_equal(rest.T_camera_world, whole.T_camera_world[1:])
    tracks, kept = whole.read_tracks([1, 3]), rest.read_tracks([0, 2])
    np.testing.assert_array_equal(tracks.pixels, kept.pixels)


def test_pictures_without_a_camera_are_left_out_and_counted(folder):
    with np.load(folder / "anno.npz") as whole:
        rewrite(folder, **{name: values[:3] for name, values in whole.items()})
    sequence = read(folder)
    assert len(sequence) == 3 and "1 of 4 pictures left out: no camera" in sequence.notes


def test_points_in_the_world_may_be_missing(folder):
    rewrite(folder, trajs_3d=None)
    tracks = read(folder).read_tracks([0, 1])
    assert tracks.points_world is None and tracks.moving is None and tracks.visible.any()


def test_what_is_not_valid_is_not_visible(folder):
    with np.load(folder / "anno.npz") as whole:
        valids, trajs = whole["valids"].astype(np.float32), whole["trajs_2d"]
    valids[:, 0] = 0
    trajs[2, 1] = np.inf
    rewrite(folder, valids=valids, trajs_2d=trajs)
    visible = read(folder).read_tracks(range(4)).visible
    assert not visible[:, 0].any() and not visible[2, 1] and visible[:2, 1].all()


@pytest.mark.parametrize("name", ["intrinsics", "extrinsics", "trajs_2d", "visibs", "trajs_3d"])
def test_nothing_is_unpickled(folder, name):
    with np.load(folder / "anno.npz") as whole:
        rewrite(folder, **{name: np.array(list(whole[name]), object)})
    with pytest.raises(DatasetError, match=rf"anno\.npz: {name} holds object of shape"):
        read(folder).read_tracks([0, 1])
