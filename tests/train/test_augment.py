"""Colours change as they should, and chance comes from the generator alone."""

import pytest
import torch
from torchvision.transforms import v2

from page4d_cli.core.errors import InputError
from page4d_cli.train.augment import ColorOptions, augment_clip

CLIP = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(1)).repeat(4, 1, 1, 1)
NOTHING = ColorOptions(1, 0, 0, 0, 0, 0, 0, 0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_same_seed_gives_the_same_colors_and_leaves_the_global_generator_alone() -> None:
    options = ColorOptions(blur_probability=0.5)
    before = torch.get_rng_state()
    first, again, other = (augment_clip(CLIP, options, generator(s)) for s in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == CLIP.shape
    assert first.min() >= 0 and first.max() <= 1


def test_frames_change_alike_as_often_as_said() -> None:
    rng, options = generator(), ColorOptions(jitter_probability=1, grey_probability=0)
    alike = 0
    for _ in range(400):
        clip = augment_clip(CLIP, options, rng)
        alike += torch.equal(clip[0], clip[1])
    assert alike / 400 == pytest.approx(0.7, abs=0.06)


def test_jitter_happens_as_often_as_said() -> None:
    rng, options = generator(), ColorOptions(probability_shared=1, grey_probability=0)
    changed = sum(not torch.equal(augment_clip(CLIP, options, rng), CLIP) for _ in range(400))
    assert changed / 400 == pytest.approx(0.9, abs=0.05)


def test_nothing_asked_is_nothing_done() -> None:
    assert torch.equal(augment_clip(CLIP, NOTHING, generator()), CLIP)


def test_brightness_is_a_factor_within_its_range() -> None:
    options = ColorOptions(1, 1, 0.5, 0, 0, 0, 0, 0)
    rng = generator()
    dark = CLIP / 2  # so that nothing is clipped
    factors = torch.stack([augment_clip(dark, options, rng).sum() / dark.sum() for _ in range(500)])
    assert 0.5 <= factors.min() < 0.52
    assert 1.48 < factors.max() <= 1.5
    assert factors.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "amount", "one_of"),
    [
        ("contrast", 0.5, v2.functional.adjust_contrast),
        ("saturation", 0.5, v2.functional.adjust_saturation),
        ("hue", 0.1, v2.functional.adjust_hue),
    ],
)
def test_each_change_is_torchvisions(name: str, amount: float, one_of) -> None:
    options = ColorOptions(**{**vars(NOTHING), "jitter_probability": 1, name: amount})
    changed = augment_clip(CLIP, options, generator())
    centre = 0.0 if name == "hue" else 1.0
    candidates = torch.linspace(centre - amount, centre + amount, 401).tolist()
    nearest = min((one_of(CLIP, value) - changed).abs().max().item() for value in candidates)
    assert nearest < 5e-3
    assert (changed - CLIP).abs().max() > 5e-3


def test_changes_come_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    for name in ("brightness", "contrast", "saturation", "hue"):

        def record(images: torch.Tensor, _: float, name: str = name) -> torch.Tensor:
            order.append(name)
            return images

        monkeypatch.setattr(v2.functional, f"adjust_{name}", record)
    rng, options = generator(), ColorOptions(1, 1, grey_probability=0)
    for _ in range(400):
        augment_clip(CLIP, options, rng)
    assert len({tuple(order[i : i + 4]) for i in range(0, len(order), 4)}) == 24


def test_grey_and_blur() -> None:
    grey = augment_clip(CLIP, ColorOptions(1, 0, 0, 0, 0, 0, 1, 0), generator())
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    blurred = augment_clip(CLIP, ColorOptions(1, 0, 0, 0, 0, 0, 0, 1), generator())
    assert blurred.std() < CLIP.std()
    assert blurred.mean() == pytest.approx(CLIP.mean().item(), abs=0.01)


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match=r"hue 0\.6 is not allowed; give 0 to 0\.5"):
        ColorOptions(hue=0.6)
    with pytest.raises(InputError, match=r"probability_shared -0\.1"):
        ColorOptions(probability_shared=-0.1)
