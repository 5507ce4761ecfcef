"""Whether networks have what is to be drawn, known by their sizes before one is loaded."""

from collections.abc import Sequence

from page4d_cli.model.choice import ModelChoice
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.weights import config_of
from page4d_cli.pipelines.features.options import FeatureOptions, require_comparable


def require_networks(choices: Sequence[ModelChoice], options: FeatureOptions) -> ModelConfig:
    """Refuse networks that lack what is to be drawn, or that do not correspond.

    Nothing is downloaded: the sizes of weights with a name are known.

    Args:
        choices: one, or the two to compare.
        options: what is to be drawn.

    Returns:
        The sizes of the first.

    Raises:
        InputError: a network lacks a layer.
        WeightsError: a file is not there or is for another network; a network lacks the mask head;
            the two differ in depth.
    """
    named = [(choice.weights, config_of(choice.weights)) for choice in choices]
    for name, config in named:
        options.require_network(name, config)
    if len(named) > 1:
        require_comparable(named[0], named[1])
    return named[0][1]
