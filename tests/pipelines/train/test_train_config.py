import pytest

from page4d_cli.core.errors import InputError
from page4d_cli.pipelines.train.config import (
    TrainConfig,
    config_from_json,
    config_to_json,
    differences,
    load_config,
    shipped_configs,
)


@pytest.mark.parametrize("name", list(shipped_configs()))
def test_shipped_configurations_load_and_survive_json(name):
    config = load_config(name)
    assert config_from_json(config_to_json(config)) == config
    assert shipped_configs()[name]


def test_overrides_come_last():
    config = load_config("smoke", ["steps=7", "batch.max_images=3", "model.depth=5", "color=null"])
    assert (config.steps, config.batch.max_images, config.color) == (7, 3, None)
    change = "groups[0].learning_rate.pieces[1].end=0.5"
    assert load_config("smoke", [change]).groups[0].learning_rate(1) == 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("stepps=3", "key 'stepps'.*Did you mean: 'steps'"),
        ("batch.images=1", "key 'batch.images'"),
        ("loss.camera.wait=1", "key 'loss.camera.wait'"),
        ("steps=many", "steps is 'many', expected a whole number"),
        ("steps=0", "steps is 0; give 1 or more"),
        ("model.width=100", "heads of a multiple of 4"),
        ("loss.camera.norm=l3", "expected one of 'l1', 'l2'"),
        ("checkpoint_activations=3", "expected true or false"),
        ("groups[7].name=a", "."),
        ("loss.absolute_pose.weight=2", r"loss.absolute_pose is off; give '.*=\{weight: \.\.\.\}'"),
        ("data.room.a=3", "key 'data.room"),
        ("batch=3", "batch"),
    ],
)
def test_what_is_not_allowed_is_named(change, says):
    with pytest.raises(InputError, match=rf"configuration smoke: .*{says}"):
        load_config("smoke", [change])


def test_a_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("steps: 3\nmask: {hold: 1, end: 2}\n")
    assert load_config(str(tmp_path / "mine.yaml")).mask(0) == 1
    with pytest.raises(InputError, match="neither shipped"):
        load_config(str(tmp_path / "none.yaml"))
    (tmp_path / "bad.yaml").write_text("steps: [3\n")
    with pytest.raises(InputError, match=r"bad\.yaml"):
        load_config(str(tmp_path / "bad.yaml"))


def test_differences_are_listed_key_by_key():
    before, after = TrainConfig(), TrainConfig(steps=2, freeze=("a",))
    assert differences(before, before) == []
    assert differences(before, after) == [
        "freeze: [] then, None now",
        "freeze[0]: None then, a now",
        "steps: 1000 then, 2 now",
    ]


def test_what_learning_does_not_depend_on_may_change_in_a_run():
    before = load_config("smoke")
    assert differences(before, load_config("smoke", ["workers=3", "on_bad=skip"])) == []


def test_finetune_is_the_papers():
    """Which parameters learn, and how fast, at the points that the original was evaluated at."""
    import torch

    from page4d_cli.model.network import Page4D
    from page4d_cli.train.parameters import freeze, optimiser_groups

    config = load_config("finetune")
    with torch.device("meta"):
        model = Page4D(config.model)
    freeze(model, config.freeze)
    groups = optimiser_groups(model, config.groups)
    assert [len(group["params"]) for group in groups] == [6, 180, 180]
    assert [group["weight_decay"] for group in groups] == [0.02, 0.01, 0.01]
    points = (0, 0.01, 0.05, 0.10, 0.15, 0.50, 0.99)
    head = [1e-8, 1.3427e-6, 6.6733e-6, 1.33367e-5, 2e-5, 1.27403e-5, 1.6826e-8]
    blocks = [1e-8, 2.008e-6, 1e-5, 9.93187e-6, 9.72936e-6, 5.41748e-6, 1.2731e-8]
    for group, expected in zip(config.groups, (head, blocks, blocks), strict=True):
        assert [group.learning_rate(w) for w in points] == pytest.approx(expected, rel=1e-4)
    assert (config.mask(2999), config.mask(4000), config.mask(5000)) == (1, pytest.approx(0.5), 0)
    loss = config.loss
    assert (loss.camera.weight, loss.depth.weight, loss.point.weight) == (5, 1, 1)
