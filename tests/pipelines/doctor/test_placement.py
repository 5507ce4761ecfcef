"""The network and a training step on devices that are not here; and what the watch notices."""

import contextlib
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from train_support import make_batch, replace

from page4d_cli.core.enums import Precision
from page4d_cli.data.synthetic.recipe import SceneRecipe
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.heads.camera import CameraHead
from page4d_cli.model.heads.uv_position import sine_cosine
from page4d_cli.model.layers.primitives import Linear, Mlp
from page4d_cli.model.layers.rotary import rotary_table
from page4d_cli.model.network import Page4D
from page4d_cli.pipelines.doctor.placement import OperationWatch, check_placement, fake_device
from page4d_cli.pipelines.doctor.self_test import SELF_TEST_CONFIG
from page4d_cli.pipelines.train.checkpoints import TrainState
from page4d_cli.pipelines.train.config import TrainConfig
from page4d_cli.pipelines.train.data_options import DataOptions
from page4d_cli.pipelines.train.learner import Learner
from page4d_cli.pipelines.train.request import TrainObserver
from page4d_cli.pipelines.train.setup import Trainee
from page4d_cli.pipelines.train.step import OptimiserStep
from page4d_cli.train.losses.absolute_pose import AbsolutePoseOptions
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.predictions import DensePrediction, Predictions
from page4d_cli.train.normalise import normalise
from page4d_cli.train.parameters import GradientClip, clip_gradients
from page4d_cli.train.schedules import MaskSchedule

CUDA = torch.device("cuda", 0)
SMALL = replace(
    SELF_TEST_CONFIG,
    patch_embed=replace(SELF_TEST_CONFIG.patch_embed, depth=1),
    camera_head=replace(SELF_TEST_CONFIG.camera_head, trunk_depth=1, num_iterations=2),
    spatial_mask=replace(
        SELF_TEST_CONFIG.spatial_mask, source_layer=0, first_layer=1, last_layer=1
    ),
)
"""The smallest that has one of each."""


@pytest.mark.parametrize(
    ("device", "precision"),
    [
        *(("cuda", one) for one in (Precision.BF16, Precision.FP16, Precision.FP32)),
        *(("mps", one) for one in (Precision.FP32, Precision.FP16, Precision.BF16)),
    ],
)
def test_all_is_on_the_device_in_its_format(device, precision):
    placement = check_placement(SMALL, device, precision)
    assert placement.problems == ()
    assert placement.operations > 500 and placement.products > 50


def test_the_full_size_network_is_placed_as_the_small_one():
    placement = check_placement(ModelConfig(), "cuda", Precision.BF16, frames=2, size=(70, 56))
    assert placement.holds and placement.products > 500


def problems_of(precision=Precision.BF16):
    return check_placement(SMALL, "cuda", precision, frames=2).problems


def test_a_number_that_is_read_is_noticed(monkeypatch):
    refine = CameraHead.refine
    monkeypatch.setattr(
        CameraHead, "refine", lambda self, x: refine(self, x * (1 + x.sum().item()))
    )
    assert problems_of() == ("a number is read from the device",)


def test_a_host_tensor_is_noticed(monkeypatch):
    forward = Mlp.forward
    monkeypatch.setattr(
        Mlp, "forward", lambda self, x: forward(self, x * torch.ones(1).to(x.device))
    )
    assert any("has a tensor (1,) on cpu" in problem for problem in problems_of())


def test_tensors_that_meet_on_two_devices_are_noticed(monkeypatch):
    monkeypatch.setattr(nn.SiLU, "forward", lambda _self, x: x + torch.ones(x.shape[-1]))
    assert any("cuda" in problem and "cpu" in problem for problem in problems_of())


def test_a_head_in_half_precision_is_noticed(monkeypatch):
    refine = CameraHead.refine
    monkeypatch.setattr(CameraHead, "refine", lambda self, x: refine(self, x.bfloat16()))
    assert any("computes in torch.bfloat16" in problem for problem in problems_of())


def test_a_product_left_in_full_precision_is_noticed(monkeypatch):
    def careless(x, weight, bias=None):
        return nn.functional.linear(
            x.float(), weight.float(), None if bias is None else bias.float()
        )

    monkeypatch.setattr(Linear, "forward", lambda self, x: careless(x, self.weight, self.bias))
    assert any("multiplies torch.float32" in problem for problem in problems_of())


def test_float64_is_noticed_on_mps(monkeypatch):
    monkeypatch.setattr(nn.SiLU, "forward", lambda _self, x: x.double().sigmoid().float())
    found = check_placement(SMALL, "mps", Precision.FP32, frames=2).problems
    assert any("float64, which MPS lacks" in problem for problem in found)


def test_nothing_fake_is_kept():
    check_placement(SMALL, "cuda", Precision.FP32, frames=2)
    assert rotary_table.cache_info().currsize == sine_cosine.cache_info().currsize == 0


@contextlib.contextmanager
def autocast(dtype):
    """`torch.autocast`, which refuses a device that is not there."""
    if dtype is torch.float32:
        yield
        return
    torch.set_autocast_dtype("cuda", dtype)
    torch.set_autocast_enabled("cuda", True)
    try:
        yield
    finally:
        torch.set_autocast_enabled("cuda", False)
        torch.clear_autocast_cache()


def fake_batch(device, size=(56, 42), frames=3):
    def of(*shape):
        return torch.rand(2, frames, *shape, device=device)

    width, height = size
    depth = of(height, width)
    batch = make_batch(depth, of(height, width, 3), depth > 0, of(3, 4), of(3, 3))
    return batch.to(torch.device(device))


def training(device, dtype):
    """A learner and its steps, whose forward passes are under autocast."""
    loss = LossOptions(absolute_pose=AbsolutePoseOptions(layers=(0,)))
    data = DataOptions(recipe=SceneRecipe(room_seed=0))
    mask = MaskSchedule(1, 2)
    config = TrainConfig(model=SMALL, mask=mask, dense_frames=1, loss=loss, data=data)
    with torch.device(device):
        learner = Learner(Page4D(SMALL), loss.losses, seed=0)
    learner.network.aggregator.patch_embed.mask_token.requires_grad_(False)
    optimizer = torch.optim.AdamW(p for p in learner.parameters() if p.requires_grad)

    def wrapped(*arguments, **options):
        with autocast(dtype):
            return learner(*arguments, **options)

    trainee = Trainee(SimpleNamespace(device=device), learner, wrapped, optimizer, ())
    return trainee, OptimiserStep(config, trainee, TrainState(), TrainObserver())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_training_steps_losses_stay_on_the_device(dtype):
    watch = OperationWatch(CUDA, dtype)
    with fake_device():
        trainee, step = training(CUDA, dtype)
        batch = fake_batch(CUDA)
        step.losses(batch)  # fills the tables that are kept per shape
        with watch, watch.following(trainee.learner, "network."):
            losses = step.losses(batch)
    assert watch.problems == [] and watch.products > 50
    for name, term in losses.terms.items():
        assert term.device == CUDA and term.dtype is torch.float32, name
    assert "loss_absolute_pose" in losses.terms


def test_the_way_back_and_the_optimiser_stay_on_the_device(monkeypatch):
    """On the device `meta`: autograd wants a real CUDA device even for fake tensors."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    meta = torch.device("meta")
    watch = OperationWatch(meta, torch.float32)
    trainee, step = training(meta, torch.float32)
    batch = fake_batch(meta)
    step.losses(batch)
    learning = {n: p for n, p in trainee.learner.named_parameters() if p.requires_grad}
    with watch:
        losses = step.losses(batch)
        losses.objective.backward()
        clip_gradients([GradientClip("all", tuple(learning.values()), 1.0)])
        trainee.optimizer.step()
    assert watch.problems == [] and watch.operations > 1000
    for name, parameter in learning.items():
        assert parameter.grad.device == meta and parameter.grad.dtype is torch.float32, name
    rotary_table.cache_clear()
    sine_cosine.cache_clear()


@pytest.mark.parametrize("options", [LossOptions(), LossOptions.original()])
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_the_losses_stay_on_the_device(device, options):
    """On MPS without float64."""
    watch = OperationWatch(torch.device(device, 0), torch.float32)
    with fake_device():
        batch = fake_batch(device)
        encodings = tuple(torch.rand(2, 3, 9, device=device) for _ in range(4))
        maps = [
            DensePrediction(torch.rand(*batch.depth.shape, n, device=device), batch.depth)
            for n in (1, 3)
        ]
        with watch:
            unit = normalise(batch).batch
            losses = compute_losses(Predictions(encodings, *maps), unit, encodings[0], options)
    assert watch.problems == [] and watch.operations > 100
    assert losses.objective.device.type == device
