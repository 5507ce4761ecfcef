"""The networks whose layers are drawn: known by their sizes first, loaded one at a time."""

from collections.abc import Callable

from page4d_cli.model.config import ModelConfig
from page4d_cli.model.weights import LoadedModel, config_of, load_model
from page4d_cli.pipelines.features.options import FeatureOptions, require_comparable
from page4d_cli.pipelines.infer.scenes import ModelChoice


class Networks:
    """Holds the network that was asked for last, and never two.

    Args:
        on_model: told about each one that is loaded.
    """

    def __init__(self, on_model: Callable[[LoadedModel], None]) -> None:
        self._on_model = on_model
        self._choice: ModelChoice | None = None
        self._model: LoadedModel | None = None

    def get(self, choice: ModelChoice) -> LoadedModel:
        """A network without its heads; the caller lets go of it before asking for another.

        Raises:
            WeightsError: the weights are not there, or are not for this network.
            DeviceError: this machine lacks the device or the precision.
        """
        if self._model is None or self._choice != choice:
            self._model = None
            model = load_model(
                choice.weights,
                variant=choice.variant,
                device=choice.device,
                precision=choice.precision,
            )
            model.camera_head = model.depth_head = model.point_head = None
            self._choice, self._model = choice, model
            self._on_model(model)
        return self._model


def require_networks(choices: list[ModelChoice], options: FeatureOptions) -> ModelConfig:
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
