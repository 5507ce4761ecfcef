import dataclasses
import json
import re

import numpy as np
import pytest
from browser import browser_page, changed_share, screenshot
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import LengthUnit
from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.formats.html import write_viewer_html
from page4d_cli.pipelines.view.data import ViewOptions, view_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    run = write_synthetic_run(
        tmp_path_factory.mktemp("made"), seed=103, frames=4, size=(112, 84)
    ).run
    return view_scene(run, ViewOptions())


def written(folder, scene):
    write_viewer_html(folder / "clip.html", scene, overwrite=True)
    return folder / "clip.html"


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


def test_pictures_of_a_long_clip_are_thinned_out(scene, tmp_path, monkeypatch):
    """What is left stays below the bound, and a frame shows the last picture before it."""
    one = sum(len(picture) for picture in data_of(written(tmp_path, scene))["pictures"][0])
    monkeypatch.setattr("page4d_cli.io.formats.html._PICTURE_BYTES", round(2.5 * one))
    path = written(tmp_path, scene)
    data = data_of(path)
    assert (data["picture_step"], len(data["pictures"]), len(data["cameras"])) == (2, 2, 4)
    with browser_page(path.as_uri()) as page:
        page.locator("#slider").fill("3")
        page.wait_for_timeout(300)
        assert page.get_attribute("#image", "src") == data["pictures"][1][0]
        assert page.evaluate("pictured") == 2
        assert "pictures of 1 frame in 2" in page.inner_text("#range")


def test_what_a_killed_process_has_left_is_removed(scene, tmp_path):
    leftover = tmp_path / ".clip.html.partial"
    leftover.mkdir()
    (leftover / "clip.html").write_text("half")
    written(tmp_path, scene)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.html"]


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


def test_a_rolled_camera_is_looked_through_as_it_stands(scene, tmp_path):
    """The points lie where its picture has their colours, so nothing else may cover them."""
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    T_new_world = np.column_stack([rotation * np.linalg.det(rotation), [0.3, -0.2, 0.5]])
    write_viewer_html(tmp_path / "clip.html", moved(scene, T_new_world))
    with browser_page((tmp_path / "clip.html").as_uri(), size=(1200, 700)) as page:
        page.locator("#confidence").fill("0")
        page.locator("#size").fill("8")
        page.click("#through")
        page.wait_for_timeout(500)
        seen = screenshot(page, tmp_path / "rolled.png")
        page.click("#reset")
        assert page.evaluate("eye.origin.up") == [0, -1, 0]
    picture = scene.cameras[0].image
    width = round(700 * picture.shape[1] / picture.shape[0])
    expected = np.asarray(Image.fromarray(picture).resize((width, 700))).astype(int)
    left = (1200 - width) // 2
    inside = slice(20, 600), slice(300, 900)  # between the panels
    differences = np.abs(seen[inside] - expected[:, 300 - left : 900 - left][inside[0]]).max(-1)
    assert np.median(differences) < 16


def test_the_current_camera_shows_its_picture(scene, tmp_path):
    write_viewer_html(tmp_path / "clip.html", painted(scene))
    with browser_page((tmp_path / "clip.html").as_uri()) as page:

        def shares(path=None):
            """Of green and blue pixels, below the panels."""
            page.wait_for_timeout(400)
            shot = screenshot(page, path)[465:635]
            colors = ([0, 255, 0], [0, 0, 255])
            return [float((np.abs(shot - color).max(-1) < 24).mean()) for color in colors]

        green, blue = shares(tmp_path / "picture.png")
        assert 0.01 < green < 0.2 and blue == 0
        page.locator("#slider").fill("1")
        green, blue = shares()
        assert green == 0 and 0.01 < blue < 0.2
        page.click("#through")
        assert shares() == [0, 0]
        page.click("#reset")
        assert shares()[1] > 0.01
        page.uncheck("#cameras")
        assert shares() == [0, 0]


def moved(scene, T_new_world):
    """The scene in another world."""
    R, t = T_new_world[:, :3], T_new_world[:, 3]
    cameras = []
    for camera in scene.cameras:
        R_camera_new = camera.T_camera_world[:, :3] @ R.T
        t_camera_new = camera.T_camera_world[:, 3] - R_camera_new @ t
        T_camera_new = np.column_stack([R_camera_new, t_camera_new])
        cameras.append(dataclasses.replace(camera, T_camera_world=T_camera_new))
    points = (scene.points @ R.T + t).astype(np.float32)
    return dataclasses.replace(scene, cameras=tuple(cameras), points=points)


def painted(scene):
    """The scene with a green picture in the first frame, a blue one in the others."""
    cameras = [
        dataclasses.replace(camera, image=np.full_like(camera.image, (0, 0, 255)))
        for camera in scene.cameras
    ]
    green = np.full_like(scene.cameras[0].image, (0, 255, 0))
    cameras[0] = dataclasses.replace(cameras[0], image=green)
    return dataclasses.replace(scene, cameras=tuple(cameras))


def test_segments_are_worlds_apart(scene, tmp_path):
    apart = dataclasses.replace(scene, segments=((0, 1), (1, 4)), unit=LengthUnit.METRES)
    with browser_page(written(tmp_path, apart).as_uri()) as page:
        page.locator("#frames").select_option("all")
        page.locator("#confidence").fill("0")
        counts = []
        for frame in (0, 1, 3):
            page.locator("#slider").fill(str(frame))
            counts.append(int(page.inner_text("#count").split()[0].replace(",", "")))
        assert counts == [scene.starts[1], *[len(scene.points) - scene.starts[1]] * 2]
        assert page.inner_text("#time").endswith("(4 of 4), segment 2 of 2")
        assert page.inner_text("#range").startswith("depth, metres: ")
        assert page.evaluate("shownSegment") == 1


def test_what_moves_is_a_picture_of_its_own(scene, tmp_path):
    path = written(tmp_path, scene)
    assert {len(pictures) for pictures in data_of(path)["pictures"]} == {3}
    unknown = tuple(dataclasses.replace(camera, motion=None) for camera in scene.cameras)
    path = written(tmp_path, dataclasses.replace(scene, cameras=unknown))
    assert {len(pictures) for pictures in data_of(path)["pictures"]} == {2}
    assert data_of(path)["has_motion"] is False
