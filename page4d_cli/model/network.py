"""The whole network."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from page4d_cli.core.enums import Head
from page4d_cli.model.aggregator import Aggregator, LayerTokens
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.heads.camera import CameraHead
from page4d_cli.model.heads.dpt import DenseOutput, DPTHead

ALL_HEADS = frozenset(Head)
FRAMES_AT_ONCE = 8
"""How many frames a dense head takes at once by default."""
EVERY_FRAME = slice(None)


@dataclass(frozen=True)
class Encoding:
    """What the heads need of a clip, and nothing more."""

    image_size: tuple[int, int]
    """(H, W)."""
    camera_tokens: Tensor
    """(B, S, 2C) of the last layer."""
    maps: dict[Head, tuple[Tensor, ...]]
    """For each dense head its four projected maps (B, S, C_k, h, w)."""


class Page4D(nn.Module):
    """PAGE-4D; with `config.spatial_mask` None it is VGGT.

    Args:
        config: sizes.
        mask_strength: a ∈ [0, 1] of the spatial mask when a call is not told otherwise. A property
            of the checkpoint's variant.
    """

    def __init__(self, config: ModelConfig, *, mask_strength: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.aggregator = Aggregator(config, mask_strength=mask_strength)
        self.camera_head: CameraHead | None = CameraHead(config)
        self.depth_head: DPTHead | None = DPTHead(config, DenseOutput.DEPTH)
        self.point_head: DPTHead | None = DPTHead(config, DenseOutput.POINT)

    @property
    def mask_strength(self) -> float:
        """The spatial mask's a ∈ [0, 1] when a call is not told otherwise."""
        return self.aggregator.mask_strength

    def forward(
        self,
        images: Tensor,
        *,
        heads: Collection[Head] = ALL_HEADS,
        mask_strength: float | None = None,
        frames_chunk_size: int = FRAMES_AT_ONCE,
        dense_frames: slice = EVERY_FRAME,
        on_layer: Callable[[LayerTokens], None] | None = None,
    ) -> dict[str, Tensor | list[Tensor]]:
        """Predict everything at once. `pipelines.infer` does the same piece by piece.

        Args:
            images: (S, 3, H, W) or (B, S, 3, H, W) in [0, 1], sides multiples of the patch size.
            heads: which to run; a head set to None is left out too.
            mask_strength: overrides the checkpoint's.
            frames_chunk_size: frames that a dense head takes at once.
            dense_frames: neighbouring frames that the dense heads are run on, D of them.
            on_layer: told each layer when it is computed.

        Returns:
            `pose_enc` (B, S, 9) and `pose_enc_list` (every round's), `depth` (B, D, H, W, 1),
            `depth_conf` (B, D, H, W), `world_points` (B, D, H, W, 3), `world_points_conf`
            (B, D, H, W), `images`.
        """
        images = images[None] if images.ndim == 4 else images
        encoding = self.encode(images, heads=heads, mask_strength=mask_strength, on_layer=on_layer)
        result: dict[str, Tensor | list[Tensor]] = {"images": images}
        if Head.CAMERA in heads and self.camera_head is not None:
            result["pose_enc_list"] = rounds = self.camera_head.refine(encoding.camera_tokens)
            result["pose_enc"] = rounds[-1]
        for head, name in ((Head.DEPTH, "depth"), (Head.POINT, "world_points")):
            if head not in encoding.maps:
                continue
            begin, end, _ = dense_frames.indices(images.shape[1])
            chunks = [
                self.decode(encoding, head, slice(first, min(first + frames_chunk_size, end)))
                for first in range(begin, end, frames_chunk_size)
            ]
            result[name], result[f"{name}_conf"] = (
                torch.cat(parts, dim=1) for parts in zip(*chunks, strict=True)
            )
        return result

    def encode(
        self,
        images: Tensor,
        *,
        heads: Collection[Head] = ALL_HEADS,
        mask_strength: float | None = None,
        moving: Tensor | None = None,
        on_layer: Callable[[LayerTokens], None] | None = None,
    ) -> Encoding:
        """Run the aggregator and reduce each layer to what `heads` read, as it is computed.

        Args:
            images: (B, S, 3, H, W) in [0, 1].
            heads: those that will be run.
            mask_strength: overrides the checkpoint's.
            moving: (B, S, H, W) from 0 (still) to 1, in the place of what the mask head finds.
            on_layer: told each layer when it is computed; what it keeps stays in memory.
        """
        image_size = (images.shape[-2], images.shape[-1])
        dense = self._dense_heads(heads)
        maps: dict[Head, list[Tensor]] = {head: [] for head in dense}
        for layer in self.aggregator.iterate(images, mask_strength=mask_strength, moving=moving):
            for name, head in dense.items():
                if layer.index in head.layers:
                    maps[name].append(self._project(head, layer, image_size))
            both = (layer.frame_tokens[:, :, 0], layer.global_tokens[:, :, 0])
            camera_tokens = torch.cat(both, dim=-1)
            if on_layer is not None:
                on_layer(layer)
            del layer  # or it would live on while the next one is computed
        return Encoding(image_size, camera_tokens, {name: tuple(maps[name]) for name in maps})

    def decode(self, encoding: Encoding, head: Head, frames: slice) -> tuple[Tensor, Tensor]:
        """Run a dense head on some frames.

        Returns:
            Values (B, S', H, W, channels) and confidence (B, S', H, W).

        Raises:
            KeyError: `encode` was not asked for this head.
        """
        module = self._dense_heads((head,))[head]
        maps: Sequence[Tensor] = [one[:, frames] for one in encoding.maps[head]]
        return module.decode(maps, encoding.image_size)

    def _dense_heads(self, heads: Collection[Head]) -> dict[Head, DPTHead]:
        candidates = {Head.DEPTH: self.depth_head, Head.POINT: self.point_head}
        return {
            head: module
            for head, module in candidates.items()
            if head in heads and module is not None
        }

    def _project(self, head: DPTHead, layer: LayerTokens, image_size: tuple[int, int]) -> Tensor:
        """Project a layer's patches for a head, a few frames at a time."""
        start, frames = self.aggregator.patch_start_idx, layer.frame_tokens.shape[1]
        pieces = []
        for begin in range(0, frames, FRAMES_AT_ONCE):
            tokens = layer.concatenated(slice(begin, begin + FRAMES_AT_ONCE))
            pieces.append(head.project(layer.index, tokens[:, :, start:], image_size))
        return torch.cat(pieces, dim=1)
