import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.depth_files import require_no_depth
from page4d_cli.data.clip.frames import load_frames


def write(folder, names, *, depth=False):
    for name in names:
        picture = np.full((40, 60), 3000, np.uint16) if depth else np.zeros((40, 60, 3), np.uint8)
        Image.fromarray(picture).save(folder / name)
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("colors", "depths", "pattern"),
    [
        (["1.jpg", "2.jpg"], ["1.png", "2.png"], "*.jpg"),
        (["frame_1_rgb.png", "frame_2_rgb.png"], ["frame_1_d.png", "frame_2_d.png"], "*_rgb.png"),
        (["rgb_10.png", "rgb_11.png"], ["depth_10.png", "depth_11.png"], "rgb_*"),
    ],
)
def test_depth_among_pictures_stops_the_run_with_a_pattern_that_leaves_it_out(
    tmp_path, colors, depths, pattern
):
    paths = write(tmp_path, colors) + write(tmp_path, depths, depth=True)
    with pytest.raises(FramesError, match="2 of 4 pictures do, and seems to be depth") as refused:
        load_frames(str(tmp_path))
    proposed = str(refused.value).split("give '")[1].rstrip("'")
    assert proposed == f"{tmp_path}/{pattern}"
    assert [info.source for info in load_frames(proposed).infos] == [str(p) for p in paths[:2]]


def test_where_no_pattern_tells_them_apart_it_says_so(tmp_path):
    paths = write(tmp_path, ["1.png", "3.png"]) + write(tmp_path, ["2.png"], depth=True)
    with pytest.raises(FramesError, match="give the colour pictures alone"):
        require_no_depth(paths)


def test_a_clip_of_16_bit_pictures_is_one(tmp_path):
    require_no_depth(write(tmp_path, ["1.png", "2.png"], depth=True))
