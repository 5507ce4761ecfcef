import pytest

from page4d_cli.core.paths import below, require_plain, require_relative


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
