"""Every size of the network. The defaults are those of the released checkpoints."""

from dataclasses import dataclass, field

from page4d_cli.core.errors import WeightsError
from page4d_cli.core.strict_json import MistypedError, decode, parse, to_line

_WIDTH, _DEPTH, _HEADS, _SIDE = 1 << 14, 256, 256, 1 << 13
"""Far beyond any network of this kind, and small enough for its skeleton to be made at once."""


def _require_within(sizes: object, **most: int) -> None:
    """Refuse sizes that are not from 1 to these, before anybody computes with them."""
    for name, limit in most.items():
        value = getattr(sizes, name)
        if not 1 <= value <= limit:
            raise ValueError(f"{name} is {value}, expected 1 to {limit}")


@dataclass(frozen=True)
class PatchEmbedConfig:
    """The DINOv2 vision transformer that turns patches into tokens."""

    width: int = 1024
    """Channels of the patch embedder's tokens; they must be the network's."""
    depth: int = 24
    """Blocks of the patch embedder."""
    num_heads: int = 16
    """Attention heads of each block."""
    num_register_tokens: int = 4
    """Tokens of the patch embedder beside its patches, left behind at its end."""

    def __post_init__(self) -> None:
        _require_within(self, width=_WIDTH, depth=_DEPTH, num_heads=_HEADS, num_register_tokens=256)
        if self.width % self.num_heads:
            raise ValueError(f"width {self.width} cannot be shared by {self.num_heads} heads")


@dataclass(frozen=True)
class CameraHeadConfig:
    """The head that refines one camera a frame."""

    trunk_depth: int = 4
    """Blocks that every round runs."""
    num_heads: int = 16
    """Attention heads of each block."""
    num_iterations: int = 4
    """Rounds, each of which refines the pose encoding of the one before."""

    def __post_init__(self) -> None:
        _require_within(self, trunk_depth=_DEPTH, num_heads=_HEADS, num_iterations=_DEPTH)


@dataclass(frozen=True)
class DPTConfig:
    """A dense head (DPT, arXiv 2103.13413)."""

    features: int = 256
    """Channels of the maps while they are fused."""
    out_channels: tuple[int, int, int, int] = (256, 512, 1024, 1024)
    """Channels that the four layers are projected to, finest map first."""
    layers: tuple[int, int, int, int] = (4, 11, 17, 23)
    """The aggregator's layers that it reads, finest map first."""

    def __post_init__(self) -> None:
        _require_within(self, features=_WIDTH)
        if not all(4 <= channels <= _WIDTH and channels % 4 == 0 for channels in self.out_channels):
            raise ValueError(
                f"out_channels is {self.out_channels}, expected multiples of 4 up to {_WIDTH}"
            )
        if self.features % 8:
            raise ValueError(f"features is {self.features}, expected a multiple of 8")


@dataclass(frozen=True)
class SpatialMaskConfig:
    """The head that finds moving parts, and where its bias acts."""

    source_layer: int = 9
    """The frame block whose output it reads."""
    first_layer: int = 10
    """The first of the global blocks whose attention is biased."""
    last_layer: int = 19
    """The last of the global blocks whose attention is biased; it is included."""
    hidden: int = 256
    """Channels of the head's hidden layer."""

    def __post_init__(self) -> None:
        _require_within(self, hidden=_WIDTH)


@dataclass(frozen=True)
class ModelConfig:
    """The whole network."""

    image_size: int = 518
    """Longer side of the pictures in pixels; also the native grid of the position embedding."""
    patch_size: int = 14
    """Side of a patch in pixels."""
    width: int = 1024
    """Channels of a token."""
    depth: int = 24
    """Pairs of one frame block and one global block."""
    num_heads: int = 16
    """Attention heads of each block of the aggregator."""
    mlp_ratio: float = 4.0
    """Hidden channels of a block's MLP over the width."""
    num_register_tokens: int = 4
    """Tokens a frame that are neither camera nor patch."""
    patch_embed: PatchEmbedConfig = field(default_factory=PatchEmbedConfig)
    camera_head: CameraHeadConfig = field(default_factory=CameraHeadConfig)
    dpt_head: DPTConfig = field(default_factory=DPTConfig)
    spatial_mask: SpatialMaskConfig | None = field(default_factory=SpatialMaskConfig)
    """None for VGGT, which has no such head."""

    def __post_init__(self) -> None:
        _require_within(self, image_size=_SIDE, patch_size=min(_SIDE, self.image_size))
        _require_within(self, width=_WIDTH, depth=_DEPTH, num_heads=_HEADS, num_register_tokens=256)
        if not 0 < self.mlp_ratio <= 64:
            raise ValueError(f"mlp_ratio is {self.mlp_ratio}, expected up to 64")
        if 2 * self.width % self.camera_head.num_heads:
            raise ValueError(f"{2 * self.width} channels cannot be shared by {self.camera_head}")
        layers = list(self.dpt_head.layers)
        mask = self.spatial_mask
        if self.width % self.num_heads or (self.width // self.num_heads) % 4:
            raise ValueError(f"width {self.width} needs heads of a multiple of 4 channels")
        if self.patch_embed.width != self.width:
            raise ValueError(f"patch embedder {self.patch_embed.width} wide, network {self.width}")
        if layers != sorted(set(layers)) or not 0 <= layers[0] <= layers[-1] < self.depth:
            raise ValueError(f"DPT layers {layers} must rise within 0…{self.depth - 1}")
        if mask and not (0 <= mask.source_layer < mask.first_layer <= mask.last_layer < self.depth):
            raise ValueError(f"{mask} does not fit {self.depth} layers")

    def to_json(self) -> str:
        """One line of JSON, for the metadata of a checkpoint."""
        return to_line(self)

    @classmethod
    def from_json(cls, text: str) -> "ModelConfig":
        """Read what `to_json` wrote.

        Raises:
            WeightsError: a key is unknown or missing, or the sizes contradict one another.
        """
        try:
            return decode(cls, parse(text))
        except MistypedError as error:
            raise WeightsError(
                f"the checkpoint's description of its network cannot be used ({error}); "
                "it was written by another version of page4d"
            ) from error
