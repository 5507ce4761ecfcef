"""Whether a checkpoint is one of this network, and of which variant."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from page4d_cli.core.enums import Variant
from page4d_cli.core.errors import WeightsError
from page4d_cli.model.checkpoint import Checkpoint
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.named_weights import VARIANT_OF_FILE_NAME
from page4d_cli.model.network import Page4D

IGNORED = "track_head."
"""VGGT's point tracker, which this network lacks: the only tensors that may be left over."""
MASK_HEAD = "aggregator.spatial_mask_head."
NAMED_IN_MESSAGE = 3


@dataclass(frozen=True)
class Compatibility:
    """How the tensors of a file compare with those of a network."""

    config: ModelConfig
    """The network that the file is for."""
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    """Name, what the file has, and what is expected, in words."""
    ignored: tuple[str, ...]
    architecture: str | None
    """The size in which the whole file differs, such as its width, in words."""

    @property
    def is_complete(self) -> bool:
        """Whether the network can be loaded."""
        return not (self.missing or self.unexpected or self.mismatched)

    def problem(self) -> str:
        """All that does not fit, shortened to one line."""
        lists = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape or type": self.mismatched,
        }
        listed = {what: names for what, names in lists.items() if names}
        if self.architecture is None:
            details = "; ".join(_few(what, names) for what, names in listed.items())
            return f"does not fit the network: {details}"
        counts = ", ".join(f"{len(names)} {what}" for what, names in listed.items())
        return f"is for another network, {self.architecture} ({counts})"


def examine(checkpoint: Checkpoint) -> Compatibility:
    """Compare a checkpoint with the network it states, or with the released one."""
    tensors = checkpoint.tensors
    config = checkpoint.config or _released_config(tensors)
    expected = skeleton(config).state_dict()
    ignored = tuple(name for name in tensors if name.startswith(IGNORED) and name not in expected)
    known = {*expected, *ignored}
    return Compatibility(
        config,
        missing=tuple(name for name in expected if name not in tensors),
        unexpected=tuple(name for name in tensors if name not in known),
        mismatched=_mismatched(tensors, expected),
        ignored=ignored,
        architecture=_architecture(tensors, config),
    )


def skeleton(config: ModelConfig) -> Page4D:
    """A network without memory behind its tensors: names, shapes and layers."""
    with torch.device("meta"):
        return Page4D(config)


def resolve_variant(checkpoint: Checkpoint, fit: Compatibility, stated: Variant | None) -> Variant:
    """What a checkpoint is: as the file says, else as its official name says, else as stated.

    Both variants of PAGE-4D have the same tensors, so it is never guessed.

    Args:
        checkpoint: the file.
        fit: of the same file.
        stated: what the caller, or the table of names, says.

    Raises:
        WeightsError: nothing says it, or two that say it contradict each other.
    """
    path = checkpoint.path
    has_mask = fit.config.spatial_mask is not None
    known = checkpoint.variant or VARIANT_OF_FILE_NAME.get(path.name)
    if known is None and not has_mask:
        known = Variant.VGGT
    variant = known or stated
    if variant is None:
        raise WeightsError(
            f"{path} does not say whether its mask is on at inference; "
            "say it with --variant nomask or --variant mask"
        )
    if stated is not None and stated is not variant:
        raise WeightsError(
            f"{path} is the variant {variant.value}, not {stated.value}; leave --variant away"
        )
    if has_mask == (variant is Variant.VGGT):
        has = "a" if has_mask else "no"
        raise WeightsError(
            f"{path} has {has} spatial mask head, so it cannot be the variant {variant.value}; "
            "check which file it is"
        )
    return variant


def _released_config(tensors: Mapping[str, Tensor]) -> ModelConfig:
    released = ModelConfig()
    if any(name.startswith(MASK_HEAD) for name in tensors):
        return released
    return dataclasses.replace(released, spatial_mask=None)


def _mismatched(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[str, ...]:
    found = []
    for name, wanted in expected.items():
        given = tensors.get(name)
        if given is None:
            continue
        if given.shape != wanted.shape:
            found.append(f"{name} {tuple(given.shape)} where {tuple(wanted.shape)} is expected")
        elif not given.is_floating_point():
            found.append(f"{name} of type {given.dtype} where a floating one is expected")
    return tuple(found)


def _architecture(tensors: Mapping[str, Tensor], config: ModelConfig) -> str | None:
    token = tensors.get("aggregator.camera_token")
    if token is None:
        return None
    width = token.shape[-1] if token.ndim else 0
    if width != config.width:
        return f"width {width} where {config.width} is expected"
    depth = len({name.split(".")[2] for name in tensors if name.startswith("aggregator.frame_bl")})
    return f"{depth} layers where {config.depth} are expected" if depth != config.depth else None


def _few(what: str, names: Sequence[str]) -> str:
    rest = len(names) - NAMED_IN_MESSAGE
    more = f" and {rest} more" if rest > 0 else ""
    return f"{len(names)} {what} ({', '.join(names[:NAMED_IN_MESSAGE])}{more})"
