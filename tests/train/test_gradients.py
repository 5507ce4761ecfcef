"""What the network learns from the oracle's targets: gradients against finite differences.

Along its own direction, the derivative of the objective is the gradient's norm. What the network
holds fixed on the way back is held fixed here as well: each round of the camera head takes the
encodings before it as they are.
"""

import pytest
import torch
from safetensors.torch import load_file
from support import ORACLE, oracle_config
from train_support import encode, oracle_case, replace

from page4d_cli.model.heads.uv_position import sine_cosine
from page4d_cli.model.layers.rotary import rotary_table
from page4d_cli.model.network import Page4D
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.predictions import Predictions

STEP = 1e-6
GROUPS = {
    "aggregator.patch_embed": 0.0,
    "aggregator.frame_blocks": 0.0,
    "aggregator.global_blocks": 0.0,
    "aggregator.camera_token": 0.0,
    "aggregator.spatial_mask_head": 1.0,  # what it reads is held fixed, too; it acts when on
    "camera_head": 0.0,
    "depth_head": 0.0,
    "point_head": 0.0,
}
"""Parameters by the beginning of their names, and the strength of the mask they are tried at."""


class Learning:
    """The oracle's network and targets, in double precision."""

    def __init__(self):
        self.model = Page4D(oracle_config()).double()
        self.model.load_state_dict(load_file(ORACLE / "weights.safetensors"))
        self.batch = double(oracle_case()[1])
        generator = torch.Generator().manual_seed(0)
        self.images = torch.rand(2, 3, 3, 28, 42, generator=generator, dtype=torch.float64)

    def objective(self, strength, rounds=lambda outputs: outputs["pose_enc_list"]):
        outputs = dict(self.model(self.images, mask_strength=strength))
        outputs["pose_enc_list"] = rounds(outputs)
        predictions = Predictions.from_outputs(outputs)
        return compute_losses(predictions, self.batch, encode(self.batch)).objective

    def gradients(self, strength):
        self.model.zero_grad()
        self.objective(strength).backward()
        return {n: p.grad.clone() for n, p in self.model.named_parameters() if p.grad is not None}

    def derivative(self, direction, objective):
        """Of the objective, by a step to either side."""
        parameters = dict(self.model.named_parameters())
        values = []
        for step in (STEP, -2 * STEP, STEP):
            with torch.no_grad():
                for name, part in direction.items():
                    parameters[name] += step * part
                values.append(objective().item())
        return (values[0] - values[1]) / (2 * STEP)


def double(batch):
    tensors = {
        name: value.double()
        for name, value in vars(batch).items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return replace(batch, **tensors)


@pytest.fixture(scope="module", autouse=True)
def _norms_compute_in_double_precision():
    """Norms and tables ask for fp32 by name; the kept tables are forgotten before and after."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "float", torch.Tensor.double)
        sine_cosine.cache_clear()
        rotary_table.cache_clear()
        yield
    sine_cosine.cache_clear()
    rotary_table.cache_clear()


@pytest.fixture(scope="module")
def learning():
    return Learning()


@pytest.fixture(scope="module")
def gradients(learning):
    return {strength: learning.gradients(strength) for strength in (0.0, 1.0)}


class FixedRounds:
    """Tells each round of the camera head the encodings that were there at the beginning."""

    def __init__(self, head, monkeypatch):
        self.told, self.deltas = [], []
        self.recording = True
        embed, branch = head.embed_pose.forward, head.pose_branch.forward

        def embed_fixed(encoding):
            if self.recording:
                self.told.append(encoding.detach().clone())
                return embed(encoding)
            fixed = self.told[len(self.deltas)]  # the first round is told a parameter
            return embed(fixed if self.deltas else encoding)

        def branch_noted(x):
            self.deltas.append(branch(x))
            return self.deltas[-1]

        monkeypatch.setattr(head.embed_pose, "forward", embed_fixed)
        monkeypatch.setattr(head.pose_branch, "forward", branch_noted)

    def __call__(self, _outputs):
        rounds = []
        for index, delta in enumerate(self.deltas):
            raw = delta + self.told[index] if index else delta
            rounds.append(torch.cat((raw[..., :7], raw[..., 7:].relu()), dim=-1))
        self.deltas.clear()
        return rounds


def direction_of(gradients, group):
    chosen = {name: part for name, part in gradients.items() if name.startswith(group)}
    norm = torch.stack([part.norm() for part in chosen.values()]).norm().item()
    return {name: part / norm for name, part in chosen.items()}, norm


@pytest.mark.parametrize("group", GROUPS)
def test_the_gradient_is_that_of_each_rounds_own_step(learning, gradients, group, monkeypatch):
    strength = GROUPS[group]
    direction, norm = direction_of(gradients[strength], group)
    rounds = FixedRounds(learning.model.camera_head, monkeypatch)
    with torch.no_grad():
        at_first = learning.objective(strength, rounds)
        rounds.recording = False
        assert torch.equal(learning.objective(strength, rounds), at_first)
    found = learning.derivative(direction, lambda: learning.objective(strength, rounds))
    assert norm > 1e-3 and found == pytest.approx(norm, rel=1e-4)


def test_the_objective_itself_is_steeper_where_rounds_teach_those_before(learning, gradients):
    """The law above tells the two apart."""
    direction, norm = direction_of(gradients[0.0], "camera_head")
    found = learning.derivative(direction, lambda: learning.objective(0.0))
    assert abs(found - norm) > 0.1 * norm


@pytest.mark.parametrize("options", [LossOptions(), LossOptions.original()])
def test_the_losses_gradient_at_the_oracles_predictions(options):
    predictions, batch, _ = oracle_case()
    batch = double(batch)
    leaves = {
        name: value.double().requires_grad_()
        for name, value in load_file(ORACLE / "losses.safetensors").items()
        if name.startswith("pred.")
    }

    def objective(values):
        outputs = {name.removeprefix("pred."): value for name, value in values.items()}
        rounds = [outputs.pop(f"pose_enc.{index}") for index in range(4)]
        said = Predictions.from_outputs({"pose_enc_list": rounds, **outputs})
        return compute_losses(said, batch, encode(batch), options).objective

    assert {len(predictions.tensors), len(leaves)} == {8}
    objective(leaves).backward()
    for name, leaf in leaves.items():
        norm = leaf.grad.norm().item()
        sides = [
            objective({**leaves, name: leaf.detach() + step * leaf.grad / norm}).item()
            for step in (STEP, -STEP)
        ]
        assert (sides[0] - sides[1]) / (2 * STEP) == pytest.approx(norm, rel=1e-4), name
