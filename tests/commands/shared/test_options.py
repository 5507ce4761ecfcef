import pytest
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.commands.shared.flags import Flags
from page4d_cli.commands.shared.options import in_words
from page4d_cli.core.enums import Fit, Link
from page4d_cli.data.clip.choice import FrameChoice


@pytest.mark.parametrize(
    "words",
    [
        ["infer", "~/no", "--out", "x"],
        ["export", "~/no", "--format", "ply", "--out", "x"],
        ["motion", "~/no"],
        ["eval-pose", "~/no", "--gt", "~/no"],
        ["eval-depth", "--dataset", "tum", "--root", "~/no", "--preds", "x"],
        ["check-data", "tum", "--root", "~/no"],
        ["prepare-tum", "~/no"],
        ["compare", "~/no", "~/no"],
        ["weights", "check", "~/no"],
        ["train", "~/no", "--out", "x"],
    ],
)
def test_home_is_understood_in_every_path(words, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and f"{tmp_path}/home/no" in result.stderr, result.stderr


def test_no_weights_are_one_line():
    result = CliRunner().invoke(app, ["infer", "frames", "--out", "x", "--weights", ""])
    assert result.exit_code == 2 and "no weights were named" in result.stderr


def test_a_field_of_a_choice_cannot_lack_its_option():
    with pytest.raises(TypeError, match="FrameChoice has the fields"):
        Flags(FrameChoice, fit=None)


def test_help_of_a_choice_says_what_each_member_means():
    assert in_words(Link).startswith("copy: a file of its own. hard: a second name")
    assert all(f"{each.value}: " in in_words(Fit) for each in Fit)
