"""Laws of the network that hold whatever its weights are."""

import pytest
import torch
from support import relative_difference
from torch.utils._python_dispatch import TorchDispatchMode

from page4d_cli.core.enums import Head
from page4d_cli.model.network import Page4D


@pytest.fixture
def images():
    return torch.rand(1, 4, 3, 42, 56, generator=torch.Generator().manual_seed(0))


def test_a_clip_without_batch_axis_is_one_scene(oracle_model, images):
    assert torch.equal(oracle_model(images[0])["depth"], oracle_model(images)["depth"])


def test_only_the_heads_asked_for_are_run(oracle_model, images):
    result = oracle_model(images, heads={Head.DEPTH})
    assert result.keys() == {"images", "depth", "depth_conf"}
    assert oracle_model.encode(images, heads={Head.CAMERA}).maps == {}


def test_a_head_set_to_none_is_left_out(oracle_model, images):
    model = Page4D(oracle_model.config)
    model.load_state_dict(oracle_model.state_dict())
    model.point_head = None
    assert "world_points" not in model(images)


def test_forward_is_pure(oracle_model, images):
    before = images.clone()
    first = oracle_model(images, mask_strength=1.0)["depth"]
    assert torch.equal(first, oracle_model(images, mask_strength=1.0)["depth"])
    assert torch.equal(images, before)


def test_chunks_of_frames_do_not_matter(oracle_model, images):
    one, all_ = (oracle_model(images, frames_chunk_size=n)["world_points"] for n in (1, 4))
    assert relative_difference(one, all_) < 1e-5


@pytest.mark.parametrize("frames", [slice(0, 2), slice(3, 4), slice(1, None)])
def test_dense_heads_can_be_run_on_some_frames(oracle_model, images, frames):
    some, every = oracle_model(images, dense_frames=frames), oracle_model(images)
    assert torch.equal(some["pose_enc"], every["pose_enc"])
    for name in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert relative_difference(some[name], every[name][:, frames]) < 1e-5


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_later_frames_are_a_set(oracle_model, images, strength):
    """No frame but the first knows its place: permuted frames give permuted results."""
    order = [0, 3, 1, 2]
    straight = oracle_model(images, mask_strength=strength)
    permuted = oracle_model(images[:, order], mask_strength=strength)
    for name in ("pose_enc", "depth"):
        assert relative_difference(permuted[name], straight[name][:, order]) < 1e-5


def test_the_first_frame_is_special(oracle_model, images):
    straight, reversed_ = oracle_model(images), oracle_model(images.flip(1))
    assert relative_difference(reversed_["depth"].flip(1), straight["depth"]) > 1e-3


def test_scenes_of_a_batch_do_not_mix(oracle_model, images):
    both = torch.cat((images, images.flip(-1)))
    batched = oracle_model(both, mask_strength=1.0)
    alone = oracle_model(both[1:], mask_strength=1.0)
    assert relative_difference(batched["depth"][1:], alone["depth"]) < 1e-5


def test_the_variants_strength_holds_for_every_call(oracle_model, images):
    masked = Page4D(oracle_model.config, mask_strength=1.0)
    masked.load_state_dict(oracle_model.state_dict())
    masked.requires_grad_(False)
    expected = oracle_model.aggregator(images, mask_strength=1.0)[0][-1]
    assert torch.equal(masked.aggregator(images)[0][-1], expected)
    assert torch.equal(masked(images)["depth"], oracle_model(images, mask_strength=1.0)["depth"])
    assert not torch.equal(expected, oracle_model.aggregator(images)[0][-1])


def test_mask_bias_equals_the_dense_formula(oracle_model):
    """The second small attention gives what an N × N bias would."""
    attention = oracle_model.aggregator.global_blocks[12].attn
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 12, 32, generator=generator)
    key_bias = 5 * torch.randn(2, 12, generator=generator)
    special = torch.tensor([0, 1, 6, 7])
    from page4d_cli.model.layers.attention import SpecialRowBias

    result = attention(x, bias=SpecialRowBias(key_bias, special))
    query, key, value = attention.qkv(x).unflatten(-1, (3, 2, 16)).unbind(2)
    query, key = attention.q_norm(query), attention.k_norm(key)
    logits = torch.einsum("bqhd,bkhd->bhqk", query, key) / 4
    logits[:, :, special] += key_bias[:, None, None]
    dense = torch.einsum("bhqk,bkhd->bqhd", logits.softmax(-1), value).flatten(2)
    assert relative_difference(result, attention.proj(dense)) < 1e-6


@pytest.fixture
def trainable(oracle_model):
    model = Page4D(oracle_model.config)
    model.load_state_dict(oracle_model.state_dict())
    return model


def gradients(model, images, **autocast):
    with torch.autocast("cpu", torch.bfloat16, enabled=bool(autocast)):
        result = model(images, mask_strength=1.0)
    rounds = result["pose_enc_list"]  # each teaches only what it adds, so all are asked
    maps = [result[name] for name in ("depth", "world_points")]
    sum(output.mean() for output in (*rounds, *maps)).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def test_gradients_reach_every_parameter_but_the_one_without_a_use(trainable, images):
    of_name = gradients(trainable, torch.cat((images, images.flip(-1))))
    without = {name for name, gradient in of_name.items() if gradient is None}
    assert without == {"aggregator.patch_embed.mask_token"}
    for name in of_name.keys() - without:
        assert of_name[name].isfinite().all(), name
        # A constant on all keys changes no attention.
        assert of_name[name].any() or name.endswith("k_norm.bias"), name


def test_gradients_under_autocast_point_the_same_way(trainable, images):
    plain = gradients(trainable, images)
    trainable.zero_grad()
    mixed = gradients(trainable, images, dtype=torch.bfloat16)
    name = "aggregator.global_blocks.0.mlp.fc1.weight"
    cosine = torch.nn.functional.cosine_similarity(plain[name].flatten(), mixed[name].flatten(), 0)
    assert cosine > 0.95


class NoWaiting(TorchDispatchMode):
    """Fails on what makes the host of a GPU wait: values read back, sizes that depend on them."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        assert name not in {"_local_scalar_dense", "nonzero", "equal", "masked_select"}, name
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_forward_never_waits_for_the_device(oracle_model, images, strength):
    with NoWaiting(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        images.sum().item()
    with NoWaiting():
        oracle_model(images, mask_strength=strength)


def test_autocast_keeps_the_heads_in_fp32(oracle_model, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = oracle_model(images)
    plain = oracle_model(images)
    assert result["depth"].dtype == torch.float32
    assert relative_difference(result["depth"], plain["depth"]) < 0.05


def test_a_side_that_is_no_multiple_of_the_patch_is_refused(oracle_model):
    with pytest.raises(ValueError, match="43×56: both sides must be multiples of 14"):
        oracle_model(torch.rand(1, 1, 3, 43, 56))


def test_the_mask_needs_more_than_one_patch(oracle_model):
    with pytest.raises(ValueError, match="more than one patch"):
        oracle_model(torch.rand(1, 1, 3, 14, 14), mask_strength=1.0)


def test_a_layer_that_was_not_kept_is_named(oracle_model, images):
    tokens, first_patch = oracle_model.aggregator(images, layers=[4])
    with pytest.raises(ValueError, match="reads layer 11, which was not kept"):
        oracle_model.depth_head(tokens, images, first_patch)
    with pytest.raises(ValueError, match="last layer, which was not kept"):
        oracle_model.camera_head(tokens)
