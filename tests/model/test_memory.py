"""The need of memory is what the network takes when it is really run."""

from dataclasses import replace

import pytest
import torch

from page4d_cli.core.enums import Head
from page4d_cli.model import memory as module
from page4d_cli.model.memory import Need, crude_bound
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model

HEADS = frozenset({Head.CAMERA, Head.DEPTH})
DEEP = replace(
    RANDOM_CONFIG,
    depth=7,
    patch_embed=replace(RANDOM_CONFIG.patch_embed, depth=3),
    dpt_head=replace(RANDOM_CONFIG.dpt_head, layers=(1, 3, 4, 6)),
    spatial_mask=replace(RANDOM_CONFIG.spatial_mask, source_layer=2, first_layer=3, last_layer=5),
)


def need(config=DEEP, **more):
    return Need(config, torch.float32, (28, 42), HEADS, 1, **more)


@pytest.mark.parametrize("frames", [1, 5])
def test_it_is_what_tensors_take_that_have_contents(frames):
    model = random_model(DEEP, 0, mask_strength=1.0).eval()
    meter = module._StorageMeter(copies_convolutions=False)
    with meter, torch.inference_mode():
        encoding = model.encode(torch.zeros(1, frames, 3, 28, 42), heads=HEADS)
        model.camera_head.refine(encoding.camera_tokens)
        model.decode(encoding, Head.DEPTH, slice(0, 1))
    assert need().peak_bytes(frames) == pytest.approx(meter.peak, rel=0.02)
    assert need().weights_bytes == sum(p.nbytes for p in model.state_dict().values())


def test_long_clips_are_extrapolated():
    larger = replace(need(), size=(84, 112))  # 53 tokens: exact up to 312 frames
    assert larger.peak_bytes(400) == pytest.approx(max(module._rehearse(larger, 400)), rel=0.01)


def test_the_longest_window_is_the_last_that_fits(monkeypatch):
    monkeypatch.setattr(module, "_rehearse", lambda _, frames: (100 + 10 * frames, 20 * frames))
    asked = need()
    assert asked.longest(160, 9) == 6
    assert asked.longest(159, 9) == 5
    assert asked.longest(0, 9) == 2
    assert asked.longest(2**60, 9) == 9
    assert asked.longest(20 * 10_000, 99_999) == 10_000  # what grows faster decides


@pytest.mark.parametrize("frames", [1, 9])
def test_the_crude_bound_is_above_it(frames):
    both = need(copies_convolutions=True)
    assert both.peak_bytes(frames) < crude_bound(both, frames)


def test_a_convolution_counts_with_the_copy_that_it_writes_to():
    peaks = []
    for copies in (False, True):
        meter = module._StorageMeter(copies_convolutions=copies)
        with meter, torch.inference_mode():
            torch.conv2d(
                torch.empty(1, 3, 9, 9, device="meta"), torch.empty(5, 3, 3, 3, device="meta")
            )
        peaks.append(meter.peak)
    assert peaks[1] - peaks[0] == 4 * 5 * 7 * 7
