"""The losses that make the objective, one a field: a new one is a file beside this and a field.

The defaults are those of the original training. Where the original behaves worse than it should,
the default departs from it; `quirks` switches each departure back.
"""

from dataclasses import dataclass, field

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.absolute_pose import AbsolutePoseOptions
from page4d_cli.train.losses.camera import CameraLossOptions
from page4d_cli.train.losses.dense import DepthLossOptions, PointLossOptions
from page4d_cli.train.losses.loss import Loss
from page4d_cli.train.losses.places import PlacesOptions
from page4d_cli.train.losses.quirks import Quirks


@dataclass(frozen=True)
class LossOptions:
    """Everything that shapes the objective."""

    camera: CameraLossOptions = field(default_factory=CameraLossOptions)
    depth: DepthLossOptions = field(default_factory=DepthLossOptions)
    point: PointLossOptions = field(default_factory=PointLossOptions)
    absolute_pose: AbsolutePoseOptions | None = None
    """A head beside the network that helps small ones to learn cameras; scenes must share a room.
    It is left behind when training ends."""
    places: PlacesOptions | None = None
    """The same for the places that patches show."""
    quirks: Quirks = field(default_factory=Quirks)

    def __post_init__(self) -> None:
        if not self.losses:
            raise InputError("every loss has weight 0; give one of them a weight to learn from")

    @property
    def losses(self) -> dict[str, Loss]:
        """Those that are on, by name; a weight of 0 switches one off."""
        each = ((name, loss) for name, loss in vars(self).items() if isinstance(loss, Loss))
        return {name: loss for name, loss in each if loss.weight > 0}

    @classmethod
    def original(cls) -> "LossOptions":
        """The original's, quirks included."""
        return cls(quirks=Quirks.original())
