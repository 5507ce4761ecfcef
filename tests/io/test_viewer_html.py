import dataclasses
import json
import re

import numpy as np
import pytest
from browser import browser_page, changed_share, screenshot
from synthetic_run import write_synthetic_run

from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.viewer_html import write_viewer_html
from page4d_cli.pipelines.view_data import ViewOptions, view_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    run = write_synthetic_run(
        tmp_path_factory.mktemp("made"), seed=103, frames=4, size=(112, 84)
    ).run
    return view_scene(run, ViewOptions())


def data_of(path):
    page = path.read_text("utf-8")
    return json.loads(re.search(r'type="application/json">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_asks_for_nothing(scene, tmp_path):
    write_viewer_html(tmp_path / "clip.html", scene)
    page = (tmp_path / "clip.html").read_text("utf-8")
    assert not re.search(r"https?:|<link (?!rel=\"icon\" href=\"data:)|src=\"[^d]|@import", page)
    assert "default-src 'none'" in page


def test_the_size_is_bounded_by_the_points(scene, tmp_path):
    write_viewer_html(tmp_path / "clip.html", scene)
    rest = 40_000 + 20_000 * len(scene.cameras)  # the page and its pictures
    assert (tmp_path / "clip.html").stat().st_size < 15 * len(scene.points) + rest


def test_a_name_cannot_end_the_script(scene, tmp_path):
    title = '</script><script>alert("é")//'
    write_viewer_html(tmp_path / "clip.html", dataclasses.replace(scene, title=title))
    assert data_of(tmp_path / "clip.html")["title"] == title


def test_a_file_that_is_there_stays_without_overwrite(scene, tmp_path):
    path = tmp_path / "clip.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_viewer_html(path, scene)
    assert path.read_text() == "mine"
    write_viewer_html(path, scene, overwrite=True)
    assert data_of(path)["starts"] == scene.starts.tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [("clip", "must end in .html"), ("a/clip.html", "create it first"), ("b.html", "a directory")],
)
def test_places_that_cannot_be_used(scene, tmp_path, name, words):
    (tmp_path / "b.html").mkdir()
    with pytest.raises(OutputError, match=words):
        write_viewer_html(tmp_path / name, scene)


def test_a_full_disk_leaves_nothing(scene, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(WriteError, match="free some disk space"):
        write_viewer_html(tmp_path / "clip.html", scene)
    assert list(tmp_path.iterdir()) == []


def test_the_page_in_a_browser(scene, tmp_path):
    """Opened from the disk, it shows the points at their places, and its controls work."""
    path = tmp_path / "clip.html"
    write_viewer_html(path, scene)
    with browser_page(path.as_uri()) as page:
        count = page.locator("#count")
        positions = np.array(page.evaluate("Array.from(positions)")).reshape(-1, 3)
        errors = np.linalg.norm(positions - scene.points, axis=1) / scene.depth
        assert errors.max() < 2e-4  # half a step of the depth codes, over all the points

        first = screenshot(page, tmp_path / "first.png")
        assert len(np.unique(first.reshape(-1, 3), axis=0)) > 1000  # a scene, not a blank page
        picture = page.get_attribute("#image", "src")
        page.locator("#slider").fill("3")
        page.wait_for_timeout(300)
        last = screenshot(page, tmp_path / "last.png")
        canvas = (slice(0, 620), slice(290, 640))  # between the panels
        assert changed_share(first[canvas], last[canvas]) > 0.01
        assert page.get_attribute("#image", "src") != picture
        assert "frame 3, 1.500 s (4 of 4)" in page.inner_text("#time")

        page.locator("#confidence").fill("0")
        page.select_option("#frames", "all")
        total = f"{len(scene.points):,}"
        assert count.inner_text() == f"{total} of {total} points shown"
        moving = int((scene.motion >= 0.5 * 255).sum())
        page.select_option("#part", "2")
        assert count.inner_text() == f"{moving:,} of {total} points shown"
        page.locator("#motion").fill("0.98")
        strict = int((scene.motion >= 0.98 * 255).sum())
        assert count.inner_text() == f"{strict:,} of {total} points shown"


def test_the_background_stays_while_moving_parts_change(scene, tmp_path):
    path = tmp_path / "clip.html"
    write_viewer_html(path, scene)
    moving = scene.motion >= 0.5 * 255
    with browser_page(path.as_uri()) as page:
        page.locator("#confidence").fill("0")
        own = slice(scene.starts[0], scene.starts[1])
        kept = int((~moving).sum() + moving[own].sum())
        assert page.inner_text("#count").startswith(f"{kept:,} of")
        page.uncheck("#background")
        assert page.inner_text("#count").startswith(f"{own.stop - own.start:,} of")


def test_mouse_and_play_change_the_view(scene, tmp_path):
    path = tmp_path / "clip.html"
    write_viewer_html(path, scene)
    with browser_page(path.as_uri()) as page:
        before = screenshot(page)
        page.mouse.move(500, 300)
        page.mouse.down()
        page.mouse.move(620, 340)
        page.mouse.up()
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(300)
        assert changed_share(before, screenshot(page, tmp_path / "turned.png")) > 0.1
        page.click("#through")
        page.wait_for_timeout(300)
        screenshot(page, tmp_path / "through.png")
        page.click("#play")
        page.wait_for_timeout(1.5 * 1000 / scene.frames_per_second)
        page.click("#play")
        assert page.input_value("#slider") != "0"
        assert page.inner_text("#play") == "play"
