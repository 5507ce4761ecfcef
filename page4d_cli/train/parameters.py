"""Which parameters learn, how fast, and how far: freezing, optimiser groups, clipping.

Patterns are shell patterns (`*`, `?`, `[0-9]`) matched against full parameter names, case and all;
`*` matches dots too. Apply all of this to the bare network: wrapping it for several processes
changes the names, while the parameters stay the same objects.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from page4d_cli.core.errors import InputError
from page4d_cli.train.schedules import Schedule


@dataclass(frozen=True)
class GroupOptions:
    """Parameters that share a learning rate and a weight decay."""

    name: str
    """Name in messages and curves."""
    patterns: tuple[str, ...]
    """Shell patterns of its parameters' names: `*` (dots, too), `?`, `[0-9]`."""
    learning_rate: Schedule
    """AdamW's learning rate over the share of the run that is done."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""


@dataclass(frozen=True)
class GradientClipOptions:
    """Parameters whose gradients are clipped by their joint norm."""

    name: str
    """Name in messages and curves."""
    patterns: tuple[str, ...]
    """Shell patterns of its parameters' names, as those of a group."""
    max_norm: float = 1.0
    """Gradients of a greater norm are scaled down to it."""

    def __post_init__(self) -> None:
        if not self.max_norm > 0:
            raise InputError(f"clip '{self.name}': max_norm {self.max_norm:g} must be above 0")


@dataclass(frozen=True)
class GradientClip:
    """A `GradientClipOptions` with its parameters found."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    max_norm: float


def freeze(model: nn.Module, patterns: Sequence[str]) -> tuple[str, ...]:
    """Switch the gradients of all matching parameters off.

    Args:
        model: the network.
        patterns: each must match something.

    Returns:
        The names of the frozen parameters, in the network's order.

    Raises:
        InputError: a pattern matches nothing, or nothing is left that learns.
    """
    parameters = dict(model.named_parameters())
    frozen = _matching(parameters, patterns, "freeze")
    for name in frozen:
        parameters[name].requires_grad_(False)
    if not trainable_parameters(model):
        raise InputError(f"freezing {list(patterns)} leaves nothing to train; freeze less")
    return frozen


def trainable_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name, in the network's order."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def optimiser_groups(model: nn.Module, options: Sequence[GroupOptions]) -> list[dict[str, Any]]:
    """Sort the parameters that learn into groups; frozen ones are not handed to the optimiser.

    Args:
        model: the network, with what shall not learn frozen.
        options: each pattern must match a parameter that learns.

    Returns:
        What torch's optimisers take: `params`, `lr` (at progress 0), `weight_decay`, and `name`.

    Raises:
        InputError: a pattern matches nothing that learns, a parameter is in two groups, or one that
            learns is in none.
    """
    trainable = trainable_parameters(model)
    members = [_matching(trainable, one.patterns, f"group '{one.name}'") for one in options]
    _require_partition(trainable, [one.name for one in options], members, "group")
    return [
        {
            "name": one.name,
            "params": [trainable[name] for name in names],
            "lr": one.learning_rate(0.0),
            "weight_decay": one.weight_decay,
        }
        for one, names in zip(options, members, strict=True)
    ]


def set_learning_rates(
    optimiser: torch.optim.Optimizer, options: Sequence[GroupOptions], progress: float
) -> None:
    """Give every group its learning rate at this progress.

    Args:
        optimiser: made from `optimiser_groups(model, options)`.
        options: the same ones.
        progress: share of the run that is done, 0 to 1.
    """
    for group, one in zip(optimiser.param_groups, options, strict=True):
        group["lr"] = one.learning_rate(progress)


def find_gradient_clips(
    model: nn.Module, options: Sequence[GradientClipOptions]
) -> tuple[GradientClip, ...]:
    """Find the parameters of every entry, once for a run.

    Args:
        model: the network, with what shall not learn frozen.
        options: a pattern may match frozen parameters only, but it must match.

    Returns:
        The entries that have something to clip.

    Raises:
        InputError: a pattern matches no parameter, one that learns is in two entries, or in none.
    """
    trainable = trainable_parameters(model)
    everything = dict(model.named_parameters())
    matching = [_matching(everything, one.patterns, f"clip '{one.name}'") for one in options]
    members = [tuple(name for name in names if name in trainable) for names in matching]
    _require_partition(trainable, [one.name for one in options], members, "clip")
    return tuple(
        GradientClip(one.name, tuple(trainable[name] for name in names), one.max_norm)
        for one, names in zip(options, members, strict=True)
        if names
    )


def clip_gradients(entries: Iterable[GradientClip]) -> dict[str, Tensor]:
    """Scale each entry's gradients down to its joint L2 norm, in place.

    To be called once a step, on gradients that are summed up and unscaled. Gradients that are not
    finite give a norm that is not: check the norms before the optimiser steps.

    Returns:
        The norms before clipping, by entry, left on their device so that the host need not wait.
    """
    return {
        entry.name: torch.nn.utils.clip_grad_norm_(entry.parameters, entry.max_norm)
        for entry in entries
    }


def _matching(names: Iterable[str], patterns: Sequence[str], what: str) -> tuple[str, ...]:
    """The names that any pattern matches, in their own order."""
    names = tuple(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            parts = ", ".join(sorted({name.split(".")[0] for name in names}))
            raise InputError(
                f"{what}: pattern '{pattern}' matches none of {len(names)} parameters; "
                f"their names begin with {parts}"
            )
    return tuple(name for name in names if any(fnmatchcase(name, one) for one in patterns))


def _require_partition(
    names: Iterable[str], labels: Sequence[str], members: Sequence[tuple[str, ...]], what: str
) -> None:
    """Each name must be a member of exactly one."""
    owner: dict[str, str] = {}
    for label, owned in zip(labels, members, strict=True):
        for name in owned:
            if name in owner:
                raise InputError(
                    f"'{name}' is in {what} '{owner[name]}' and in {what} '{label}'; "
                    "make the patterns disjoint"
                )
            owner[name] = label
    missing = [name for name in names if name not in owner]
    if missing:
        raise InputError(
            f"{len(missing)} trainable parameters are in no {what}, the first is '{missing[0]}'; "
            f"freeze them or add a {what} for them"
        )
