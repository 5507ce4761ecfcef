import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection
from importlib.metadata import version

import numpy as np
import pytest
from browser import browser_page, changed_share, screenshot
from PIL import Image
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.io.run.directory import open_run
from page4d_cli.pipelines.view.data import ViewOptions, view_scene


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return write_synthetic_run(folder, seed=103, frames=3, size=(112, 84)).run.directory


@pytest.fixture
def run(made, tmp_path):
    """A run to be spoilt."""
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def page4d(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)])


def assert_one_line(result, exit_code, words):
    assert result.exit_code == exit_code and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1 and words in result.stderr


def test_stdout_is_the_file(made, tmp_path):
    result = page4d(made, "--html", tmp_path / "clip.html")
    assert result.exit_code == 0 and result.stdout == f"{tmp_path}/clip.html\n"
    assert "28224 points in 3 frames" in result.stderr


def test_json_is_one_object(made, tmp_path):
    path = tmp_path / "clip.html"
    result = page4d(made, "--html", path, "--json", "-q", "--max-points", 500, "--frames", "1:")
    assert result.stderr == ""
    assert json.loads(result.stdout) == {
        "html": str(path),
        "bytes": path.stat().st_size,
        "frames": 2,
        "points": 500,
        "notes": [],
    }


def test_static_and_moving_points_are_all_points(made, tmp_path):
    def count(*options):
        path = tmp_path / "clip.html"
        result = page4d(made, "--html", path, "--json", "--overwrite", *options)
        return json.loads(result.stdout)["points"]

    static, moving = count("--static-only"), count("--moving-only")
    assert static + moving == count() and min(static, moving) > 1000


def test_export_takes_a_part_too(made, tmp_path):
    def points(*options):
        arguments = ["export", made, "-f", "ply", "-o", tmp_path / "out", "--overwrite", "--json"]
        result = CliRunner().invoke(app, [*map(str, arguments), *options])
        return json.loads(result.stdout)["formats"]["ply"]["points"]

    assert points("--static-only") + points("--moving-only") == points()


@pytest.mark.parametrize("command", ["view", "export"])
def test_both_parts_together_are_refused(made, tmp_path, command):
    arguments = [command, str(made), "--static-only", "--moving-only"]
    arguments += [] if command == "view" else ["-f", "ply", "-o", str(tmp_path / "out")]
    assert_one_line(CliRunner().invoke(app, arguments), 2, "together leave nothing")


def test_a_file_that_is_there_is_refused_before_any_work(tmp_path):
    (tmp_path / "clip.html").write_text("mine")
    result = page4d(tmp_path / "nowhere", "--html", tmp_path / "clip.html")
    assert_one_line(result, 2, "clip.html exists; name another file, or pass --overwrite")


def test_a_directory_without_manifest(tmp_path):
    assert_one_line(page4d(tmp_path, "--html", tmp_path / "a.html"), 2, "is no complete run")


def test_a_run_from_a_newer_schema(run, tmp_path):
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps({**manifest, "schema": 2}))
    result = page4d(run, "--html", tmp_path / "a.html")
    assert_one_line(result, 2, "schema is 2, expected 1")


def test_a_frame_that_is_missing(run, tmp_path):
    (run / "depth" / "000001.npy").unlink()
    result = page4d(run, "--html", tmp_path / "a.html")
    assert_one_line(result, 2, "depth/000001.npy is missing")


def test_no_usable_depth_gives_numbers_and_no_file(run, tmp_path):
    for path in (run / "depth").iterdir():
        np.save(path, np.full((84, 112), np.nan, np.float32))
    result = page4d(run, "--html", tmp_path / "a.html")
    assert_one_line(result, 1, "of 28224 pixels in 3 frames 0 have a usable depth")
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-points", "0"], "--max-points 0: give a number from 1"),
        (["--frames", "x"], "--frames x: give first:end:step"),
        (["--overwrite"], "--overwrite concerns the file of --html"),
        (["--port", "0"], "--port"),
    ],
)
def test_wrong_options(made, options, words):
    assert_one_line(page4d(made, *options), 2, words)


def test_without_viser_it_says_how_to_get_it(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    assert_one_line(page4d(made), 2, "pip install '.[view]'")
    assert page4d(made, "--html", tmp_path / "clip.html").exit_code == 0


def test_a_port_in_use_is_one_line(made, free_port):
    pytest.importorskip("viser")
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()
        result = page4d(made, "--no-open", "--port", free_port, "-q")
    assert_one_line(result, 2, f"--port {free_port} cannot be used: Address already in use")


def assert_click_looks_through_a_camera(page, made, folder):
    """The frame becomes that camera's; the points lie where its picture has their colours."""
    cameras = view_scene(open_run(made), ViewOptions()).cameras
    page.mouse.click(365, 435)  # the cameras stand together there
    page.get_by_text("(3 of 3)").wait_for(state="hidden")
    page.wait_for_timeout(1500)
    through = screenshot(page, folder / "through.png")
    label = page.get_by_text(re.compile(r"\([12] of 3\)")).inner_text()
    camera = cameras[int(label.split()[1].strip(","))]
    height, width = 700, round(700 * camera.image.shape[1] / camera.image.shape[0])
    picture = np.asarray(Image.fromarray(camera.image).resize((width, height))).astype(int)
    left = (width - 900) // 2
    inside = slice(200, 600), slice(20, 520)
    differences = np.abs(through[:, :900] - picture[:, left : left + 900])[inside].max(-1)
    assert np.median(differences) < 24
    assert frustum_share(through) == 0
    page.mouse.move(300, 400)
    page.mouse.wheel(0, 1500)
    page.wait_for_timeout(1500)
    assert frustum_share(screenshot(page, folder / "away.png")) > 2e-5


def frustum_share(shot):
    """Share of the pixels left of the controls that have the orange of the current camera."""
    return float((np.abs(shot[160:, :520] - (255, 158, 66)).max(-1) < 45).mean())


def faded_in(page, path):
    """What the page shows once the current camera has its colour: the scene comes out of black."""
    for _ in range(60):
        page.wait_for_timeout(500)
        shot = screenshot(page, path)
        if frustum_share(shot) > 2e-5:
            return shot
    raise AssertionError("the page never shows its current camera")


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        (None, None, 101),
        (None, "own", 101),
        (None, "http://evil.example", 403),
        (None, "null", 403),
        (None, "http://127.0.0.1:1", 403),
        ("evil.example", None, 403),
    ],
)
def test_no_other_page_reads_the_served_clip(served, host, origin, status):
    """Foreign pages and names that stand for this machine get neither page nor points."""
    own = f"127.0.0.1:{served}"
    headers = {
        "Host": host or own,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": f"viser-v{version('viser')}",
    }
    if origin is not None:
        headers["Origin"] = f"http://{own}" if origin == "own" else origin
    connection = HTTPConnection("127.0.0.1", served, timeout=20)
    connection.request("GET", "/", headers=headers)
    assert connection.getresponse().status == status
    connection.close()


@pytest.fixture(scope="module")
def served(made):
    """The port of a page that is served for the tests of this module."""
    pytest.importorskip("viser")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["view", str(made), "--no-open", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "page4d_cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stdout.readline().strip() == f"http://127.0.0.1:{port}"
    yield port
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=30)


def test_the_served_page_in_a_browser(made, tmp_path, free_port):
    """It shows the points, follows its slider, and Ctrl-C ends it."""
    pytest.importorskip("viser")
    command = ["view", str(made), "--no-open", "--port", str(free_port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "page4d_cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().strip()
        assert url == f"http://127.0.0.1:{free_port}", server.stderr.read()
        with browser_page(url) as page:
            frame = page.get_by_role("slider").first
            frame.wait_for()
            scene = (slice(160, 700), slice(0, 520))  # left of the controls, below the notice
            first = faded_in(page, tmp_path / "first.png")
            assert len(np.unique(first[scene].reshape(-1, 3), axis=0)) > 1000
            page.locator("input[type=text]:not([role])").nth(0).fill("2")
            page.get_by_text("(3 of 3)").wait_for()
            page.wait_for_timeout(700)
            last = screenshot(page, tmp_path / "last.png")
            assert changed_share(first[scene], last[scene]) > 0.01
            assert_click_looks_through_a_camera(page, made, tmp_path)
    finally:
        server.send_signal(signal.SIGINT)
        stdout, stderr = server.communicate(timeout=30)
    assert (server.returncode, stdout) == (0, "")
    assert stderr.splitlines() == ["28224 points in 3 frames; Ctrl-C ends"]
