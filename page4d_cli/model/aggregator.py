"""Alternating attention: within each frame, then over all frames, layer by layer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from page4d_cli.model.config import ModelConfig
from page4d_cli.model.layers.attention import SpecialRowBias
from page4d_cli.model.layers.block import Block
from page4d_cli.model.layers.rotary import RotaryTable, rotary_table
from page4d_cli.model.patch_embed import PatchEmbed
from page4d_cli.model.spatial_mask import LOGIT_SCALE, SpatialMaskHead, values_of_moving

IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)
LAYER_SCALE = 0.01


@dataclass(frozen=True)
class LayerTokens:
    """What one layer puts out: the tokens of all frames after its two blocks."""

    index: int
    frame_tokens: Tensor
    """(B, S, P, C) after the frame block."""
    global_tokens: Tensor
    """(B, S, P, C) after the global block."""

    def concatenated(self, frames: slice = slice(None)) -> Tensor:
        """(B, S, P, 2C), the form that the heads read, of some of the frames."""
        return torch.cat((self.frame_tokens[:, frames], self.global_tokens[:, frames]), dim=-1)


class Aggregator(nn.Module):
    """Pictures to tokens of every layer.

    Args:
        config: sizes.
        mask_strength: a ∈ [0, 1] of the spatial mask when a call is not told otherwise. A property
            of the checkpoint's variant; 0 leaves plain VGGT.
    """

    def __init__(self, config: ModelConfig, *, mask_strength: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.mask_strength = mask_strength
        self.checkpoint_activations = False
        width = config.width
        self.patch_embed = PatchEmbed(config)
        # Two learned sets: index 0 for the first frame, index 1 for all others.
        self.camera_token = nn.Parameter(torch.zeros(1, 2, 1, width))
        self.register_token = nn.Parameter(torch.zeros(1, 2, config.num_register_tokens, width))
        self.frame_blocks = nn.ModuleList(_block(config) for _ in range(config.depth))
        self.global_blocks = nn.ModuleList(_block(config) for _ in range(config.depth))
        self.spatial_mask_head = (
            SpatialMaskHead(width, config.spatial_mask.hidden) if config.spatial_mask else None
        )

    checkpoint_activations: bool
    """Whether training computes the blocks again on the way back instead of keeping what they
    computed: less memory, a third more time, the same gradients."""

    @property
    def patch_start_idx(self) -> int:
        """How many special tokens stand before the patches of a frame."""
        return 1 + self.config.num_register_tokens

    def forward(
        self,
        images: Tensor,
        *,
        layers: Iterable[int] | None = None,
        mask_strength: float | None = None,
    ) -> tuple[list[Tensor | None], int]:
        """All layers' tokens in a list, of which only the wanted ones are kept.

        Args:
            images: (B, S, 3, H, W) in [0, 1].
            layers: which to keep; default those that the dense heads read, and the last.
            mask_strength: overrides the checkpoint's.

        Returns:
            A list of `depth` entries, each (B, S, P, 2C) or None, and the index of the first patch.
        """
        last = self.config.depth - 1
        wanted = set(self.config.dpt_head.layers) | {last} if layers is None else set(layers)
        tokens: list[Tensor | None] = [
            layer.concatenated() if layer.index in wanted else None
            for layer in self.iterate(images, mask_strength=mask_strength)
        ]
        return tokens, self.patch_start_idx

    def iterate(
        self,
        images: Tensor,
        *,
        mask_strength: float | None = None,
        moving: Tensor | None = None,
    ) -> Iterator[LayerTokens]:
        """Yield each layer as it is computed, so that only what a reader keeps stays in memory.

        Args:
            images: (B, S, 3, H, W) in [0, 1].
            mask_strength: overrides the checkpoint's. A number of the host: no layer waits for the
                device to learn whether there is a bias.
            moving: (B, S, H, W) from 0 (still) to 1, in the place of what the mask head finds; of
                no effect at strength 0.

        Raises:
            ValueError: a side is no multiple of the patch size, or a mask is asked of a network
                without one.
        """
        mask = self.config.spatial_mask
        strength = self.mask_strength if mask_strength is None else mask_strength
        if strength and mask is None:
            raise ValueError("this network has no spatial mask head, its strength must be 0")
        frames, grid = images.shape[1], self._grid(images)
        x = self._tokens(images)
        table = rotary_table(
            grid, self.patch_start_idx, self.config.width // self.config.num_heads, x.device
        )
        scene_table = table.repeat(frames)
        bias: SpecialRowBias | None = None
        for index in range(self.config.depth):
            x = self._run(self.frame_blocks[index], x.flatten(0, 1), table)
            x = x.unflatten(0, (-1, frames))
            frame_tokens = x
            if mask and strength and index == mask.source_layer:
                values = (
                    self.mask_values(frame_tokens, grid)
                    if moving is None
                    else values_of_moving(moving, grid)
                )
                bias = self._bias(values, strength)
            masked = mask is not None and mask.first_layer <= index <= mask.last_layer
            x = self._run(
                self.global_blocks[index], x.flatten(1, 2), scene_table, bias if masked else None
            )
            x = x.unflatten(1, (frames, -1))
            yield LayerTokens(index, frame_tokens, x)
            del frame_tokens

    def mask_values(self, frame_tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Value of every patch, (B, S, h·w), from the source layer's tokens (B, S, P, C)."""
        if self.spatial_mask_head is None:
            raise ValueError("this network has no spatial mask head")
        patches = frame_tokens[:, :, self.patch_start_idx :].flatten(0, 1)
        values: Tensor = self.spatial_mask_head(patches, grid)
        return values.unflatten(0, frame_tokens.shape[:2])

    def _run(
        self,
        block: nn.Module,
        x: Tensor,
        table: RotaryTable,
        bias: SpecialRowBias | None = None,
    ) -> Tensor:
        if self.checkpoint_activations and torch.is_grad_enabled():
            # Only this form finds the tensors in the dataclasses.
            return checkpoint(block, x, table, bias, use_reentrant=False)
        return block(x, table, bias)

    def _bias(self, values: Tensor, strength: float) -> SpecialRowBias:
        batch, frames, patches = values.shape
        special = self.patch_start_idx
        padded = torch.cat((values.new_zeros(batch, frames, special), values), dim=-1)
        starts = torch.arange(frames, device=values.device) * (special + patches)
        rows = (starts[:, None] + torch.arange(special, device=values.device)).flatten()
        return SpecialRowBias(LOGIT_SCALE * strength * padded.flatten(1), rows)

    def _grid(self, images: Tensor) -> tuple[int, int]:
        height, width = images.shape[-2:]
        patch = self.config.patch_size
        if height % patch or width % patch:
            raise ValueError(f"picture {height}×{width}: both sides must be multiples of {patch}")
        return height // patch, width // patch

    def _tokens(self, images: Tensor) -> Tensor:
        """Pictures (B, S, 3, H, W) to tokens (B, S, P, C) before the first layer."""
        batch, frames = images.shape[:2]
        patches = self.patch_embed(normalise_pixels(images).flatten(0, 1))
        special = torch.cat((self.camera_token, self.register_token), dim=2)
        special = torch.cat((special[:, :1], special[:, 1:].expand(-1, frames - 1, -1, -1)), dim=1)
        special = special.expand(batch, -1, -1, -1)
        return torch.cat((special, patches.unflatten(0, (batch, frames))), dim=2)


def normalise_pixels(images: Tensor) -> Tensor:
    """Subtract ImageNet's mean and divide by its deviation, (..., 3, H, W) in [0, 1].

    The six numbers go to the device as scalars: a tensor of them would make the host wait.
    """
    channels = zip(images.unbind(-3), IMAGE_MEAN, IMAGE_STD, strict=True)
    return torch.stack([(channel - mean) / std for channel, mean, std in channels], dim=-3)


def _block(config: ModelConfig) -> Block:
    return Block(
        config.width,
        config.num_heads,
        mlp_ratio=config.mlp_ratio,
        layer_scale=LAYER_SCALE,
        qk_norm=True,
    )
