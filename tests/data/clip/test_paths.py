"""What inputs stand for, and the order of what they name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip.paths import (
    InputKind,
    kind_of,
    list_images,
    looks_like_time,
    stamps_from_names,
)

Writer = Callable[..., Path]


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_kinds_by_extension_content_and_shape(
    tmp_path: Path, write_image: Writer, write_video: Writer
) -> None:
    write_image(tmp_path / "a.PNG")
    write_image(tmp_path / "b.png").rename(tmp_path / "b")
    write_video(tmp_path / "c.mp4", [0, 40]).rename(tmp_path / "c.dat")
    (tmp_path / "d.MOV").touch()
    kinds = {name: kind_of(str(tmp_path / name)) for name in ("a.PNG", "b", "c.dat", "d.MOV", "*")}
    assert kinds == {
        "a.PNG": InputKind.IMAGE,
        "b": InputKind.IMAGE,
        "c.dat": InputKind.VIDEO,
        "d.MOV": InputKind.VIDEO,
        "*": InputKind.PATTERN,
    }
    assert kind_of(str(tmp_path)) is InputKind.FOLDER


def test_an_existing_path_wins_over_a_pattern(tmp_path: Path, write_image: Writer) -> None:
    write_image(tmp_path / "clip[1]" / "a[2].png")
    assert kind_of(str(tmp_path / "clip[1]")) is InputKind.FOLDER
    assert kind_of(str(tmp_path / "clip[1]" / "a[2].png")) is InputKind.IMAGE


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    (tmp_path / "list.txt").write_text("a.png\n")
    (tmp_path / "empty").touch()
    for source, message in (
        (str(tmp_path / "none.png"), r"none\.png does not exist; name a folder"),
        (str(tmp_path / "link"), r"link is a broken symbolic link \(to gone\)"),
        (
            str(tmp_path / "list.txt"),
            r"neither an image nor a video.*standard input instead, with -",
        ),
        (str(tmp_path / "empty"), r"empty is neither an image nor a video that can be read$"),
        ("/dev/null", r"null is neither a file nor a folder"),
        ("", r"an empty path was given"),
    ):
        with pytest.raises(FramesError, match=message):
            kind_of(source)


def test_natural_order_in_folders_and_patterns(tmp_path: Path, write_image: Writer) -> None:
    for number in (10, 9, 1, 100, 2):
        write_image(tmp_path / f"frame {number}.png")
        write_image(tmp_path / f"part{number}" / "x.png")
    (tmp_path / ".hidden.png").touch()
    (tmp_path / "notes.txt").touch()
    images, others = list_images(str(tmp_path), InputKind.FOLDER)
    assert names(images) == [f"frame {number}.png" for number in (1, 2, 9, 10, 100)]
    assert names(others) == ["notes.txt", "part1", "part10", "part100", "part2", "part9"]
    nested, _ = list_images(str(tmp_path / "part*" / "*.png"), InputKind.PATTERN)
    assert [path.parent.name for path in nested] == [f"part{n}" for n in (1, 2, 9, 10, 100)]
    deep, _ = list_images(str(tmp_path / "**" / "x.png"), InputKind.PATTERN)
    assert deep == nested


def test_links_to_images_are_images(tmp_path: Path, write_image: Writer) -> None:
    target = write_image(tmp_path / "real" / "a.png")
    (tmp_path / "links").mkdir()
    for number in (2, 1):
        (tmp_path / "links" / f"{number}.png").symlink_to(target)
    assert names(list_images(str(tmp_path / "links"), InputKind.FOLDER)[0]) == ["1.png", "2.png"]


def test_stems_in_seconds_sort_by_time(tmp_path: Path, write_image: Writer) -> None:
    for stem in ("1305031102.25", "1305031102.175", "1305031099.9"):
        write_image(tmp_path / f"{stem}.png")
    images, _ = list_images(str(tmp_path), InputKind.FOLDER)
    assert stamps_from_names(images) == [1305031099.9, 1305031102.175, 1305031102.25]


def test_stems_that_are_no_seconds() -> None:
    assert stamps_from_names([Path("0.1.png"), Path("0.2.png")]) == [0.1, 0.2]
    assert stamps_from_names([Path("1.png"), Path("2.png")]) is None
    assert stamps_from_names([Path("0.2.png"), Path("0.1.png")]) is None
    assert stamps_from_names([Path("0.1.png"), Path("0.10.png")]) is None
    assert stamps_from_names([Path("0.1.png"), Path("a0.2.png")]) is None


@pytest.mark.parametrize("digits", [13, 16, 19])
def test_stems_that_are_counts_since_1970(digits: int) -> None:
    first = 1403636579763000000 // 10 ** (19 - digits)
    step = 10 ** (digits - 10) // 20  # 50 ms
    images = [Path(f"cam0/{first + index * step}.png") for index in range(3)]
    stamps = stamps_from_names(images)
    assert stamps == pytest.approx([1403636579.763, 1403636579.813, 1403636579.863], abs=2e-7)
    assert stamps_from_names([*images, Path("1.png")]) is None
    assert stamps_from_names(images[::-1]) is None
    assert all(looks_like_time(image) for image in images)
    assert not looks_like_time(Path("000001.png")) and looks_like_time(Path("0.5.png"))


def test_version_like_stems_keep_natural_order(tmp_path: Path, write_image: Writer) -> None:
    for stem in ("1.10", "1.9", "1.1"):
        write_image(tmp_path / f"{stem}.png")
    assert names(list_images(str(tmp_path), InputKind.FOLDER)[0]) == [
        "1.1.png",
        "1.9.png",
        "1.10.png",
    ]


def test_a_folder_without_images_says_what_it_has(tmp_path: Path, write_image: Writer) -> None:
    def message(folder: str) -> str:
        with pytest.raises(FramesError) as caught:
            list_images(str(tmp_path / folder), InputKind.FOLDER)
        return str(caught.value)

    for folder in ("empty", "texts", "clips"):
        (tmp_path / folder).mkdir()
    for name in ("texts/a.txt", "texts/b.txt", "clips/2.mp4", "clips/1.mp4"):
        (tmp_path / name).touch()
    for name in ("rgb", "depth"):
        write_image(tmp_path / "outer" / name / "1.png")
    assert "empty is an empty folder; images end in" in message("empty")
    assert "texts has no images (2 files, 0 folders); images end in" in message("texts")
    assert ".jpg" in message("texts")
    assert f"for the videos in it give {tmp_path}/clips/*.mp4" in message("clips")
    assert "name the folder that holds them (in it: depth, rgb)" in message("outer")
    with pytest.raises(
        FramesError, match=r"does not exist and, read as a pattern, matches nothing"
    ):
        list_images(str(tmp_path / "q*"), InputKind.PATTERN)


def test_order_does_not_depend_on_the_file_system(tmp_path: Path, write_image: Writer) -> None:
    written = [f"{number}.png" for number in [*range(30), "01", "001"]]
    for place in np.random.default_rng(0).permutation(len(written)):
        write_image(tmp_path / written[place], (2, 2))
    expected = ["0.png", "001.png", "01.png", *written[1:30]]
    assert names(list_images(str(tmp_path), InputKind.FOLDER)[0]) == expected
