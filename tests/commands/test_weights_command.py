import json
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import HTTPError
from released_weights import released
from safetensors import safe_open
from typer.testing import CliRunner, Result

from page4d_cli.app import app
from page4d_cli.core.enums import Precision, Variant
from page4d_cli.model import hub
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model
from page4d_cli.model.weights import load_model


def page4d(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    save_checkpoint(path, {**state, "track_head.x": torch.ones(2)}, RANDOM_CONFIG, Variant.MASK)
    return path


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_, **__: None)


def test_list_shows_every_name_and_what_is_cached(
    monkeypatch: pytest.MonkeyPatch, small: Path
) -> None:
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda _repo, file, **_: str(small) if file == "checkpoint_mask.pt" else None,
    )
    rows = json.loads(page4d("weights", "list", "--json").stdout)["weights"]
    assert {row["name"]: (row["variant"], row["is_ready"]) for row in rows} == {
        "page4d": ("nomask", False),
        "page4d-mask": ("mask", True),
        "vggt-1b": ("vggt", False),
        "tiny": ("nomask", True),
        "random": ("nomask", True),
    }
    assert rows[1]["bytes"] == small.stat().st_size
    lines = page4d("weights", "list").stdout.splitlines()
    assert len(lines) == 1 + len(rows)  # into a pipe nothing is folded
    assert "zhouk777/PAGE4D/checkpoint_nomask.pt" in lines[1]


@pytest.mark.usefixtures("empty_cache")
def test_download_without_a_network_fails_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise HTTPError("no route")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", refuse)
    result = page4d("weights", "download", "page4d")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: cannot download checkpoint_nomask.pt of the Hub's")
    assert result.stderr.count("\n") == 1


def test_download_prints_where_the_file_is(monkeypatch: pytest.MonkeyPatch, small: Path) -> None:
    monkeypatch.setattr(hub, "cached_path", lambda _file: small)
    assert page4d("weights", "download", "vggt-1b").stdout == f"{small}\n"
    answer = json.loads(page4d("weights", "download", "vggt-1b", "--json").stdout)
    assert answer == {"name": "vggt-1b", "path": str(small), "bytes": small.stat().st_size}


@pytest.mark.parametrize(
    ("name", "message"), [("random", "needs no download"), ("nobody", "'nobody' is no name")]
)
def test_download_of_what_has_no_file_names_what_has(name: str, message: str) -> None:
    result = page4d("weights", "download", name)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "weights to download: page4d, page4d-mask, vggt-1b" in result.stderr


def test_check_tells_what_a_file_holds(small: Path) -> None:
    result = page4d("weights", "check", small)
    assert result.exit_code == 0
    for text in (
        "mask",
        "float32",
        "width 64, 4 layers",
        "1 track_head tensors",
        "loads       yes",
    ):
        assert text in result.stdout
    report = json.loads(page4d("weights", "check", small, "--json").stdout)
    model = load_model(small, device="cpu", precision=Precision.FP32)
    assert report["sha256"] == model.info.sha256
    assert report["parameters"] == sum(p.numel() for p in model.parameters())
    assert report["tensors"] == len(model.state_dict()) == report["dtypes"]["float32"]
    assert (report["variant"], report["ignored"]) == ("mask", ["track_head.x"])


def test_check_lists_everything_that_differs_and_exits_2(tmp_path: Path) -> None:
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    gone = list(state)[10:20]
    for name in gone:
        del state[name]
    path = tmp_path / "gaps.safetensors"
    save_checkpoint(path, state, RANDOM_CONFIG, Variant.MASK)
    result = page4d("weights", "check", path)
    assert result.exit_code == 2
    assert all(name in result.stdout for name in gone)
    assert "error: it does not fit the network: 10 missing" in result.stderr
    report = json.loads(page4d("weights", "check", path, "--json").stdout)
    assert report["missing"] == gone


def test_check_finds_values_that_are_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    state["depth_head.norm.weight"][0] = torch.nan
    save_checkpoint(path, state, RANDOM_CONFIG, Variant.MASK)
    result = page4d("weights", "check", path)
    assert result.exit_code == 2 and "depth_head.norm.weight" in result.stdout
    assert "1 tensor with values that are not finite" in result.stdout + result.stderr
    report = json.loads(page4d("weights", "check", path, "--json").stdout)
    assert report["non_finite"] == ["depth_head.norm.weight"]


def test_check_of_an_unnamed_checkpoint_asks_for_its_variant(tmp_path: Path) -> None:
    torch.save(released(), tmp_path / "mine.pt")
    result = page4d("weights", "check", tmp_path / "mine.pt")
    assert result.exit_code == 2
    assert "--variant nomask or --variant mask" in result.stderr
    assert page4d("weights", "check", tmp_path / "mine.pt", "--variant", "mask").exit_code == 0


def test_convert_to_bf16_changes_nothing_for_a_run_in_bf16(small: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.safetensors"
    result = page4d("weights", "convert", small, new, "--dtype", "bf16")
    assert (result.exit_code, result.stdout) == (0, f"{new}\n")
    assert "left out 1 track_head tensors" in result.stderr
    before, after = (
        load_model(path, device="cpu", precision=Precision.BF16).state_dict()
        for path in (small, new)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert new.stat().st_size < small.stat().st_size
    with safe_open(new, "pt") as file:
        assert file.metadata()["page4d.variant"] == "mask"


def test_convert_reads_a_training_checkpoint_and_keeps_its_numbers(tmp_path: Path) -> None:
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    source, new = tmp_path / "small.safetensors", tmp_path / "new.safetensors"
    save_checkpoint(source, state, RANDOM_CONFIG, Variant.NOMASK)
    answer = json.loads(page4d("weights", "convert", source, new, "--json").stdout)
    assert (answer["variant"], answer["bytes"]) == ("nomask", new.stat().st_size)
    copy = load_model(new, device="cpu", precision=Precision.FP32).state_dict()
    assert all(torch.equal(copy[name], state[name]) for name in state)


def test_convert_never_overwrites_unasked(small: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.safetensors"
    new.write_bytes(b"precious")
    result = page4d("weights", "convert", small, new)
    assert result.exit_code == 2
    assert "exists; name another file, or pass --overwrite" in result.stderr
    assert new.read_bytes() == b"precious"
    assert page4d("weights", "convert", small, new, "--overwrite").exit_code == 0
    assert page4d("weights", "check", new).exit_code == 0


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("new.pt", "must end in .safetensors"),
        ("absent/new.safetensors", "is no directory; create it first"),
        ("folder.safetensors", "is a directory"),
    ],
)
def test_convert_refuses_places_that_cannot_be(
    small: Path, tmp_path: Path, destination: str, message: str
) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    result = page4d("weights", "convert", small, tmp_path / destination)
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")


def test_convert_refuses_what_does_not_load_and_writes_nothing(tmp_path: Path) -> None:
    torch.save({"resnet.weight": torch.ones(2)}, tmp_path / "resnet.pt")
    result = page4d("weights", "convert", tmp_path / "resnet.pt", tmp_path / "new.safetensors")
    assert result.exit_code == 2
    assert "only weights that load can be converted" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["resnet.pt"]


@pytest.mark.parametrize("command", ["list", "download", "check", "convert"])
def test_every_help_carries_an_example(command: str) -> None:
    result = page4d("weights", command, "-h")
    assert result.exit_code == 0
    assert f"page4d weights {command}" in result.stdout.split("For example")[1]


def test_the_group_alone_shows_its_commands() -> None:
    result = page4d("weights")
    assert result.exit_code == 2
    assert "convert" in result.output
