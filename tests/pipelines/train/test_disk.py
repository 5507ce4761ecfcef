"""Training from data sets on disk: what is read, what is refused, and the same curve again."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from page4d_cli.core.enums import Dataset, OnBad, SynthLayout
from page4d_cli.core.errors import DatasetError, InputError, OutputError
from page4d_cli.io.whole.lock import locked
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes
from page4d_cli.pipelines.train.batches import make_batch
from page4d_cli.pipelines.train.config import load_config
from page4d_cli.pipelines.train.data_options import DataOptions, DatasetOptions
from page4d_cli.pipelines.train.disk import open_disk_data
from page4d_cli.pipelines.train.loop import run_training
from page4d_cli.pipelines.train.mixture import open_mixture
from page4d_cli.pipelines.train.request import TrainObserver, TrainRequest
from page4d_cli.train.crop import CropOptions
from page4d_cli.train.sampling import SamplePlan

SMALL = [
    "steps=3",
    "steps_per_epoch=2",
    "model.image_size=56",
    "batch.max_images=4",
    "batch.images_per_sample=[2,2]",
    "data.validation_scenes=2",
    "validate_every=3",
    "save_every=1",
]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Three scenes with all that is known about them."""
    root = tmp_path_factory.mktemp("scenes")
    write_scenes(root, SynthOptions(scenes=3, frames=5, size=(64, 48), fps=3.0))
    return root


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """One raw recording in TUM form."""
    root = tmp_path_factory.mktemp("raw")
    write_scenes(root, SynthOptions(frames=6, size=(64, 48), layout=SynthLayout.TUM, fps=10.0))
    return root


def config(root, *changes, kind="synthetic"):
    return load_config(
        "smoke", [*SMALL, f"data.datasets=[{{kind: {kind}, root: {root}}}]", *changes]
    )


def train(configuration, out, **request):
    problems, notes = [], []
    observer = TrainObserver(on_warning=problems.append, on_note=notes.append)
    state = run_training(TrainRequest(configuration, out, device="cpu", **request), observer)
    return state, problems, re.findall(r"validation on (\S+):", " ".join(notes))


def curve(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_clip_from_disk_is_the_scene_it_was_written_from(scenes):
    """World points of all frames lie on the same surfaces: depth, intrinsics and poses agree."""
    data = DatasetOptions(
        Dataset.SYNTHETIC, str(scenes), crop=CropOptions(crop_scales=(0.8, 0.8)), depth_filter=None
    )
    mixture = open_mixture(DataOptions(datasets=(data,)), OnBad.STOP)
    plan = mixture.training_clip(SamplePlan(0, 5))
    clip, replaced = plan.source.read(0, 5, 3, (56, 42), OnBad.STOP, validating=False)
    assert replaced == () and clip.name == "synthetic/scene_000000"
    assert clip.images.shape == (3, 3, 42, 56) and clip.depth.shape == (3, 42, 56)
    torch.testing.assert_close(clip.extrinsics[0], torch.eye(4)[:3])  # its first camera
    points = clip.world_points()
    assert torch.isfinite(points).all()
    for frame in range(3):
        back = points[frame] @ clip.extrinsics[frame, :, :3].T + clip.extrinsics[frame, :, 3]
        torch.testing.assert_close(back[..., 2], clip.depth[frame], rtol=1e-4, atol=1e-4)


def test_training_and_validation_never_share_a_sequence(scenes):
    data = open_disk_data(DatasetOptions(Dataset.SYNTHETIC, str(scenes)), OnBad.STOP)
    names = [[folder.name for folder in part] for part in (data.training, data.validation)]
    assert names == [["scene_000000", "scene_000001"], ["scene_000002"]]
    chosen = DatasetOptions(
        Dataset.SYNTHETIC, str(scenes), sequences=("scene_*",), validation_sequences=("*_000000",)
    )
    data = open_disk_data(chosen, OnBad.STOP)
    assert [folder.name for folder in data.validation] == ["scene_000000"]
    assert len(data.training) == 2


def test_a_mixture_keeps_its_weights(scenes):
    dataset = DatasetOptions(Dataset.SYNTHETIC, str(scenes), weight=3.0)
    mixture = open_mixture(DataOptions((dataset,), synthetic_weight=1.0), OnBad.STOP)
    rng = np.random.default_rng(0)
    plans = [
        mixture.training_clip(SamplePlan(int(i), 0)) for i in rng.integers(len(mixture), size=4000)
    ]
    drawn = sum(plan.source is None for plan in plans)
    assert drawn / len(plans) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("kind", ["synthetic", "tum"])
def test_a_run_on_disk_and_drawn_data_resumes_on_the_same_curve(kind, scenes, raw, tmp_path):
    root = scenes if kind == "synthetic" else raw
    both = config(root, "data.synthetic_weight=1", kind=kind)
    state, problems, scores = train(both, tmp_path / "whole")
    assert state.step == 3 and problems == []
    # The one raw recording is trained on; there is nothing of it to validate on.
    assert scores == ["synthetic"]

    def stop(report):
        if report.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_training(
            TrainRequest(both, tmp_path / "parts", device="cpu"), TrainObserver(on_result=stop)
        )
    train(both, tmp_path / "parts", resume=True)
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


def test_each_data_set_is_validated_on_its_own(tmp_path):
    raw = tmp_path / "raw"
    tum = SynthOptions(2, frames=6, size=(64, 48), layout=SynthLayout.TUM, fps=10.0)
    write_scenes(raw, tum)
    listed = f"data.datasets=[{{kind: tum, root: {raw}, validation_clips: 2}}]"
    changes = [*SMALL, "steps=1", "validate_every=1", "data.synthetic_weight=1", listed]
    single = load_config("smoke", changes)
    state, _, scores = train(single, tmp_path / "run")
    assert scores == ["synthetic", "tum"]
    values = {line["phase"]: line for line in curve(tmp_path / "run")}
    mean = (values["val/synthetic"]["objective"] + values["val/tum"]["objective"]) / 2
    assert state.best_objective == pytest.approx(mean)


def broken_copy(place):
    write_scenes(place, SynthOptions(scenes=3, frames=5, size=(64, 48), fps=3.0))
    bad = place / "scene_000000" / "rgb" / "000002.png"
    bad.write_bytes(b"not a picture")
    return bad


def test_a_broken_file_stops_the_run_by_name(tmp_path):
    bad = broken_copy(tmp_path / "scenes")
    # All five frames of a sample: whichever clip of this scene is drawn holds the broken one.
    every = ["batch.images_per_sample=[5,5]", "batch.max_images=20", "data.validation_frames=2"]
    with pytest.raises(DatasetError, match=rf"{bad.name}.*--on-bad skip"):
        train(config(tmp_path / "scenes", *every), tmp_path / "run")
    state, problems, _ = train(
        config(tmp_path / "scenes", *every, "on_bad=skip"), tmp_path / "other"
    )
    assert state.step == 3 and state.replaced_clips >= len(problems) == 1  # told once
    assert all(bad.name in problem for problem in problems)


@pytest.mark.parametrize(
    ("array", "change", "message"),
    [
        ("intrinsics", np.diag([0.0, 1, 1]), "a focal length that is not positive"),
        ("intrinsics", np.diag([1, np.nan, 1]), "a focal length that is not positive"),
        ("extrinsics", np.diag([-1.0, 1, 1]), "a pose that is no rotation"),
        ("extrinsics", np.eye(3) * 1.06, "a pose that is no rotation"),
    ],
)
def test_cameras_that_would_teach_nonsense_are_refused_by_name(
    scenes, tmp_path, array, change, message
):
    shutil.copytree(scenes / "scene_000001", tmp_path / "scene_000001")
    path = tmp_path / "scene_000001/cameras.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays[array][3] = change @ arrays[array][3]
    np.savez(path, **arrays)
    with pytest.raises(DatasetError, match=rf"frame 3 \(000003\.png\) has {message}; .*check-data"):
        open_disk_data(DatasetOptions(Dataset.SYNTHETIC, str(tmp_path)), OnBad.STOP)


def test_a_clip_without_depth_does_not_spoil_the_average(tmp_path):
    root = tmp_path / "scenes"
    write_scenes(root, SynthOptions(scenes=3, frames=2, size=(64, 48), fps=3.0))
    for path in (root / "scene_000001" / "depth").iterdir():
        np.save(path, np.zeros_like(np.load(path)))
    held_out = "validation_sequences: ['scene_00000[12]'], validation_clips: 2"
    listed = f"data.datasets=[{{kind: synthetic, root: {root}, {held_out}}}]"
    small = ["steps=1", "validate_every=1", "data.validation_frames=2"]
    train(load_config("smoke", [*SMALL, *small, listed]), tmp_path / "run")
    values = curve(tmp_path / "run")[-1]
    assert values["phase"] == "val/synthetic"
    assert np.isfinite([values["objective"], values["abs_rel"], values["delta_1.25"]]).all()


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("{kind: tum, root: /no/such/place}", "/no/such/place is no folder"),
        ("{kind: synthetic, root: ROOT, sequences: [walk*]}", r"no sequence 'walk\*'; there are 3"),
        ("{kind: tum, root: ROOT}", "no sequence of tum in ROOT/tum, ROOT; give its folder"),
        ("{kind: tumm, root: ROOT}", "data.datasets.0..kind is 'tumm', expected one of"),
        ("{kind: tum, root: ROOT, wieght: 2}", "wieght is not a known key"),
        ("{kind: tum, root: ROOT, layout: raw}", "no sequence of tum in ROOT/tum, ROOT"),
    ],
)
def test_data_that_cannot_be_used_is_refused_before_anything_starts(
    dataset, message, scenes, tmp_path
):
    with pytest.raises(InputError, match=message.replace("ROOT", str(scenes))):
        change = f"data.datasets=[{dataset.replace('ROOT', str(scenes))}]"
        train(load_config("smoke", [*SMALL, change]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_root_may_hold_the_data_set_by_its_name(tmp_path):
    write_scenes(tmp_path / "all/synthetic", SynthOptions(scenes=2, frames=2, size=(64, 48)))
    opened = [
        open_disk_data(DatasetOptions(Dataset.SYNTHETIC, str(tmp_path / given)), OnBad.STOP)
        for given in ("all", "all/synthetic")
    ]
    assert opened[0].training == opened[1].training != ()


def test_colors_change_in_training_only(scenes):
    configuration = config(scenes)
    mixture = open_mixture(configuration.data, OnBad.STOP)
    plans = mixture.validation_clips()["synthetic"][:2]
    first, second = (make_batch(configuration, plans, 2, 0.75, augmented=False) for _ in range(2))
    assert torch.equal(first.batch.images, second.batch.images)
    changed = make_batch(configuration, plans, 2, 0.75)
    assert not torch.equal(first.batch.images, changed.batch.images)


def test_a_second_run_into_the_same_place_is_refused(scenes, tmp_path):
    with locked(tmp_path / "run"), pytest.raises(OutputError, match="another page4d is writing"):
        train_elsewhere(config(scenes), tmp_path / "run")


def train_elsewhere(configuration, out):
    """In a process of its own: a process may lock what it has locked."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_train_there, (configuration, out))


def _train_there(configuration, out):
    run_training(TrainRequest(configuration, out, device="cpu"))


def test_resuming_on_other_sequences_is_refused(tmp_path):
    write_scenes(tmp_path / "data", SynthOptions(scenes=3, frames=5, size=(64, 48), fps=3.0))
    configuration = config(tmp_path / "data", "steps=2")
    train(configuration, tmp_path / "run")
    shutil.rmtree(tmp_path / "data" / "scene_000001")
    with pytest.raises(InputError, match=r"other sequences \(synthetic/scene_000001\)"):
        train(configuration, tmp_path / "run", resume=True)
    state, *_ = train(configuration, tmp_path / "run", resume=True, allow_changes=True)
    assert state.sequences == ("synthetic/scene_000000",)
