import torch

from page4d_cli.model.layers.primitives import LayerScale
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model


def test_a_seed_makes_the_same_network_and_leaves_the_global_one_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = random_model(RANDOM_CONFIG, 1).state_dict()
    assert torch.equal(torch.rand(3), expected)
    second, other = (random_model(RANDOM_CONFIG, seed).state_dict() for seed in (1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["aggregator.camera_token"], other["aggregator.camera_token"])


def test_weights_start_small_biases_at_zero_and_scales_as_constructed() -> None:
    model = random_model(RANDOM_CONFIG, 0)
    block = model.aggregator.frame_blocks[0]
    assert abs(block.mlp.fc1.weight.std().item() - 0.02) < 1e-3
    assert not block.mlp.fc1.bias.any()
    assert torch.equal(block.norm1.weight, torch.ones(64))
    scales = {m.gamma[0].item() for m in model.modules() if isinstance(m, LayerScale)}
    assert {round(scale, 6) for scale in scales} == {1.0, 0.01}


def test_layer_scale_can_start_elsewhere_but_not_in_the_patch_embedder() -> None:
    model = random_model(RANDOM_CONFIG, 0, layer_scale=0.25)
    for part, scale in ((model.aggregator.global_blocks, 0.25), (model.camera_head, 0.25)):
        assert {m.gamma[0].item() for m in part.modules() if isinstance(m, LayerScale)} == {scale}
    embedder = model.aggregator.patch_embed
    assert {m.gamma[0].item() for m in embedder.modules() if isinstance(m, LayerScale)} == {1.0}


def test_cameras_start_near_the_identity_with_one_radian_and_maps_are_finite() -> None:
    model = random_model(RANDOM_CONFIG, 0).eval()
    images = torch.rand(2, 3, 56, 70, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        result = model(images)
    start = torch.tensor([0.0, 0, 0, 0, 0, 0, 1, 1, 1])
    assert (result["pose_enc"] - start).abs().max() < 0.1
    for name in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert result[name].isfinite().all()
        assert result[name].std() > 1e-4, f"{name} is flat"
