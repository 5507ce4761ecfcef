"""Freezing, groups and clipping, on the released recipe and on a toy."""

from collections.abc import Sequence

import pytest
import torch
from torch import nn
from train_support import released_rate

from page4d_cli.core.errors import InputError
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.network import Page4D
from page4d_cli.train.parameters import (
    GradientClipOptions,
    GroupOptions,
    clip_gradients,
    find_gradient_clips,
    freeze,
    optimiser_groups,
    set_learning_rates,
    trainable_parameters,
)

FROZEN = (
    "aggregator.patch_embed.*",
    "aggregator.camera_token",
    "aggregator.register_token",
    *(
        f"aggregator.{kind}_blocks.{index}.*"
        for kind in ("frame", "global")
        for index in ("[0-9]", "2[0-3]")
    ),
    "camera_head.*",
    "depth_head.*",
    "point_head.*",
)
MASK_RATE, BLOCK_RATE = released_rate(2e-5, 0.15), released_rate(1e-5, 0.05)
GROUPS = (
    GroupOptions("mask", ("aggregator.spatial_mask_head.*",), MASK_RATE, 0.02),
    GroupOptions("frame", ("aggregator.frame_blocks.*",), BLOCK_RATE),
    GroupOptions("global", ("aggregator.global_blocks.*",), BLOCK_RATE),
)


@pytest.fixture(scope="module")
def network() -> nn.Module:
    with torch.device("meta"):
        model = Page4D(ModelConfig())
    freeze(model, FROZEN)
    return model


def test_the_released_recipe_trains_blocks_10_to_19_and_the_mask_head(network: nn.Module) -> None:
    names = list(trainable_parameters(network))
    assert len(names) == 20 * 18 + 6
    prefixes = {".".join(name.split(".")[:3]) for name in names}
    assert prefixes == {"aggregator.spatial_mask_head.head0"} | {
        f"aggregator.{kind}_blocks.{i}" for kind in ("frame", "global") for i in range(10, 20)
    }


def test_groups_of_the_released_recipe(network: nn.Module) -> None:
    groups = optimiser_groups(network, GROUPS)
    assert [len(group["params"]) for group in groups] == [6, 180, 180]
    assert [group["weight_decay"] for group in groups] == [0.02, 0.01, 0.01]
    assert [group["lr"] for group in groups] == [1e-8] * 3
    optimiser = torch.optim.AdamW(groups)
    assert not any(p.requires_grad is False for g in optimiser.param_groups for p in g["params"])
    set_learning_rates(optimiser, GROUPS, 0.1)
    rates = [group["lr"] for group in optimiser.param_groups]
    assert rates == pytest.approx([1.33367e-5, 9.93187e-6, 9.93187e-6], rel=5e-5)


def test_clipping_of_the_released_recipe_leaves_out_frozen_heads(network: nn.Module) -> None:
    options = [
        GradientClipOptions("aggregator", ("aggregator.*",)),
        GradientClipOptions("depth", ("depth_head.*",)),
    ]
    (entry,) = find_gradient_clips(network, options)
    assert entry.name == "aggregator"
    assert len(entry.parameters) == 366


class Toy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2, bias=False)


def test_freezing_switches_gradients_off_and_says_what() -> None:
    toy = Toy()
    assert freeze(toy, ["*.bias", "second.*"]) == ("first.bias", "second.weight")
    assert list(trainable_parameters(toy)) == ["first.weight"]


def test_freezing_nothing_or_everything_is_refused() -> None:
    with pytest.raises(InputError, match=r"'third\.\*' matches none of 3 .* begin with first, sec"):
        freeze(Toy(), ["first.bias", "third.*"])
    with pytest.raises(InputError, match=r"'First\.\*'"):  # case counts
        freeze(Toy(), ["First.*"])
    with pytest.raises(InputError, match="nothing to train"):
        freeze(Toy(), ["*"])


def test_a_pattern_that_does_not_match_freezes_nothing() -> None:
    toy = Toy()
    with pytest.raises(InputError):
        freeze(toy, ["first.*", "third.*"])
    assert len(trainable_parameters(toy)) == 3


def group(name: str, *patterns: str) -> GroupOptions:
    return GroupOptions(name, patterns, BLOCK_RATE)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([group("a", "first.*")], "1 trainable .* in no group, the first is 'second.weight'"),
        ([group("a", "*"), group("b", "second.*")], "'second.weight' is in group 'a' and in group"),
        ([group("a", "*"), group("b", "third.*")], r"group 'b': pattern 'third\.\*' matches none"),
    ],
)
def test_groups_must_cover_everything_once(groups: Sequence[GroupOptions], message: str) -> None:
    with pytest.raises(InputError, match=message):
        optimiser_groups(Toy(), groups)


def test_a_group_of_frozen_parameters_only_is_refused() -> None:
    toy = Toy()
    freeze(toy, ["second.*"])
    with pytest.raises(InputError, match=r"group 'b': pattern 'second\.\*' matches none of 2"):
        optimiser_groups(toy, [group("a", "first.*"), group("b", "second.*")])


def test_each_entry_is_clipped_by_its_joint_norm() -> None:
    toy = Toy()
    toy.first.weight.grad = torch.tensor([[3.0, 0], [0, 0]])
    toy.first.bias.grad = torch.tensor([0.0, 4.0])
    toy.second.weight.grad = torch.tensor([[0.3, 0], [0, 0]])
    entries = find_gradient_clips(
        toy, [GradientClipOptions("1", ("first.*",)), GradientClipOptions("2", ("second.*",))]
    )
    norms = clip_gradients(entries)
    assert {name: norm.item() for name, norm in norms.items()} == pytest.approx({"1": 5, "2": 0.3})
    assert toy.first.weight.grad[0, 0] == pytest.approx(0.6, rel=1e-5)
    assert toy.first.bias.grad[1] == pytest.approx(0.8, rel=1e-5)
    assert toy.second.weight.grad[0, 0] == torch.tensor(0.3)


def test_gradients_that_are_absent_or_not_finite_show_in_the_norm() -> None:
    toy = Toy()
    entries = find_gradient_clips(
        toy, [GradientClipOptions("1", ("first.*",)), GradientClipOptions("2", ("second.*",))]
    )
    toy.second.weight.grad = torch.full((2, 2), torch.inf)
    norms = clip_gradients(entries)
    assert norms["1"] == 0
    assert not norms["2"].isfinite()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([GradientClipOptions("a", ("first.*",))], "1 trainable parameters are in no clip"),
        (
            [GradientClipOptions("a", ("*",)), GradientClipOptions("b", ("*.bias",))],
            "in clip 'a' and in clip 'b'",
        ),
        ([GradientClipOptions("a", ("*", "third"))], "clip 'a': pattern 'third' matches none"),
    ],
)
def test_clipping_must_cover_everything_once(
    options: Sequence[GradientClipOptions], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        find_gradient_clips(Toy(), options)


def test_a_norm_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="max_norm 0 must be above 0"):
        GradientClipOptions("a", ("*",), max_norm=0)
