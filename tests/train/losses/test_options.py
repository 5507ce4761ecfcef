import dataclasses

import pytest
from train_support import encode, perfect

from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import decode
from page4d_cli.train.losses.camera import CameraLossOptions
from page4d_cli.train.losses.dense import DepthLossOptions, GradientTerm, PointLossOptions
from page4d_cli.train.losses.loss import Loss, LossTerms
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.quirks import Quirks


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PointLossOptions(valid_range=98), "valid_range is 98; give a share above 0"),
        (lambda: PointLossOptions(weight=-1), "weight is -1; give a finite number"),
        (lambda: DepthLossOptions(alpha=float("nan")), "alpha is nan; give a finite number"),
        (lambda: DepthLossOptions(gradient=GradientTerm.NORMAL), "give none, grad or grad_conf"),
        (lambda: CameraLossOptions(gamma=0), "gamma of the camera is 0; give a number above 0"),
        (lambda: CameraLossOptions(weight_focal=float("inf")), "weight_focal is inf"),
    ],
)
def test_nonsense_is_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()


def test_the_original_has_every_quirk_and_the_default_none():
    assert all(vars(LossOptions.original().quirks).values())
    assert not any(vars(Quirks()).values())


@dataclasses.dataclass(frozen=True)
class BrightnessLoss(Loss):
    """As somebody would add one."""

    weight: float = 7.0

    def compare(self, given):
        total = given.predictions.depth.values.mean()
        return LossTerms(total, {"loss_brightness": total})


@dataclasses.dataclass(frozen=True)
class WithOneMore(LossOptions):
    brightness: BrightnessLoss | None = None


def test_a_field_is_all_that_a_new_loss_needs(random_batch):
    """Its keys of the configuration, its weight and its curve follow."""
    options = decode(WithOneMore, {"brightness": {"weight": 3}}, "", defaults=True)
    given = perfect(random_batch), random_batch, encode(random_batch)
    plain, more = compute_losses(*given, WithOneMore()), compute_losses(*given, options)
    assert more.terms.keys() - plain.terms.keys() == {"loss_brightness"}
    expected = plain.objective + 3 * more.terms["loss_brightness"]
    assert more.objective.item() == pytest.approx(expected.item(), rel=1e-6)
