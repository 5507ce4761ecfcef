"""The network on a CUDA device; skipped where there is none."""

import pytest
import torch
from safetensors.torch import load_file
from support import ORACLE, relative_difference

from page4d_cli.core.enums import Precision
from page4d_cli.model.network import Page4D
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.model.weights import tensor_dtypes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]


@pytest.fixture
def full_fp32(monkeypatch):
    """No TF32 in convolutions, so that fp32 is comparable with a CPU's."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.usefixtures("full_fp32")
@pytest.mark.parametrize("variant", ["nomask", "mask"])
def test_oracle(oracle_model, variant):
    expected = load_file(ORACLE / f"{variant}_1.safetensors")
    model = Page4D(oracle_model.config, mask_strength=float(variant == "mask")).cuda()
    model.load_state_dict(oracle_model.state_dict())
    with torch.inference_mode():
        result = model(expected["images"].cuda())
    for name in ("depth", "depth_conf", "world_points", "world_points_conf"):
        assert relative_difference(result[name].cpu(), expected[name]) < 5e-5
    assert relative_difference(result["pose_enc"].cpu(), expected["pose_enc.3"]) < 5e-5


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16])
def test_half_precision_is_close(oracle_model, precision):
    expected = load_file(ORACLE / "mask_1.safetensors")
    runtime = choose_runtime("cuda", precision)
    model = Page4D(oracle_model.config, mask_strength=1.0)
    dtypes = tensor_dtypes(model, runtime.dtype)
    state = {n: t.to(runtime.device, dtypes[n]) for n, t in oracle_model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    with torch.inference_mode():
        result = model(expected["images"].cuda())
    assert relative_difference(result["depth"].cpu(), expected["depth"]) < 0.05


def test_forward_never_waits_for_the_device(oracle_model):
    images = torch.rand(1, 3, 3, 42, 56, device="cuda")
    model = Page4D(oracle_model.config, mask_strength=1.0).cuda()
    with torch.inference_mode():
        model(images)  # fills the tables that are kept per shape
        torch.cuda.set_sync_debug_mode("error")
        try:
            model(images)
        finally:
            torch.cuda.set_sync_debug_mode("default")
