"""How much memory the network will need, found by running it on tensors that have none.

The network itself is run on the `meta` device, where tensors have shapes and no contents, and every
storage that is made and dropped is counted. Two things make that quick. The layers follow one
another and each drops what it made, so that a network of four has the peak of one of 24; and beyond
a few pieces (`layers/piecewise.py`) need grows by the frame, so that long clips are extrapolated.
"""

import weakref
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from page4d_cli.core.enums import Head
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.layers.piecewise import TOKENS_AT_ONCE
from page4d_cli.model.network import Page4D
from page4d_cli.model.weights import tensor_dtypes

_LEAST_EXACT = 16
"""Frames up to which nothing is extrapolated."""


@dataclass(frozen=True)
class Need:
    """Which passes of the network are asked about."""

    config: ModelConfig
    dtype: torch.dtype
    """Of the aggregator's matrix products."""
    size: tuple[int, int]
    """(H, W) of the pictures."""
    heads: frozenset[Head]
    """Those that are run."""
    frames_at_once: int
    """That a dense head takes."""
    copies_convolutions: bool = False
    """Whether convolutions write to a copy first, as those of the CPU do."""

    @property
    def tokens(self) -> int:
        """Of a frame."""
        height, width = (side // self.config.patch_size for side in self.size)
        return height * width + 1 + self.config.num_register_tokens

    @property
    def weights_bytes(self) -> int:
        """Memory of the weights."""
        return _weights_bytes(self.config, self.dtype)

    def peak_bytes(self, frames: int) -> int:
        """The most memory that a pass of so many frames takes beside the weights."""
        exact = max(_LEAST_EXACT, 2 * ceil(TOKENS_AT_ONCE / self.tokens))
        if frames <= 2 * exact:
            return max(_rehearse(self, frames))
        few, many = _rehearse(self, exact), _rehearse(self, 2 * exact)
        further = frames / exact - 2
        return max(round(b + further * (b - a)) for a, b in zip(few, many, strict=True))

    def longest(self, fitting: int, most: int) -> int:
        """The most frames, from 2 to `most`, of which a pass takes no more than `fitting` bytes."""
        low, high = 2, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.peak_bytes(middle) <= fitting else (low, middle - 1)
        return low


def crude_bound(need: Need, frames: int) -> int:
    """More than `peak_bytes` by far, at no cost: a clip that fits so needs no closer look.

    Every token as if all layers of a block were held at once, and every pixel as if a dense head
    worked on all frames and held all its maps at their largest.
    """
    config = need.config
    widths = (8 + 2 * config.mlp_ratio) * config.width + 2 * sum(config.dpt_head.out_channels)
    tokens = max(need.tokens * frames, TOKENS_AT_ONCE) * 2 * widths
    pixels = (
        need.size[0]
        * need.size[1]
        * (frames * 12 + need.frames_at_once * 8 * config.dpt_head.features)
    )
    return round(4 * (tokens + pixels))


@lru_cache
def _weights_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    with torch.device("meta"):
        model = Page4D(config)
    dtypes = tensor_dtypes(model, dtype)
    return sum(
        tensor.numel() * dtypes[name].itemsize for name, tensor in model.state_dict().items()
    )


@lru_cache(maxsize=256)
def _rehearse(need: Need, frames: int) -> tuple[int, int]:
    """Peak bytes of a pass while the aggregator runs, and while the heads do."""
    with torch.device("meta"):
        config = _short(need.config)
        strength = 0.0 if config.spatial_mask is None else 1.0  # on or off, the difference is small
        model = Page4D(config, mask_strength=strength).eval()
    for name, dtype in tensor_dtypes(model, need.dtype).items():
        module, _, parameter = name.rpartition(".")
        getattr(model.get_submodule(module), parameter).data = torch.empty_like(
            model.get_parameter(name), dtype=dtype
        )
    meter = _StorageMeter(copies_convolutions=need.copies_convolutions)
    with meter, torch.inference_mode():
        encoding = model.encode(
            torch.empty(1, frames, 3, *need.size, device="meta"), heads=need.heads
        )
        while_encoding = meter.peak
        meter.peak = meter.live
        if Head.CAMERA in need.heads and model.camera_head is not None:
            model.camera_head.refine(encoding.camera_tokens)
        for head in encoding.maps:
            model.decode(encoding, head, slice(0, need.frames_at_once))
    return while_encoding, meter.peak


def _short(config: ModelConfig) -> ModelConfig:
    """A network of four layers that needs as much memory beside its weights."""
    mask = config.spatial_mask
    return replace(
        config,
        depth=4,
        patch_embed=replace(config.patch_embed, depth=1),
        camera_head=replace(config.camera_head, trunk_depth=1, num_iterations=2),
        dpt_head=replace(config.dpt_head, layers=(0, 1, 2, 3)),
        spatial_mask=mask and replace(mask, source_layer=1, first_layer=2, last_layer=3),
    )


class _StorageMeter(TorchDispatchMode):
    """Counts the bytes of the storages that live while it is active."""

    def __init__(self, *, copies_convolutions: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._copies_convolutions = copies_convolutions
        self._known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the operation gives
        result = func(*args, **(kwargs or {}))
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        for tensor in made:
            self._count(tensor.untyped_storage())
        if self._copies_convolutions and "conv" in func.__name__:
            copied = sum(tensor.numel() * tensor.itemsize for tensor in made)
            self.peak = max(self.peak, self.live + copied)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return

        def dropped(_: object) -> None:
            self.live -= size
            del self._known[key]

        self._known[key] = weakref.ref(storage, dropped)
        self.live += size
        self.peak = max(self.peak, self.live)
