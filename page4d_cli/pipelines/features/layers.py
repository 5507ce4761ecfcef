"""Run the aggregator and reduce each layer as it is computed; no two layers are in memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.core.enums import FeatureKind
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float32Array, Frames
from page4d_cli.model.aggregator import LayerTokens
from page4d_cli.model.network import Page4D
from page4d_cli.pipelines.features.options import FeatureOptions
from page4d_cli.pipelines.features.reduction import reduce_patches
from page4d_cli.pipelines.features.statistics import frame_statistics
from page4d_cli.pipelines.infer.predict import FRAMES_AT_ONCE, explained_memory, on_device


@dataclass(frozen=True)
class ReducedLayer:
    """What is left of a layer, off the device."""

    index: int
    maps: dict[FeatureKind, Float32Array]
    """(S, h, w), or (S, h, w, 3) for PCA; empty if this layer is not to be drawn."""
    statistics: dict[FeatureKind, Float32Array]
    """(S, 5) in the order of `STATISTICS`; empty if not asked for."""
    mask: Float32Array | None
    """(S, h, w) in (-½, ½), with the layer that the mask head reads."""


@torch.inference_mode()  # it is left whenever a layer is given out
def reduced_layers(
    model: Page4D, frames: Frames, options: FeatureOptions, *, progress: Progress | None = None
) -> Iterator[ReducedLayer]:
    """Give out each wanted layer, reduced; the network stops after the last.

    Args:
        model: on the device where the work shall be done.
        frames: of the size that the model was made for.
        options: which layers, and how they are reduced.
        progress: told about every layer.

    Raises:
        InputError: the network lacks a layer.
        OutOfMemoryError: the clip is too long for the device.
    """
    wanted = options.layers_of(model.config)
    mask = model.config.spatial_mask if options.mask else None
    last = max(wanted[-1], mask.source_layer if mask else 0)
    with explained_memory(model, len(frames), frames.size):
        for layer in model.aggregator.iterate(on_device(model, frames)):
            index = layer.index
            kinds = options.kinds if index in wanted else ()
            has_mask = mask is not None and index == mask.source_layer
            reduced = ReducedLayer(
                index,
                {kind: _maps(model, frames, layer, kind, options) for kind in kinds},
                {k: _statistics(model, layer, k) for k in kinds if options.statistics},
                _mask(model, frames, layer) if has_mask else None,
            )
            del layer  # or it would live on while the next one is computed
            if progress is not None:
                progress("layers", index + 1, last + 1)
            yield reduced
            if index == last:
                return


def _maps(
    model: Page4D, frames: Frames, layer: LayerTokens, kind: FeatureKind, options: FeatureOptions
) -> Float32Array:
    patches = _patches(model, layer, kind)
    values = reduce_patches(patches, options.reduction, FRAMES_AT_ONCE[patches.device.type])
    return _as_maps(values, model, frames)


def _statistics(model: Page4D, layer: LayerTokens, kind: FeatureKind) -> Float32Array:
    patches = _patches(model, layer, kind)
    statistics = frame_statistics(patches, FRAMES_AT_ONCE[patches.device.type])
    numbers: Float32Array = statistics.cpu().numpy()
    return numbers


def _mask(model: Page4D, frames: Frames, layer: LayerTokens) -> Float32Array:
    values = model.aggregator.mask_values(layer.frame_tokens, _grid(model, frames))
    return _as_maps(values[0], model, frames)


def _patches(model: Page4D, layer: LayerTokens, kind: FeatureKind) -> Tensor:
    """(S, N, C): the patch tokens of one half of a layer."""
    is_frame = kind is FeatureKind.FRAME
    tokens = layer.frame_tokens if is_frame else layer.global_tokens
    return tokens[0, :, model.aggregator.patch_start_idx :]


def _as_maps(values: Tensor, model: Page4D, frames: Frames) -> Float32Array:
    """(S, N, …) to (S, h, w, …), off the device."""
    maps: Float32Array = values.unflatten(1, _grid(model, frames)).float().cpu().numpy()
    return maps


def _grid(model: Page4D, frames: Frames) -> tuple[int, int]:
    """Rows and columns of patches."""
    patch = model.config.patch_size
    return frames.size[0] // patch, frames.size[1] // patch
