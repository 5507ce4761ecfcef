import dataclasses
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from page4d_cli.core.errors import WeightsError
from page4d_cli.model.config import (
    CameraHeadConfig,
    DPTConfig,
    ModelConfig,
    PatchEmbedConfig,
    SpatialMaskConfig,
)
from page4d_cli.model.network import Page4D


@pytest.mark.parametrize(
    "config", [ModelConfig(), ModelConfig(spatial_mask=None), ModelConfig(image_size=224)]
)
def test_json_round_trip(config):
    assert ModelConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"width": 3}', "null"])
def test_a_description_that_is_none(text):
    with pytest.raises(WeightsError, match="another version of page4d"):
        ModelConfig.from_json(text)


def test_an_unknown_key_is_refused():
    text = ModelConfig().to_json().replace('"depth": 24', '"depth": 24, "colour": 1', 1)
    with pytest.raises(WeightsError, match="colour"):
        ModelConfig.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 1000},
        {"patch_embed": PatchEmbedConfig(width=512)},
        {"dpt_head": DPTConfig(layers=(4, 11, 17, 24))},
        {"dpt_head": DPTConfig(layers=(4, 4, 17, 23))},
        {"spatial_mask": SpatialMaskConfig(first_layer=9)},
        {"spatial_mask": SpatialMaskConfig(last_layer=24)},
    ],
)
def test_sizes_that_contradict_one_another(change):
    with pytest.raises(ValueError):
        dataclasses.replace(ModelConfig(), **change)


SIZES = {
    "": ("image_size", "patch_size", "width", "depth", "num_heads", "num_register_tokens"),
    "patch_embed": ("width", "depth", "num_heads", "num_register_tokens"),
    "camera_head": ("trunk_depth", "num_heads", "num_iterations"),
    "dpt_head": ("features",),
    "spatial_mask": ("hidden", "source_layer", "first_layer", "last_layer"),
}


@pytest.mark.parametrize("value", [0, -1, 10**8, 2**62])
@pytest.mark.parametrize("key", [f"{part}.{name}" for part in SIZES for name in SIZES[part]])
def test_sizes_that_no_network_has_are_refused_in_one_line(key, value):
    part, name = key.split(".")
    text = json.loads(ModelConfig().to_json())
    (text[part] if part else text)[name] = value
    if (key, value) == ("spatial_mask.source_layer", 0):
        return  # the first layer
    with pytest.raises(WeightsError, match="cannot be used") as caught:
        ModelConfig.from_json(json.dumps(text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ratio", [0, -4.0, 1e9])
def test_a_ratio_that_no_network_has_is_refused(ratio):
    with pytest.raises(ValueError, match="mlp_ratio"):
        ModelConfig(mlp_ratio=ratio)


SMALL = ModelConfig(
    image_size=28,
    width=32,
    depth=4,
    num_heads=4,
    patch_embed=PatchEmbedConfig(width=32, depth=1, num_heads=4),
    camera_head=CameraHeadConfig(trunk_depth=1, num_heads=4),
    dpt_head=DPTConfig(features=8, out_channels=(8, 8, 8, 8), layers=(0, 1, 2, 3)),
    spatial_mask=SpatialMaskConfig(source_layer=0, first_layer=1, last_layer=3, hidden=8),
)
small_sizes = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_accepted_can_be_built_and_run(data):
    part = data.draw(st.sampled_from(sorted(SIZES)))
    name = data.draw(st.sampled_from(SIZES[part]))
    value = data.draw(small_sizes)
    try:
        if part:
            inner = dataclasses.replace(getattr(SMALL, part), **{name: value})
            config = dataclasses.replace(SMALL, **{part: inner})
        else:
            config = dataclasses.replace(SMALL, **{name: value})
    except ValueError:
        return
    side = config.patch_size * 2
    with torch.inference_mode():
        Page4D(config)(torch.zeros(1, 2, 3, side, side))
