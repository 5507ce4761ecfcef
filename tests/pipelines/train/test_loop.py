"""Training for real, with a network of a few thousand parameters."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from support import oracle_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from page4d_cli.core.errors import InputError, OutputError, Page4DError, WriteError
from page4d_cli.model.network import Page4D
from page4d_cli.model.weights import load_model
from page4d_cli.pipelines.train import checkpoints
from page4d_cli.pipelines.train.config import load_config
from page4d_cli.pipelines.train.loop import BEST, run_training
from page4d_cli.pipelines.train.request import TrainObserver, TrainRequest

ROOT = Path(__file__).parents[3]
SMALL = [
    "steps=6",
    "steps_per_epoch=4",
    "model.image_size=56",
    "batch.max_images=4",
    "batch.images_per_sample=[2,2]",
    "data.validation_scenes=2",
    "validate_every=6",
    "save_every=2",
    "mask.hold=2",
    "mask.end=4",
]


def small(*changes):
    return load_config("smoke", [*SMALL, *changes])


def train(out, *changes, **request):
    return run_training(TrainRequest(small(*changes), out, device="cpu", **request))


def curve(out):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["phase"] == "train"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    train(out)
    return out


def test_a_run_leaves_checkpoints_curves_and_the_best(whole):
    assert [path.name for path in sorted((whole / "checkpoints").iterdir())] == [
        "step_00000004",
        "step_00000006",
    ]
    assert len(curve(whole)) == 6
    assert {"objective", "loss_T", "loss_grad_point", "lr/all", "grad_norm/all"} <= curve(whole)[
        0
    ].keys()
    assert [line["mask_strength"] for line in curve(whole)] == [1, 1, 1, 0.5, 0, 0]
    board = EventAccumulator(str(whole / "tensorboard")).Reload()
    tags = set(board.Tags()["scalars"])
    assert {"Values/train/loss_objective", "Values/train/loss_conf_depth", "Optim/all/lr"} <= tags
    assert {"Optim/all/weight_decay", "Optim/where", "Values/val/synthetic/abs_rel"} <= tags
    logged = [event.value for event in board.Scalars("Values/train/loss_objective")]
    assert logged == pytest.approx([line["objective"] for line in curve(whole)], rel=1e-6)


def test_checkpoints_load_as_weights(whole):
    for path in (whole / BEST, whole / "checkpoints/step_00000006/model.safetensors"):
        model = load_model(path, device="cpu")
        assert model.config.image_size == 56 and model.mask_strength == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_stopped_and_resumed_equals_uninterrupted(whole, tmp_path, workers):
    """Step for step, whatever the run did after its last checkpoint."""
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_until(out, 3)
    assert checkpoints.latest(out).name == "step_00000002"
    train(out, f"workers={workers}", resume=True)
    assert curve(out) == curve(whole)
    ends = [run / "checkpoints/step_00000006/model.safetensors" for run in (out, whole)]
    states = [load_model(path, device="cpu", precision="fp32").state_dict() for path in ends]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])


def run_until(out, step, *changes):
    def interrupt(report):
        if report.step == step:
            raise KeyboardInterrupt

    request = TrainRequest(small(*changes), out, device="cpu")
    run_training(request, TrainObserver(on_result=interrupt))


def test_killed_and_resumed_on_the_command_line(whole, tmp_path):
    """kill -9 in the middle, as a cluster does it."""
    out = tmp_path / "run"
    command = [sys.executable, "-m", "page4d_cli", "train", "smoke", *SMALL, "--device", "cpu"]
    started = subprocess.Popen([*command, "--out", str(out)], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while checkpoints.latest(out) is None:
        assert started.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    started.send_signal(signal.SIGKILL)
    started.wait()
    done = subprocess.run(
        [*command, "--out", str(out), "--resume"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert curve(out) == curve(whole)


ABSOLUTE_POSE = (
    "data.recipe.room_seed=0",
    "loss.absolute_pose={layers: [1, 3], weight: 3.0}",
    "loss.places={layers: [2], weight: 1.0}",
    "dense_frames=1",
    "batch.images_per_sample=[2,3]",
    "batch.max_images=6",
)


def test_absolute_poses_are_learned_resumed_and_left_behind(tmp_path):
    train(tmp_path / "whole", *ABSOLUTE_POSE)
    with pytest.raises(KeyboardInterrupt):
        run_until(tmp_path / "parts", 3, *ABSOLUTE_POSE)
    train(tmp_path / "parts", *ABSOLUTE_POSE, resume=True)
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    for line in curve(tmp_path / "whole"):
        assert line["loss_absolute_pose"] > 0 and line["loss_places"] > 0
    load_model(tmp_path / "whole" / BEST, device="cpu")  # strict: nothing of the head is left


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("loss.absolute_pose={layers: [1]}", "one room; give data.recipe.room_seed"),
        ("dense_frames=0", "dense_frames is 0; give 1 or more"),
    ],
)
def test_choices_that_cannot_work_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        small(change)


def test_learning_happens(tmp_path):
    out = tmp_path / "run"
    train(out, "steps=40", "save_every=100", "validate_every=100", "steps_per_epoch=1")
    objective = [line["objective"] for line in curve(out)]
    assert sum(objective[-5:]) < 0.8 * sum(objective[:5])


def test_parts_of_a_batch_give_the_same_step(tmp_path):
    """Gradient accumulation over samples of equal weight is the whole batch's gradient."""
    first = []
    for name, parts in (("one", 1), ("two", 2)):
        train(tmp_path / name, f"accumulate={parts}", "steps=1", "validate_every=9")
        first.append(curve(tmp_path / name)[0])
    assert first[1]["grad_norm/all"] == pytest.approx(first[0]["grad_norm/all"], rel=1e-4)
    assert first[1]["objective"] == pytest.approx(first[0]["objective"], rel=1e-5)


def test_checkpointed_activations_give_the_same_gradients(whole, tmp_path):
    train(tmp_path / "run", "checkpoint_activations=true", "steps=6")
    for ours, plain in zip(curve(tmp_path / "run"), curve(whole), strict=True):
        assert ours["objective"] == pytest.approx(plain["objective"], rel=1e-4)


def test_a_changed_configuration_is_refused_with_the_difference(whole):
    with pytest.raises(InputError, match=r"seed: 42 then, 7 now.*--allow-changes"):
        train(whole, "seed=7", resume=True)


def test_a_place_that_is_not_empty_is_refused(whole):
    with pytest.raises(OutputError, match="not empty; --resume"):
        train(whole)


def test_init_from_is_strict(whole, tmp_path):
    path = whole / BEST
    train(tmp_path / "same", f"init_from={path}", "steps=1", "validate_every=9")
    with pytest.raises(InputError, match=r"init_from: .*another network, width 32 where 64"):
        train(
            tmp_path / "wider", f"init_from={path}", "model.width=64", "model.patch_embed.width=64"
        )


def test_init_from_is_looked_at_before_anything_is_built(tmp_path, monkeypatch):
    from page4d_cli.pipelines.train import loop, setup

    monkeypatch.setattr(setup, "random_model", None)
    monkeypatch.setattr(loop, "open_mixture", None)
    with pytest.raises(InputError, match="neither a name nor a file"):
        train(tmp_path / "new", "init_from=nowhere.safetensors")


def test_a_loss_that_is_not_finite_is_skipped_then_ends_the_run(tmp_path, monkeypatch):
    from page4d_cli.pipelines.train import batches

    original = batches.make_batch

    def poisoned(config, plans, *arguments, **options):
        batch = original(config, plans, *arguments, **options)
        if options.get("augmented", True):
            batch.batch.images.fill_(float("nan"))
        return batch

    monkeypatch.setattr(batches, "make_batch", poisoned)
    with pytest.raises(
        Page4DError, match=r"step 2: the loss is not finite with synthetic/\d+.*bad step 3"
    ):
        train(tmp_path / "run", "max_bad_steps=2")
    assert [line["bad_steps"] for line in curve(tmp_path / "run")] == [1, 2]


def test_a_worker_that_dies_ends_the_run_in_one_line(tmp_path, monkeypatch):
    """As the kernel kills it when memory runs out."""
    from page4d_cli.pipelines.train import batches

    original = batches.make_batch

    def dies(config, plans, *arguments, **options):
        if torch.utils.data.get_worker_info() is not None and len(plans) and marker.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        marker.touch()
        return original(config, plans, *arguments, **options)

    marker = tmp_path / "one batch was made"
    monkeypatch.setattr(batches, "make_batch", dies)
    with pytest.raises(Page4DError, match=r"prepares batches died at step \d.*--resume") as caught:
        train(tmp_path / "run", "workers=1")
    assert caught.value.exit_code == 1 and "\n" not in str(caught.value).strip()


def test_an_error_inside_a_worker_is_not_taken_for_its_death(tmp_path, monkeypatch):
    from page4d_cli.pipelines.train import batches

    def fails(*_arguments, **_options):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(batches, "make_batch", fails)
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(tmp_path / "run", "workers=1")


def test_a_full_disk_leaves_the_previous_checkpoint_whole(tmp_path, monkeypatch):
    original = torch.save
    calls = []

    def fails_the_second_time(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return original(*arguments, **options)

    monkeypatch.setattr(torch, "save", fails_the_second_time)
    with pytest.raises(WriteError, match="No space left"):
        train(tmp_path / "run")
    assert [p.name for p in (tmp_path / "run/checkpoints").iterdir()] == ["step_00000002"]
    assert checkpoints.read_state(checkpoints.latest(tmp_path / "run")).step == 2


def test_resuming_in_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/log.jsonl").write_text('{"mine": 1}\n')
    with pytest.raises(OutputError, match="holds no run that could be resumed"):
        train(tmp_path / "run", resume=True)
    assert (tmp_path / "run/log.jsonl").read_text() == '{"mine": 1}\n'


@pytest.mark.parametrize("resume", [False, True])
def test_what_a_kill_left_before_the_first_file_is_no_run(tmp_path, resume):
    (tmp_path / "run/.config.json.partial").mkdir(parents=True)
    train(tmp_path / "run", resume=resume)
    assert checkpoints.latest(tmp_path / "run").name == "step_00000006"


def test_a_run_without_a_checkpoint_yet_is_resumed_with_its_configuration(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_until(tmp_path / "run", 1)
    assert checkpoints.latest(tmp_path / "run") is None
    with pytest.raises(InputError, match="seed: 42 then, 7 now"):
        train(tmp_path / "run", "seed=7", resume=True)
    assert train(tmp_path / "run", "steps=6", resume=True).step == 6


def copy_of(whole, tmp_path):
    return Path(shutil.copytree(whole, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["steps=3"], "has done 6 steps; steps=3 is less"),
        (["steps=9", "freeze=[camera_head.*]"], "frozen parameters are others now.*--init-from"),
        (["steps=9", "model.camera_head.trunk_depth=2"], "of another network.*--init-from"),
    ],
)
def test_changes_that_cannot_be_resumed_are_one_line(changes, message, whole, tmp_path):
    with pytest.raises(InputError, match=message):
        train(copy_of(whole, tmp_path), *changes, resume=True, allow_changes=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda p: p.unlink(),
        lambda p: p.write_bytes(b""),
        lambda p: p.write_bytes(p.read_bytes()[:999]),
        lambda p: p.write_bytes(b"words"),
        lambda p: torch.save({}, p),
        lambda p: torch.save([1], p),
        lambda p: torch.save({"optimizer": 3}, p),
        lambda p: torch.save({"optimizer": {"param_groups": 3, "state": None}}, p),
    ],
)
def test_a_damaged_optimiser_state_is_named(damage, whole, tmp_path):
    run = copy_of(whole, tmp_path)
    damage(run / "checkpoints/step_00000006/optimizer.pt")
    with pytest.raises(InputError, match=r"optimizer.pt is missing or damaged; remove .*000006"):
        train(run, resume=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": "6"}', "[" * 10000, '{"stepp": 6}'])
def test_a_damaged_state_is_named(text, whole, tmp_path):
    run = copy_of(whole, tmp_path)
    (run / "checkpoints/step_00000006/state.json").write_text(text)
    with pytest.raises(InputError, match=r"state\.json") as caught:
        train(run, resume=True)
    assert "\n" not in str(caught.value)


def test_a_disk_that_is_full_for_torch_is_one_line(tmp_path):
    """Torch does not say OSError; a limit on the size of files is as good as a full disk."""
    torch.manual_seed(0)
    model = Page4D(oracle_config())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = sum(tensor.nbytes for tensor in model.state_dict().values())
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size, hard))
    try:
        with pytest.raises(
            WriteError, match=r"cannot write .*step_00000001: .*free some"
        ) as caught:
            checkpoints.save(
                tmp_path,
                model,
                {"optimizer": torch.zeros(size)},
                checkpoints.TrainState(step=1),
                mask_strength=0,
                keep_last=1,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_full_disk_at_resuming_keeps_the_log(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run_until(tmp_path / "run", 3)
    before = (tmp_path / "run/log.jsonl").read_text()
    original = Path.write_text

    def full(path, *arguments, **options):
        if "log.jsonl" in path.name:
            original(path, "")
            raise OSError(28, "No space left on device")
        return original(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(WriteError, match="No space left"):
        train(tmp_path / "run", resume=True)
    assert (tmp_path / "run/log.jsonl").read_text() == before != ""
