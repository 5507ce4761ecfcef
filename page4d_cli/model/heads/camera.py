"""The camera head: refines one pose encoding per frame in a few rounds."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from page4d_cli.model.config import ModelConfig
from page4d_cli.model.layers.block import Block
from page4d_cli.model.layers.primitives import LayerNorm, Linear, Mlp, full_precision

ENCODING_WIDTH = 9
LAYER_SCALE = 0.01
AFFINE_FREE_EPS = 1e-6


class CameraHead(nn.Module):
    """Camera tokens to pose encodings (`pose_encoding.py`)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, sizes = 2 * config.width, config.camera_head
        self.num_iterations = sizes.num_iterations
        self.token_norm = LayerNorm(width)
        self.empty_pose_tokens = nn.Parameter(torch.zeros(1, 1, ENCODING_WIDTH))
        self.embed_pose = Linear(ENCODING_WIDTH, width)
        self.poseLN_modulation = nn.Sequential(nn.SiLU(), Linear(width, 3 * width))
        self.adaln_norm = LayerNorm(width, eps=AFFINE_FREE_EPS, elementwise_affine=False)
        self.trunk = nn.Sequential(
            *(
                Block(width, sizes.num_heads, mlp_ratio=config.mlp_ratio, layer_scale=LAYER_SCALE)
                for _ in range(sizes.trunk_depth)
            )
        )
        self.trunk_norm = LayerNorm(width)
        self.pose_branch = Mlp(width, width // 2, ENCODING_WIDTH)

    def forward(self, aggregated_tokens_list: Sequence[Tensor | None]) -> list[Tensor]:
        """Pose encodings (B, S, 9) of every round, from the aggregator's list of layers."""
        last = aggregated_tokens_list[-1]
        if last is None:
            raise ValueError("the camera head reads the last layer, which was not kept")
        return self.refine(last[:, :, 0])

    def refine(self, camera_tokens: Tensor) -> list[Tensor]:
        """Pose encodings (B, S, 9) of every round, from the last layer's camera tokens (B, S, 2C).

        Each round starts again from the tokens, told only the previous encoding. Translation and
        quaternion are linear in the running sum; the fields of view are its positive part. A round
        teaches only what it adds: no gradient flows from it into the rounds before.
        """
        with full_precision(camera_tokens):
            return self._rounds(self.token_norm(camera_tokens))

    def _rounds(self, tokens: Tensor) -> list[Tensor]:
        previous: Tensor | None = None
        encodings = []
        for _ in range(self.num_iterations):
            told = self.empty_pose_tokens if previous is None else previous
            modulation = self.poseLN_modulation(self.embed_pose(told))
            shift, scale, gate = modulation.chunk(3, dim=-1)
            x = tokens + gate * (self.adaln_norm(tokens) * (1 + scale) + shift)
            delta = self.pose_branch(self.trunk_norm(self.trunk(x)))
            raw = delta if previous is None else previous + delta
            previous = raw.detach()
            encodings.append(torch.cat((raw[..., :7], functional.relu(raw[..., 7:])), dim=-1))
        return encodings
