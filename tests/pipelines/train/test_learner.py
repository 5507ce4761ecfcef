import pytest
import torch

from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model
from page4d_cli.pipelines.train.learner import Learner
from page4d_cli.train.losses.absolute_pose import AbsolutePoseOptions
from page4d_cli.train.losses.dense import DepthLossOptions, PointLossOptions
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.places import PlacesOptions


def absolute_pose(*layers):
    return {"absolute_pose": AbsolutePoseOptions(layers)}


@pytest.fixture
def images():
    return torch.rand(2, 3, 3, 28, 42, generator=torch.Generator().manual_seed(0))


def test_without_losses_that_need_a_head_it_is_the_network(images):
    network = random_model(RANDOM_CONFIG, 0)
    learner = Learner(network, LossOptions().losses, seed=0)
    outputs, expected = learner(images, mask_strength=1.0), network(images, mask_strength=1.0)
    assert outputs.keys() == expected.keys()
    assert torch.equal(outputs["depth"], expected["depth"])
    names = dict(network.named_parameters()).keys()
    assert dict(learner.named_parts.named_parameters()).keys() == names


def test_heads_whose_loss_is_off_are_not_run(images):
    options = LossOptions(depth=DepthLossOptions(weight=0), point=PointLossOptions(weight=0))
    outputs = Learner(random_model(RANDOM_CONFIG, 0), options.losses, seed=0)(
        images, mask_strength=1.0
    )
    assert "pose_enc_list" in outputs
    assert not outputs.keys() & {"depth", "depth_conf", "world_points", "world_points_conf"}


def test_the_absolute_pose_reaches_the_layers_up_to_its_own(images):
    learner = Learner(random_model(RANDOM_CONFIG, 0), absolute_pose(1), seed=0)
    outputs = learner(images, mask_strength=0.0)
    (poses,) = outputs["training_heads"]["absolute_pose"]
    assert poses.shape == (2, 3, 12)
    poses.sum().backward()
    blocks = learner.network.aggregator.global_blocks
    assert [block.attn.qkv.weight.grad is not None for block in blocks] == [
        True,
        True,
        False,
        False,
    ]


def test_each_layer_is_asked_for_its_pose_and_for_the_places_of_its_patches(images):
    losses = absolute_pose(0, 3) | {"places": PlacesOptions((1, 2))}
    learner = Learner(random_model(RANDOM_CONFIG, 0), losses, seed=0)
    said = learner(images, mask_strength=0.0)["training_heads"]
    assert [tuple(poses.shape) for poses in said["absolute_pose"]] == [(2, 3, 12)] * 2
    # 28 by 42 pixels are two by three patches.
    assert [tuple(places.shape) for places in said["places"]] == [(2, 3, 6, 6)] * 2
    assert not torch.equal(*said["places"])


def test_names_under_one_roof_are_the_networks_own_and_the_heads():
    network = random_model(RANDOM_CONFIG, 0)
    named = dict(Learner(network, absolute_pose(0), seed=0).named_parts.named_parameters())
    extra = named.keys() - dict(network.named_parameters()).keys()
    assert extra == {"absolute_pose_head.maps.0.weight", "absolute_pose_head.maps.0.bias"}
    assert all(named[name] is parameter for name, parameter in network.named_parameters())


def test_the_heads_weights_follow_the_seed_and_leave_the_global_one_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    network = random_model(RANDOM_CONFIG, 0)
    heads = [Learner(network, absolute_pose(0), seed).heads["absolute_pose"] for seed in (1, 1, 2)]
    assert torch.equal(torch.rand(1), expected)
    weights = [head.maps["0"].weight for head in heads]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
