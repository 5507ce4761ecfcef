"""The paper's training on its own data sets, each written small: what it takes, that it runs."""

import json
from collections import Counter

import numpy as np
import pytest
from paper_data import SMALL, TRAINED, VALIDATED, small_changes, write_paper_data
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.core.errors import DatasetError, InputError, OutputError
from page4d_cli.pipelines.train.available import (
    MissingDataError,
    find_missing,
    only_available,
    require_outside,
)
from page4d_cli.pipelines.train.config import load_config
from page4d_cli.pipelines.train.data_options import DataOptions, DatasetOptions
from page4d_cli.pipelines.train.disk import open_disk_data
from page4d_cli.pipelines.train.loop import run_training
from page4d_cli.pipelines.train.mixture import open_mixture
from page4d_cli.pipelines.train.request import TrainObserver, TrainRequest
from page4d_cli.train.sampling import SamplePlan

SHARES = {  # samples of 48 000 in the original's mixture
    "odyssey": 7000,
    "dynamic-replica": 11000,
    "kubric": 5000,
    "spring": 5000,
    "co3d": 10000,
    "waymo": 10000,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_paper_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(autouse=True)
def _place(tmp_path_factory, monkeypatch, data):
    monkeypatch.setenv("PAGE4D_DATA", str(data))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_it_is_finetune_on_the_papers_data():
    paper, finetune = load_config("paper"), load_config("finetune")
    for key in ("steps", "steps_per_epoch", "batch", "mask", "freeze", "groups", "clip", "loss"):
        assert getattr(paper, key) == getattr(finetune, key)
    weights = Counter()
    for options in paper.data.datasets:
        weights[options.kind.value] += options.weight
    total = sum(weights.values())
    for name, samples in SHARES.items():
        assert weights[name] / total == pytest.approx(samples / 48000)
    assert {name for name, weight in weights.items() if weight == 0} == set(VALIDATED)


def test_every_set_is_read_in_its_share():
    mixture = open_mixture(load_config("paper", small_changes()).data, OnBad.STOP)
    rng = np.random.default_rng(0)
    drawn = Counter()
    for index in rng.integers(len(mixture), size=4000).tolist():
        plan = mixture.training_clip(SamplePlan(index, index))
        kind = plan.source.options.kind.value
        drawn[kind] += 1
        if drawn[kind] <= 2:
            clip, reasons = plan.source.read(
                plan.number, plan.seed, 3, (56, 42), OnBad.STOP, validating=False
            )
            assert reasons == () and clip.images.shape == (3, 3, 42, 56)
            assert (clip.depth > 0).float().mean() > 0.2
    assert {name: count / 4000 for name, count in drawn.items()} == {
        name: pytest.approx(samples / 48000, abs=0.03) for name, samples in SHARES.items()
    }


def test_it_trains_and_validates_on_each_set(small, tmp_path):
    config = load_config(str(small), [*small_changes(), "steps=2", "validate_every=2"])
    notes = []
    state = run_training(
        TrainRequest(config, tmp_path / "run", device="cpu"), TrainObserver(on_note=notes.append)
    )
    assert state.step == 2 and state.bad_steps == 0
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    validated = {line["phase"].removeprefix("val/") for line in lines if line["phase"] != "train"}
    assert validated == {"co3d", *VALIDATED}
    assert all(np.isfinite(line["objective"]) for line in lines)


def test_what_weighs_nothing_is_only_validated_on(data):
    tum = open_disk_data(DatasetOptions(Dataset.TUM, str(data), weight=0), OnBad.STOP)
    assert tum.training == () and len(tum.validation) == 1


def test_what_is_missing_is_listed(monkeypatch, tmp_path, data):
    for name in ("waymo", "co3d", "tum"):
        (tmp_path / "some").mkdir(exist_ok=True)
        (tmp_path / "some" / name).symlink_to(data / name)
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path / "some"))
    paper = load_config("paper").data
    there = {"waymo", "co3d", "tum"}
    assert {one.options.kind.value for one in find_missing(paper)} == {*TRAINED, *VALIDATED} - there
    data_there, missing = only_available(paper)
    assert [options.kind.value for options in data_there.datasets] == ["co3d", "waymo", "tum"]
    assert len(missing) == 8
    result = CliRunner().invoke(app, ["train", "paper", "--out", str(tmp_path / "run")])
    assert result.exit_code == 2 and not (tmp_path / "run").exists()
    assert f"odyssey is not in {tmp_path}/some/odyssey," in result.stderr
    assert "get it at https://spring-benchmark.org" in result.stderr
    assert "8 of 11 data sets are not there" in result.stderr.splitlines()[-1]
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path / "nothing"))
    with pytest.raises(MissingDataError, match=r"11 of 11 .*get some of them"):
        only_available(paper)


def test_it_starts_with_what_is_there(monkeypatch, small, tmp_path, data):
    (tmp_path / "some").mkdir()
    for name in ("kubric", "bonn"):
        (tmp_path / "some" / name).symlink_to(data / name)
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path / "some"))
    config = load_config(str(small), [*small_changes(), "steps=1", "validate_every=1"])
    warnings = []
    state = run_training(
        TrainRequest(config, tmp_path / "run", device="cpu", available=True),
        TrainObserver(on_warning=warnings.append),
    )
    assert state.sequences == ("kubric/scene_0",)
    assert len(warnings) == 9 and warnings[0].startswith("left out: odyssey is not in")


def test_a_file_that_vanishes_while_training_is_replaced_and_counted(tmp_path):
    root = write_paper_data(tmp_path / "own")
    options = DatasetOptions(Dataset.CO3D, str(root), validation_share=0)
    source = open_disk_data(options, OnBad.SKIP)
    (root / "co3d/apple/200_20000_40000/depths/frame000002.jpg.geometric.png").unlink()
    read = {"number": 1, "frames": 4, "size": (56, 42), "validating": False}
    with pytest.raises(DatasetError, match=r"frame000002\.jpg\.geometric\.png: .*--on-bad skip"):
        source.read(seed=0, on_bad=OnBad.STOP, **read)
    clip, reasons = source.read(seed=0, on_bad=OnBad.SKIP, **read)
    assert len(reasons) == 1 and clip.name == "co3d/110_13051_23361"
    options = DatasetOptions(Dataset.WAYMO, str(root))
    source = open_disk_data(options, OnBad.SKIP)
    next((root / "waymo").rglob("*.tfrecord")).unlink()
    with pytest.raises(DatasetError, match=r"10 clips of waymo .*tfrecord: No such file"):
        source.read(seed=0, on_bad=OnBad.SKIP, **read)


def test_a_configuration_may_be_like_another(tmp_path):
    (tmp_path / "own.yaml").write_text("like: smoke\nsteps: 7\nmask: {hold: 1, end: 2}\n")
    own, smoke = load_config(str(tmp_path / "own.yaml")), load_config("smoke")
    assert (own.steps, own.mask.end, own.model) == (7, 2, smoke.model)
    (tmp_path / "loop.yaml").write_text(f"like: {tmp_path}/loop.yaml\n")
    with pytest.raises(InputError, match=r"loop\.yaml is like .*loop\.yaml"):
        load_config(str(tmp_path / "loop.yaml"))
    (tmp_path / "odd.yaml").write_text("like: [smoke]\n")
    with pytest.raises(InputError, match="expected the name of a configuration"):
        load_config(str(tmp_path / "odd.yaml"))


def test_a_run_within_a_data_set_is_refused(small, data, tmp_path):
    for place in ("kubric/run", "kubric/scene_0", "co3d"):
        result = CliRunner().invoke(app, ["train", str(small), "--out", str(data / place)])
        assert result.exit_code == 2
        kind = place.split("/")[0]
        line = result.stderr.splitlines()[-1]
        assert f"{place} lies in {data}/{kind}, where the data set {kind} is; choose an" in line
        assert not (data / "kubric/run").exists() and not (data / "co3d/config.json").exists()
    (tmp_path / "link").symlink_to(data / "kubric")
    paper = load_config("paper").data
    with pytest.raises(OutputError, match="choose an --out outside of it"):
        require_outside(tmp_path / "link/run", paper)
    beside = DataOptions(datasets=(DatasetOptions(Dataset.KUBRIC, str(data)),))
    require_outside(data / "run", beside)  # where data sets lie side by side
