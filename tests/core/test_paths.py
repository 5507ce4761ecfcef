import os
from pathlib import Path

import pytest
from camera_paths import read_tum

from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import below, expand_home, require_file, require_plain, require_relative
from page4d_cli.data.clip.images import is_image, read_picture
from page4d_cli.data.clip.video import has_video, iter_frames
from page4d_cli.data.sets.files import read_npy_depth
from page4d_cli.io.run.directory import open_run
from page4d_cli.model.checkpoint import read_checkpoint
from page4d_cli.pipelines.train.config import load_config


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0b", "é" * 128, "\ud800"])
def test_what_is_no_plain_name_is_refused(name):
    with pytest.raises(ValueError):
        require_plain(name)


@pytest.mark.parametrize("name", ["a", "...", ".a", "a b", "a\\b", "é" * 127, "x" * 255])
def test_plain_names_pass(name):
    assert require_plain(name) == name == require_relative(name)


@pytest.mark.parametrize("name", ["/a", "../a", "a/../b", "a/..", "a//b", "a/", ""])
def test_what_leads_out_of_a_folder_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match=r"outside of its folder|no name of a file"):
        require_relative(name)
    with pytest.raises(ValueError, match=r"outside of its folder|no name of a file"):
        below(tmp_path, name)


def test_no_way_leads_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="link is a link"):
        below(tmp_path / "root", "link/a")
    assert below(tmp_path / "root", "link") == tmp_path / "root/link"
    assert below(tmp_path / "root", "new/a") == tmp_path / "root/new/a"


def test_home_is_expanded_and_nobodys_home_stays(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_home("~/o") == "/home/me/o" and expand_home("a~") == "a~"
    assert expand_home("~nobody-of-this-name/o") == "~nobody-of-this-name/o"


def test_files_pass_and_pipes_and_devices_do_not(tmp_path):
    (tmp_path / "file").touch()
    assert require_file(tmp_path / "file") == tmp_path / "file"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(OSError, match="it is a pipe or a device"):
            require_file(path)


@pytest.mark.parametrize(
    "read",
    [
        read_checkpoint,
        read_tum,
        read_picture,
        lambda path: list(iter_frames(path)),
        read_npy_depth,
        lambda path: load_config(str(path)),
    ],
)
def test_no_reader_waits_for_a_pipe(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe"):
        read(tmp_path / "pipe")


def test_a_pipe_is_no_manifest_no_picture_and_no_video(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(InputError, match=r"manifest\.json"):
        open_run(tmp_path)
    assert not is_image(tmp_path / "manifest.json") and not has_video(tmp_path / "manifest.json")
