"""Unique, readable, deterministic names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from page4d_cli.data.clip.names import unique_directory_names, unique_stems


def stems(*names: str) -> list[str]:
    return unique_stems([Path(name) for name in names])


def test_stems_that_differ_stay() -> None:
    assert stems("a/1.5.png", "a/b c.png", "a/ü.jpg") == ["1.5", "b c", "ü"]


def test_folders_tell_equal_stems_apart() -> None:
    assert stems("left/1.png", "right/1.png", "right/2.png") == ["left_1", "right_1", "2"]
    assert stems("x/a/rgb/1.png", "x/b/rgb/1.png") == ["a_rgb_1", "b_rgb_1"]
    assert stems("a/1.png", "b/1.png", "b/1.jpg") == ["a_1", "b_1", "b_1_2"]


def test_numbers_tell_the_rest_apart() -> None:
    assert stems("a.png", "a.jpg", "a_2.png", "a.bmp") == ["a", "a_3", "a_2", "a_4"]


def test_case_alone_is_no_difference() -> None:
    assert stems("A.png", "a.png") == ["A", "a_2"]


@given(st.lists(st.sampled_from(["a/x.png", "b/x.png", "a/x.jpg", "a_x.png", "x_2.png", "X.png"])))
def test_names_are_always_unique(names: list[str]) -> None:
    result = stems(*names)
    assert len({name.casefold() for name in result}) == len(names)
    assert result == stems(*names)


def test_directory_names_are_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v1.2").mkdir()
    monkeypatch.chdir(tmp_path / "v1.2")
    paths = [Path(), Path(".."), Path("a:b?*\n.mp4"), Path("...mp4"), Path("été 1.mp4")]
    names = unique_directory_names(paths)
    assert names == ["v1.2", tmp_path.name, "a_b___", "scene", "été 1"]
    for name in names:
        (tmp_path / "out" / name).mkdir(parents=True)
