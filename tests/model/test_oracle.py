"""The network must give the numbers of the original one."""

import json

import pytest
import torch
from safetensors.torch import load_file
from support import ORACLE, relative_difference

from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.model.aggregator import normalise_pixels
from page4d_cli.model.config import ModelConfig, SpatialMaskConfig
from page4d_cli.model.network import Page4D
from page4d_cli.model.pose_encoding import (
    extri_intri_to_pose_encoding,
    matrix_to_quat_xyzw,
    pose_encoding_to_extri_intri,
    quat_xyzw_to_matrix,
)
from page4d_cli.model.spatial_mask import LOGIT_SCALE, SpatialMaskHead

TOLERANCE = 5e-6
CASES = [(variant, shape) for variant in ("nomask", "mask") for shape in range(3)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    variant, shape = request.param
    return variant == "mask", load_file(ORACLE / f"{variant}_{shape}.safetensors")


@pytest.mark.parametrize("gradients", [False, True])
def test_whole_network(oracle_model, case, gradients):
    masked, expected = case
    images = expected["images"]
    with torch.set_grad_enabled(gradients):
        result = oracle_model(images, mask_strength=float(masked))
    for round_, encoding in enumerate(result["pose_enc_list"]):
        assert relative_difference(encoding, expected[f"pose_enc.{round_}"]) < TOLERANCE
    extrinsics, intrinsics = pose_encoding_to_extri_intri(result["pose_enc"], images.shape[-2:])
    assert relative_difference(extrinsics, expected["extrinsics"]) < TOLERANCE
    finite = expected["intrinsics"].isfinite()
    assert torch.equal(intrinsics.isfinite(), finite)
    assert relative_difference(intrinsics[finite], expected["intrinsics"][finite]) < TOLERANCE
    for name in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert result[name].shape == expected[name].shape
        assert relative_difference(result[name], expected[name]) < TOLERANCE


def test_every_layer(oracle_model, case):
    masked, expected = case
    tokens, first_patch = oracle_model.aggregator(
        expected["images"], layers=range(24), mask_strength=float(masked)
    )
    layers = [int(name.split(".")[1]) for name in expected if name.startswith("tokens.")]
    assert sorted(layers) == [0, 4, 9, 10, 11, 17, 19, 20, 23]
    for layer in layers:
        assert relative_difference(tokens[layer], expected[f"tokens.{layer}"]) < TOLERANCE
    assert first_patch == 5


def test_patch_tokens(oracle_model, case):
    _, expected = case
    pixels = normalise_pixels(expected["images"]).flatten(0, 1)
    tokens = oracle_model.aggregator.patch_embed(pixels)
    assert relative_difference(tokens, expected["patch_tokens"]) < TOLERANCE


def test_heads_called_one_by_one(oracle_model, case):
    """The original's detailed usage: aggregator, then each head on its tokens."""
    masked, expected = case
    images = expected["images"]
    tokens, first_patch = oracle_model.aggregator(images, mask_strength=float(masked))
    pose_encoding = oracle_model.camera_head(tokens)[-1]
    depth, confidence = oracle_model.depth_head(tokens, images, first_patch, frames_chunk_size=2)
    points, _ = oracle_model.point_head(tokens, images, first_patch)
    assert relative_difference(pose_encoding, expected["pose_enc.3"]) < TOLERANCE
    assert relative_difference(depth, expected["depth"]) < TOLERANCE
    assert relative_difference(confidence, expected["depth_conf"]) < TOLERANCE
    assert relative_difference(points, expected["world_points"]) < TOLERANCE


def test_unprojection(case):
    _, expected = case
    points = world_points_from_depth(
        expected["depth"][0, ..., 0].double().numpy(),
        expected["intrinsics"][0].double().numpy(),
        expected["extrinsics"][0].double().numpy(),
    )
    reference = expected["unprojected_points"][0]
    finite = reference.isfinite()
    difference = relative_difference(torch.from_numpy(points)[finite], reference[finite])
    assert difference < TOLERANCE


def test_spatial_mask_head():
    numbers = load_file(ORACLE / "geometry.safetensors")
    prefix = "spatial_mask.weight."
    head = SpatialMaskHead(32, 256)
    head.load_state_dict(
        {name.removeprefix(prefix): v for name, v in numbers.items() if name.startswith(prefix)}
    )
    tokens = numbers["spatial_mask.tokens"]  # (B, S, P, C) with 5 special tokens, 3×4 patches
    values = head(tokens[:, :, 5:].flatten(0, 1), (3, 4)).unflatten(0, tokens.shape[:2])
    padded = torch.cat((values.new_zeros(*tokens.shape[:2], 5), values), dim=-1).flatten(1)
    assert relative_difference(padded, numbers["spatial_mask.key_value"][:, 0]) < TOLERANCE
    special = numbers["spatial_mask.query_row"].unflatten(1, (3, 17))
    assert torch.equal(special[..., :5], torch.full((2, 3, 5), LOGIT_SCALE))
    assert not special[..., 5:].any()


def test_pose_encoding():
    numbers = load_file(ORACLE / "geometry.safetensors")
    size = (392, 518)
    extrinsics, intrinsics = pose_encoding_to_extri_intri(numbers["pose.encoding"], size)
    assert relative_difference(extrinsics, numbers["pose.extrinsics_back"]) < TOLERANCE
    assert relative_difference(intrinsics, numbers["pose.intrinsics_back"]) < TOLERANCE
    encoding = extri_intri_to_pose_encoding(
        numbers["pose.extrinsics"], numbers["pose.intrinsics"], size
    )
    assert relative_difference(encoding, numbers["pose.encoding"]) < TOLERANCE


def test_quaternions():
    numbers = load_file(ORACLE / "geometry.safetensors")
    matrices = quat_xyzw_to_matrix(numbers["rotation.quat_xyzw"])
    assert relative_difference(matrices, numbers["rotation.matrix"]) < TOLERANCE
    quaternions = matrix_to_quat_xyzw(numbers["rotation.matrix"])
    assert relative_difference(quaternions, numbers["rotation.quat_back"]) < TOLERANCE


def test_full_size_state_dict_equals_the_released_one():
    manifest = json.loads((ORACLE / "state_dict_manifest.json").read_text())
    with torch.device("meta"):
        model = Page4D(ModelConfig())
    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == manifest


def test_vggt_has_everything_but_the_mask():
    manifest = json.loads((ORACLE / "state_dict_manifest.json").read_text())
    with torch.device("meta"):
        names = set(Page4D(ModelConfig(spatial_mask=None)).state_dict())
    assert set(manifest) - names == {n for n in manifest if "spatial_mask_head" in n}
    assert ModelConfig().spatial_mask == SpatialMaskConfig(9, 10, 19, 256)


def test_eps_of_every_norm(oracle_model):
    """A wrong eps moves results by less than the tolerance above, so it is looked at directly."""
    for name, module in oracle_model.named_modules():
        if isinstance(module, torch.nn.LayerNorm):
            small = name.startswith("aggregator.patch_embed") or name == "camera_head.adaln_norm"
            assert module.eps == (1e-6 if small else 1e-5), name


def test_a_scaled_rotation_gives_its_unit_quaternion():
    """Bonn's cameras come scaled by 1.0593 twice; the original's quaternion is then 0.9583 long."""
    scaled = torch.eye(3, dtype=torch.float64) / 1.0593**2
    original = (1 + scaled.trace()).sqrt() / 2
    assert original.item() == pytest.approx(0.9583, abs=5e-5)
    identity = torch.tensor([0, 0, 0, 1], dtype=torch.float64)
    torch.testing.assert_close(matrix_to_quat_xyzw(scaled), identity)
