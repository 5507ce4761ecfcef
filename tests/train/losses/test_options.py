import pytest

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.options import (
    CameraLossOptions,
    DepthLossOptions,
    GradientTerm,
    LossOptions,
    PointLossOptions,
    Quirks,
)


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
