"""Weights that a run starts from."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from page4d_cli.core.errors import InputError
from page4d_cli.model.checkpoint import read_checkpoint
from page4d_cli.model.compatibility import examine
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.network import Page4D
from page4d_cli.model.weights import locate


@dataclass(frozen=True)
class InitialWeights:
    """Tensors that fit a network, but for a mask head that may be new."""

    tensors: Mapping[str, Tensor]
    notice: str
    """What was taken and what was not, in words."""

    @classmethod
    def find(cls, name_or_path: str, config: ModelConfig) -> "InitialWeights":
        """Look at weights before anything is built.

        Args:
            name_or_path: as for `load_model`.
            config: of the network that shall have them.

        Raises:
            WeightsError: they are not there, or cannot be read.
            InputError: they are of another network.
        """
        checkpoint = read_checkpoint(locate(name_or_path))
        fit = examine(dataclasses.replace(checkpoint, config=config))
        mask_head = [name for name in fit.missing if ".spatial_mask_head." in name]
        if fit.unexpected or fit.mismatched or len(fit.missing) > len(mask_head):
            raise InputError(f"init_from: {name_or_path} {fit.problem()}")
        tensors = {name: t for name, t in checkpoint.tensors.items() if name not in fit.ignored}
        new = f", {len(mask_head)} of the mask head stay random" if mask_head else ""
        left = f", {len(fit.ignored)} of the track head ignored" if fit.ignored else ""
        return cls(tensors, f"took {len(tensors)} tensors from {name_or_path}{new}{left}")

    def give_to(self, network: Page4D) -> None:
        """Load them into a network that has random ones."""
        network.load_state_dict(self.tensors, strict=False)
