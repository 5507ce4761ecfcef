import dataclasses

import pytest

from page4d_cli.core.errors import WeightsError
from page4d_cli.model.config import DPTConfig, ModelConfig, PatchEmbedConfig, SpatialMaskConfig


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
