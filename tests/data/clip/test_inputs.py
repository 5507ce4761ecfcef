"""From what was typed to scenes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.inputs import Scene, find_scenes

Writer = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, write_image: Writer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sequences, two videos with one stem, and loose images; the working folder."""
    for name in (
        "walk/rgb/1.png",
        "walk/rgb/2.png",
        "run/rgb/1.png",
        "loose/a b.png",
        "loose/ü.png",
    ):
        write_image(tmp_path / name)
    for name in ("clips/one.mp4", "clips/two.mp4", "clips/two.mov"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_folders_videos_and_patterns_are_scenes_of_their_own() -> None:
    inputs = [
        "walk/rgb",
        "run/rgb",
        "clips/one.mp4",
        "clips/two.mp4",
        "clips/two.mov",
        "walk/*/*.png",
    ]
    scenes = find_scenes(inputs)
    assert [scene.source for scene in scenes] == inputs
    assert [scene.name for scene in scenes] == [
        "walk_rgb",
        "run_rgb",
        "one",
        "two",
        "two_2",
        "walk_rgb_2",
    ]


@pytest.mark.usefixtures("folder")
def test_images_given_together_are_one_scene() -> None:
    assert find_scenes(["loose/ü.png", "loose/a b.png"]) == [
        Scene("loose", ("loose/ü.png", "loose/a b.png"))
    ]
    assert find_scenes(["loose/a b.png"]) == [Scene("a b", ("loose/a b.png",))]


def test_the_working_folder_has_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "walk" / "rgb")
    for inputs in (["."], ["*.png"], ["1.png", "2.png"], ["../../walk/rgb/"]):
        assert [scene.name for scene in find_scenes(inputs)] == ["rgb"]
    assert [scene.name for scene in find_scenes([".."])] == ["walk"]


@pytest.mark.usefixtures("folder")
def test_a_pattern_of_videos_or_folders_stands_for_these() -> None:
    assert [scene.source for scene in find_scenes(["clips/*.mp4"])] == [
        "clips/one.mp4",
        "clips/two.mp4",
    ]
    assert [scene.name for scene in find_scenes(["*/rgb"])] == ["run_rgb", "walk_rgb"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("separator", ["\n", "\r\n", "\0"])
def test_standard_input(separator: str) -> None:
    text = separator.join(["loose/a b.png", "loose/ü.png", ""])
    scenes = find_scenes(["-"], text.splitlines(keepends=True))
    assert scenes == [Scene("loose", ("loose/a b.png", "loose/ü.png"))]


@pytest.mark.usefixtures("folder")
def test_standard_input_joins_the_other_inputs_in_place() -> None:
    scenes = find_scenes(["clips/one.mp4", "-", "walk/rgb"], ["\n", "run/rgb\n"])
    assert [scene.source for scene in scenes] == ["clips/one.mp4", "run/rgb", "walk/rgb"]


@pytest.mark.usefixtures("folder")
def test_what_makes_no_scene_says_so() -> None:
    for inputs, stdin, message in (
        ([], None, r"no frames were given; name a folder"),
        (["-"], None, r"standard input holds no paths.*one a line"),
        (["-"], ["\n", " \n"], r"standard input holds no paths"),
        (["nothing"], None, r"nothing does not exist"),
        (["q*.png"], None, r"q\*\.png does not exist and, read as a pattern, matches nothing"),
        (
            ["loose/a b.png", "walk/rgb", "loose/ü.png", "clips/one.mp4"],
            None,
            r"2 × image, 1 × folder, 1 × video.*in a call of their own",
        ),
    ):
        with pytest.raises(FramesError, match=message):
            find_scenes(inputs, stdin)


def test_file_names_with_line_breaks_arrive_by_nul(folder: Path, write_image: Writer) -> None:
    write_image(folder / "two\nlines.png")
    assert find_scenes(["-"], ["two\n", "lines.png\0"])[0].source == ("two\nlines.png",)
