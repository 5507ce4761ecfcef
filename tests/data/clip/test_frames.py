"""`load_frames` from its inputs to its result."""

import sys
from collections.abc import Callable
from fractions import Fraction
from inspect import signature
from pathlib import Path
from subprocess import run

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Fit, TimestampSource
from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.core.types import Frames
from page4d_cli.data.clip.choice import DEFAULT_FRAMES
from page4d_cli.data.clip.frames import load_frames

Writer = Callable[..., Path]

SIZE = 28
QUARTER = [0, -(1 << 16), 0, 1 << 16, 0, 0, 0, 0, 1 << 30]
"""The display matrix of a quarter turn."""


def indices(frames: Frames) -> list[int]:
    return [info.index for info in frames.infos]


@pytest.fixture
def folder(tmp_path: Path, write_image: Writer) -> Path:
    """Twelve frames, of grey levels 0, 10, 20…"""
    for number in range(12):
        write_image(tmp_path / "clip é" / f"{number}.png", value=10 * number)
    return tmp_path / "clip é"


def test_every_field_of_the_choice_is_a_keyword() -> None:
    keywords = dict(signature(load_frames).parameters)
    del keywords["source"]
    defaults = {name: each.default for name, each in keywords.items()}
    assert defaults == vars(DEFAULT_FRAMES) | {"size": 518}  # None is the network's own


def test_a_folder(folder: Path) -> None:
    (folder / "notes.txt").touch()
    (folder / ".DS_Store").touch()
    frames = load_frames(folder, size=SIZE)
    assert frames.images.shape == (12, 28, 28, 3)  # 40×30: 21 rows round up to 28
    assert frames.images[:, 0, 0, 0].tolist() == list(range(0, 120, 10))
    assert [info.stem for info in frames.infos] == [str(number) for number in range(12)]
    assert frames.infos[3].source == str(folder / "3.png")
    assert frames.timestamp_source is TimestampSource.INDEX
    assert frames.timestamps_s.tolist() == list(range(12))
    assert frames.ignored == (str(folder / "notes.txt"),)


def test_folder_pattern_and_list_agree(folder: Path) -> None:
    expected = load_frames(str(folder), size=SIZE)
    paths = [folder / f"{number}.png" for number in range(12)]
    for source in (f"{folder}/*.png", folder / "*.png", paths, [str(path) for path in paths]):
        frames = load_frames(source, size=SIZE)
        assert np.array_equal(frames.images, expected.images)
        assert frames.infos == expected.infos


def test_a_list_keeps_its_order(folder: Path) -> None:
    frames = load_frames([folder / "7.png", folder / "2.png"], size=SIZE)
    assert [info.stem for info in frames.infos] == ["7", "2"]
    assert indices(frames) == [0, 1]


def test_one_image(folder: Path) -> None:
    assert load_frames(folder / "7.png", size=SIZE).infos[0].stem == "7"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"stride": 5}, [0, 5, 10]),
        ({"start": 9}, [9, 10, 11]),
        ({"start": 1, "stride": 4}, [1, 5, 9]),
        ({"start": 1, "stride": 4, "max_frames": 2}, [1, 5]),
        ({"max_frames": 99}, list(range(12))),
    ],
)
def test_sampling_is_the_same_for_images_and_videos(
    folder: Path, write_video: Writer, options: dict[str, int], expected: list[int]
) -> None:
    video = write_video(folder.parent / "v.mp4", range(0, 480, 40))
    images = load_frames(folder, size=SIZE, **options)
    assert indices(images) == expected
    assert images.images[:, 0, 0, 0].tolist() == [10 * index for index in expected]
    assert images.timestamps_s.tolist() == expected
    frames = load_frames(video, size=SIZE, **options)
    assert indices(frames) == expected
    assert frames.timestamps_s == pytest.approx([0.04 * index for index in expected])
    assert np.abs(frames.images[:, 9, 9, 0] - 8.0 * np.array(expected)).max() <= 3


def test_a_video(tmp_path: Path, write_video: Writer) -> None:
    path = write_video(tmp_path / "v.mp4", [0, 40, 100, 110])
    frames = load_frames(str(path), size=SIZE)
    assert frames.timestamp_source is TimestampSource.PTS
    assert frames.timestamps_s == pytest.approx([0, 0.04, 0.1, 0.11])
    assert [info.stem for info in frames.infos] == ["000000", "000001", "000002", "000003"]
    assert {info.source for info in frames.infos} == {str(path)}
    assert frames.infos[0].transform.source_size == (64, 48)


def test_a_portrait_video_stands_upright(tmp_path: Path, write_video: Writer) -> None:
    frames = load_frames(write_video(tmp_path / "v.mp4", [0], matrix=QUARTER), size=SIZE)
    assert frames.infos[0].transform.source_size == (48, 64)


def disc(width: int, height: int) -> np.ndarray:
    """White ellipse on black that fills three quarters of either side."""
    v, u = np.mgrid[:height, :width]
    radius = np.hypot((u + 0.5) / width - 0.5, (v + 0.5) / height - 0.5)
    return np.repeat((255 * (radius < 3 / 8)).astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("extension", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(16, 11), Fraction(8, 9)])
def test_pixels_that_are_not_square_become_square(
    tmp_path: Path, write_video: Writer, aspect: Fraction, extension: str
) -> None:
    """What is round where the video is shown is round in the network's picture."""
    height, width = 240, 2 * round(120 / float(aspect))
    path = write_video(tmp_path / f"v.{extension}", [0], [disc(width, height)], aspect=aspect)
    frames = load_frames(path, size=280)
    transform = frames.infos[0].transform
    assert frames.size == (280, 280) and transform.source_size == (width, height)
    rows, columns = np.nonzero(frames.images[0, ..., 1] > 127)
    assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=2)
    assert np.ptp(rows) == pytest.approx(210, abs=3)


def test_pixels_that_are_not_square_stand_upright(tmp_path: Path, write_video: Writer) -> None:
    """240 columns of 4:3 pixels are 320 wide, and high when they are turned."""
    pictures = [disc(240, 160)]
    path = write_video(tmp_path / "v.mp4", [0], pictures, matrix=QUARTER, aspect=Fraction(4, 3))
    frames = load_frames(path, size=280)
    assert frames.infos[0].transform.source_size == (160, 240)
    assert frames.size == (280, 140)


def test_intrinsics_know_that_pixels_are_not_square(tmp_path: Path, write_video: Writer) -> None:
    """The same ray meets the same point of the picture in stored pixels and in the network's."""
    path = write_video(tmp_path / "v.mp4", [0], [disc(180, 240)], aspect=Fraction(4, 3))
    transform = load_frames(path, size=280).infos[0].transform
    k = np.array([[300.0, 0, 139.5], [0, 300, 139.5], [0, 0, 1]])
    stored = transform.intrinsics_to_source(k)
    assert stored[1, 1] / stored[0, 0] == pytest.approx(4 / 3)
    ray = np.array([0.2, -0.1, 1])
    assert (stored @ ray)[:2] == pytest.approx(transform.to_source((k @ ray)[:2]))
    assert stored[:2, 2] == pytest.approx([89.5, 119.5])  # the middle of 180×240


@pytest.mark.parametrize(
    ("extension", "fps", "expected"),
    [
        ("mp4", 10, [0, 3, 6, 9, 12, 15]),
        ("mp4", 30, list(range(18))),  # its own rate
        ("mp4", 29.97, list(range(18))),
        ("mp4", 1000, list(range(18))),  # nothing is repeated
        ("mp4", 7, [0, 5, 9, 13]),  # 0.143 s lies between frames 4 and 5
        ("mp4", 1, [0]),
        ("mkv", 30, list(range(18))),  # times rounded to milliseconds
        ("mkv", 10, [0, 3, 6, 9, 12, 15]),
    ],
)
def test_fps_takes_the_first_frame_at_or_after_each_period(
    tmp_path: Path, write_video: Writer, extension: str, fps: float, expected: list[int]
) -> None:
    times_ms = [round(1000 * index / 30) for index in range(18)]
    path = write_video(tmp_path / f"v.{extension}", times_ms)
    assert indices(load_frames(path, size=SIZE, fps=fps)) == expected


def test_fps_follows_time_not_frames(tmp_path: Path, write_video: Writer) -> None:
    path = write_video(tmp_path / "vfr.mp4", [0, 10, 20, 100, 110, 350, 400])
    assert indices(load_frames(path, size=SIZE, fps=10)) == [0, 3, 5, 6]
    assert indices(load_frames(path, size=SIZE, fps=10, start=1)) == [1, 4, 5]
    assert indices(load_frames(path, size=SIZE, fps=10, max_frames=2)) == [0, 3]


def test_fps_and_images_or_streams_without_times(
    folder: Path, tmp_path: Path, write_video: Writer
) -> None:
    with pytest.raises(InputError, match=r"--fps 5 .*images have no frame rate; use --stride"):
        load_frames(folder, fps=5)
    raw = write_video(tmp_path / "raw.h264", [0, 40])
    with pytest.raises(InputError, match=r"--fps 5 needs time stamps.*use --stride"):
        load_frames(raw, fps=5)
    frames = load_frames(raw, size=SIZE)
    assert frames.timestamp_source is TimestampSource.INDEX
    assert frames.timestamps_s.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, r"--stride 0 is not allowed; give 1 or more"),
        ({"start": -1}, r"--start -1 is not allowed; give 0 or more"),
        ({"max_frames": 0}, r"--max-frames 0 is not allowed; give 1 or more"),
        ({"fps": 0.0}, r"--fps 0.0 is not allowed; give a number above 0"),
        ({"fps": float("nan")}, r"--fps nan"),
        ({"fps": 5.0, "stride": 2}, r"--fps 5 and --stride 2 .*give one"),
        ({"start": 12}, r"--start 12 is past the end: there are 12 images"),
        ({"size": 500}, r"size 500 is no positive multiple of the patch size 14"),
    ],
)
def test_options_out_of_range(folder: Path, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_frames(folder, **options)  # type: ignore[arg-type]


def test_start_past_the_end_of_a_video(tmp_path: Path, write_video: Writer) -> None:
    path = write_video(tmp_path / "v.mp4", [0, 40])
    with pytest.raises(FramesError, match=r"--start 2 is past the end of .*v\.mp4"):
        load_frames(path, start=2)


def test_time_stamps_in_file_names(tmp_path: Path, write_image: Writer) -> None:
    stamps = [1305031102.175304, 1305031102.211214, 1305031102.25]
    for stamp in stamps:
        write_image(tmp_path / f"{stamp}.png")
    frames = load_frames(tmp_path, size=SIZE, stride=2)
    assert frames.timestamp_source is TimestampSource.FILE_NAME
    assert frames.timestamps_s.tolist() == stamps[::2]


def test_equal_stems_become_unique(tmp_path: Path, write_image: Writer) -> None:
    for name in ("l/1.png", "r/1.png", "r/1.jpg"):
        write_image(tmp_path / name)
    stems = [info.stem for info in load_frames(f"{tmp_path}/r/*", size=SIZE).infos]
    assert stems == ["1", "1_2"]
    pair = load_frames([tmp_path / "l/1.png", tmp_path / "r/1.png"], size=SIZE)
    assert [info.stem for info in pair.infos] == ["l_1", "r_1"]


def test_shapes_that_differ_are_padded(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "1.png", (60, 30), 50)
    write_image(tmp_path / "2.png", (30, 60), 50)
    frames = load_frames(tmp_path, size=56)
    assert frames.size == (56, 56)
    for image, info in zip(frames.images, frames.infos, strict=True):
        left, top, right, bottom = info.transform.content
        assert (image[top:bottom, left:right] == 50).all()
        assert (image == 255).sum() == (56 * 56 - (right - left) * (bottom - top)) * 3


@pytest.mark.parametrize("fit", Fit)
def test_a_fit_may_be_given_by_its_word(folder: Path, fit: Fit) -> None:
    by_word = load_frames(folder, fit=fit.value, size=SIZE)  # type: ignore[arg-type]
    assert by_word.infos == load_frames(folder, fit=fit, size=SIZE).infos


def test_one_bad_frame_stops_or_is_skipped(folder: Path) -> None:
    (folder / "3.png").write_bytes(b"")
    (folder / "5.png").unlink()
    (folder / "5.png").symlink_to("gone")
    with pytest.raises(FramesError) as caught:
        load_frames(folder, size=SIZE)
    assert str(caught.value) == (
        f"{folder}/3.png is empty (0 bytes) (and 1 more of 12 frames); "
        "replace it, or leave bad frames out with --skip-bad"
    )
    frames = load_frames(folder, size=SIZE, skip_bad=True)
    assert indices(frames) == [0, 1, 2, 4, 6, 7, 8, 9, 10, 11]
    assert frames.ignored == (str(folder / "3.png"), str(folder / "5.png"))
    assert indices(load_frames(folder, size=SIZE, start=6)) == [6, 7, 8, 9, 10, 11]


def test_an_elongated_picture_names_itself(folder: Path, write_image: Writer) -> None:
    write_image(folder / "4.png", (300, 1))
    with pytest.raises(FramesError, match=r"4\.png: a picture of 300×1 pixels is too elongated"):
        load_frames(folder, size=SIZE)
    assert len(load_frames(folder, size=SIZE, skip_bad=True)) == 11


def test_nothing_but_bad_frames(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("x")
    with pytest.raises(FramesError, match=r"a\.png is no image.*nothing is left of 2 frames"):
        load_frames(tmp_path, skip_bad=True)
    with pytest.raises(FramesError, match=r"a\.png is no image.*; give another file$"):
        load_frames(tmp_path / "a.png")
    with pytest.raises(FramesError, match=r"the list of images is empty"):
        load_frames([])


def test_a_video_cut_off(tmp_path: Path, write_video: Writer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3)).astype(np.uint8)
    path = write_video(tmp_path / "cut.mp4", range(0, 1200, 40), noise, faststart=True)
    whole = load_frames(path, size=SIZE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(FramesError, match=r"cut\.mp4 is damaged or cut off at .*--skip-bad"):
        load_frames(path, size=SIZE)
    rest = load_frames(path, size=SIZE, skip_bad=True)
    assert 10 <= len(rest) < 30
    assert np.array_equal(rest.images[:10], whole.images[:10])
    assert "cut off" in rest.ignored[0]
    assert len(load_frames(path, size=SIZE, max_frames=3)) == 3  # the damage is not reached


def test_a_broken_file_leaves_no_warning(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "1.tif")
    Image.new("RGB", (9, 9)).save(tmp_path / "2.tif")
    (tmp_path / "2.tif").write_bytes((tmp_path / "2.tif").read_bytes()[:-60])
    assert len(load_frames(tmp_path, size=SIZE, skip_bad=True)) == 1


def test_the_layer_imports_no_torch() -> None:
    code = (
        "import sys, page4d_cli.data.clip.frames, page4d_cli.data.clip.inputs;"
        "sys.exit(any(name in sys.modules for name in ('torch', 'av', 'typer', 'rich', 'open3d')))"
    )
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_remedy_for_a_bad_frame_is_the_one_that_works(folder: Path) -> None:
    (folder / "0.png").write_bytes(b"")
    with pytest.raises(FramesError, match=r"give another file$"):
        load_frames(folder, size=SIZE, max_frames=1)
    with pytest.raises(FramesError, match=r"--skip-bad$"):
        load_frames(folder, size=SIZE, max_frames=2)


def test_a_fit_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="fit 'stretch' is not one of crop, pad, keep"):
        load_frames(tmp_path, fit="stretch")
