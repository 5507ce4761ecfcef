"""The weights that come with the package know what their card says they know."""

import numpy as np
import pytest
import torch

from page4d_cli.core.enums import Variant
from page4d_cli.data.synthetic.recipe import SceneRecipe
from page4d_cli.data.synthetic.render import render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.model.named_weights import TINY, WEIGHTS
from page4d_cli.model.pose_encoding import (
    extri_intri_to_pose_encoding,
    quat_xyzw_to_matrix,
)
from page4d_cli.model.weights import config_of, load_model

FAMILY = SceneRecipe(
    room_seed=0,
    camera_heading_deg=(-30, 30),
    camera_turn_deg=(60, 120),
    camera_travel_m=(1.0, 2.0),
)
HELD_OUT = range(2_000_000, 2_000_006)


@pytest.fixture(scope="module")
def clips():
    """Eight frames, a second apart, of scenes that were not trained on."""
    scenes = [sample_scene(FAMILY, seed) for seed in HELD_OUT]
    return render(scenes, np.arange(8.0)[None].repeat(len(scenes), 0), (112, 84))


@pytest.fixture(scope="module")
def outputs(clips):
    with torch.inference_mode():
        return load_model(TINY, device="cpu", precision="fp32")(
            clips.images.permute(0, 1, 4, 2, 3).float() / 255
        )


def test_they_are_small_and_say_what_they_are():
    assert WEIGHTS[TINY].source.path.stat().st_size <= 16e6
    model = load_model(TINY, device="cpu")
    assert model.info.variant is Variant.NOMASK
    assert config_of(TINY) == model.config and model.config.image_size == 112
    assert any("one room only" in note for note in model.notes)


def test_depth_is_far_better_than_a_constant(clips, outputs):
    errors = []
    for predicted, true in zip(outputs["depth"][..., 0], clips.depth, strict=True):
        scaled = predicted * true.median() / predicted.median()
        constant = true.median().expand_as(true)
        errors.append([((one - true).abs() / true).mean().item() for one in (scaled, constant)])
    own, constant = np.mean(errors, axis=0)
    assert own < 0.6 * constant


def test_cameras_turn_as_they_should(clips, outputs):
    target = extri_intri_to_pose_encoding(clips.extrinsics, clips.intrinsics, (84, 112))
    own, true = (quat_xyzw_to_matrix(one[..., 3:7]) for one in (outputs["pose_enc"], target))
    turned = true[:, 1:] @ true[:, :1].mT
    error = angle_deg(own[:, 1:] @ own[:, :1].mT, turned).mean()
    assert error < 0.5 * angle_deg(torch.eye(3).expand_as(turned), turned).mean()


def angle_deg(one, other):
    cosine = ((one * other).sum(dim=(-1, -2)) - 1) / 2
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))
