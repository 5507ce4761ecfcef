import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from typer.testing import CliRunner, Result

from page4d_cli.app import app
from page4d_cli.core.enums import Precision
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.pipelines.doctor import diagnose as doctor
from page4d_cli.pipelines.doctor.diagnose import probe_import
from page4d_cli.pipelines.doctor.self_test import SelfTestLaw, self_test

PRECISIONS = [Precision.FP32, Precision.BF16]


def page4d(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the slow imports."""
    monkeypatch.setattr(doctor, "PROBED_MODULES", ("json",))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_self_test_passes_here_with_room_to_spare(precision: Precision) -> None:
    laws = self_test(choose_runtime("cpu", precision))
    assert len(laws) == (2 if precision is Precision.FP32 else 3)
    assert all(law.holds for law in laws)
    assert any(law.deviation for law in laws)  # rounding shows: something was computed


def test_the_self_test_notices_attention_that_depends_on_the_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attention = functional.scaled_dot_product_attention

    def forgetful(query: Tensor, key: Tensor, value: Tensor, **options: Tensor) -> Tensor:
        value = value.clone()
        value[..., -1:, :] = 0
        return attention(query, key, value, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", forgetful)
    laws = self_test(choose_runtime("cpu", Precision.FP32))
    assert [law.holds for law in laws] == [True, False]


def test_the_self_test_notices_a_wrong_low_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    linear = functional.linear

    def careless(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return linear(x, weight, bias) * (1.2 if weight.dtype == torch.bfloat16 else 1)

    monkeypatch.setattr(functional, "linear", careless)
    laws = self_test(choose_runtime("cpu", Precision.BF16))
    assert [law.holds for law in laws] == [True, True, False]


def test_the_self_test_notices_values_that_are_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.SiLU, "forward", lambda _self, x: x / 0)
    laws = self_test(choose_runtime("cpu", Precision.FP32))
    assert all(law.deviation is None and not law.holds for law in laws)


@pytest.mark.usefixtures("quick")
def test_doctor_reports_the_machine() -> None:
    result = page4d("doctor", "--device", "cpu", "--dtype", "fp32", "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    assert (report["device"], report["precision"]) == ("cpu", "fp32")
    assert report["devices"][-1]["name"] == "cpu"
    assert report["weights"][0]["name"] == "page4d"
    assert report["disks"][0]["free_bytes"] > 0
    assert report["imports"] == [{"module": "json", "error": None, "advice": None}]
    assert report["is_healthy"]
    places = {(one["device"], one["precision"]): one for one in report["placements"]}
    assert places.keys() == {("cuda", "bf16"), ("cuda", "fp16"), ("mps", "fp32")}
    assert all(one["holds"] and one["products"] > 100 for one in places.values())


@pytest.fixture
def one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """One fake device is enough."""
    monkeypatch.setattr(doctor, "PLACES", (("cuda", Precision.BF16),))


@pytest.mark.usefixtures("quick", "one_place")
def test_doctor_speaks_to_people() -> None:
    result = page4d("doctor", "--device", "cpu")
    assert result.exit_code == 0
    for text in (
        "versions",
        "picked     ",
        "random: ready",
        "json: works",
        "ok     frame by frame",
        "placement  ok     bf16 on cuda",
    ):
        assert text in result.stdout


@pytest.mark.usefixtures("quick", "one_place")
def test_a_failed_self_test_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (SelfTestLaw("one is one", 0.5, 0.1), SelfTestLaw("zero is zero", None, 0.1))
    monkeypatch.setattr(doctor, "self_test", lambda _runtime: broken)
    result = page4d("doctor", "--device", "cpu")
    assert result.exit_code == 1
    assert "FAILED one is one: deviation 5.0e-01 of at most 1e-01" in result.stdout
    assert "FAILED zero is zero: deviation not finite" in result.stdout
    result = page4d("doctor", "--device", "cpu", "--json")
    assert result.exit_code == 1
    assert not json.loads(result.stdout)["is_healthy"]


@pytest.mark.usefixtures("quick")
def test_a_device_that_is_not_there_exits_2() -> None:
    result = page4d("doctor", "--device", "cuda:99")
    assert result.exit_code == 2
    assert "error: device cuda:99" in result.stderr


def test_help_carries_an_example() -> None:
    assert "page4d doctor --device cpu" in page4d("doctor", "-h").stdout


@pytest.mark.parametrize(
    ("code", "error", "advice"),
    [
        ("print('noise')", None, None),
        (
            "raise OSError('libGL.so.1: cannot open shared object file')",
            "OSError: libGL.so.1: cannot open shared object file",
            "apt-get install libegl1 libgl1 libusb-1.0-0",
        ),
        ("raise ValueError('odd')", "ValueError: odd", None),
        ("import os; os.abort()", "ended with status -6", None),
    ],
)
def test_an_import_is_tried_in_a_process_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: str,
    error: str | None,
    advice: str | None,
) -> None:
    (tmp_path / "fragile.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    probe = probe_import("fragile")
    assert (probe.error, probe.advice) == (error, advice)
    assert capfd.readouterr().out == ""


def test_a_package_that_is_not_installed_says_how_to_get_it() -> None:
    probe = probe_import("page4d_has_no_such_module")
    assert probe.error == "ModuleNotFoundError: No module named 'page4d_has_no_such_module'"
    assert probe.advice == "pip install page4d_has_no_such_module"
