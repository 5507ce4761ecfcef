from collections.abc import Callable

import pytest
import torch

from page4d_cli.core.enums import Precision
from page4d_cli.core.errors import DeviceError
from page4d_cli.model import runtime
from page4d_cli.model.runtime import choose_runtime

CudaFaker = Callable[..., None]


@pytest.fixture
def no_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> CudaFaker:
    def fake(capability: tuple[int, int], count: int = 2) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)

    return fake


@pytest.fixture
def fake_mps(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def fake(macos: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        monkeypatch.setattr(
            torch.backends.mps, "is_macos_or_newer", lambda major, _minor: macos >= major
        )

    return fake


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_on_a_cpu_takes_bf16_only_where_it_is_native(
    monkeypatch: pytest.MonkeyPatch, native: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(runtime, "_cpu_computes_bf16", lambda: native)
    picked = choose_runtime()
    assert (picked.device, picked.dtype) == (torch.device("cpu"), dtype)


@pytest.mark.parametrize(
    ("capability", "precision"), [((9, 0), Precision.BF16), ((7, 5), Precision.FP16)]
)
def test_auto_prefers_cuda_with_the_best_format_it_has(
    fake_cuda: CudaFaker, capability: tuple[int, int], precision: Precision
) -> None:
    fake_cuda(capability)
    picked = choose_runtime()
    assert (picked.device, picked.precision) == (torch.device("cuda", 0), precision)


def test_auto_takes_mps_in_fp32_where_there_is_no_cuda(fake_mps: Callable[[int], None]) -> None:
    fake_mps(15)
    picked = choose_runtime()
    assert (picked.device.type, picked.precision) == ("mps", Precision.FP32)
    assert choose_runtime("mps", Precision.BF16).dtype == torch.bfloat16


def test_old_macos_has_no_bf16(fake_mps: Callable[[int], None]) -> None:
    fake_mps(13)
    with pytest.raises(DeviceError, match="needs macOS 14 or newer; use fp16 or fp32"):
        choose_runtime("mps", Precision.BF16)


def test_device_and_precision_can_be_chosen(fake_cuda: CudaFaker) -> None:
    fake_cuda((9, 0))
    assert choose_runtime("cuda:1", Precision.FP32).device == torch.device("cuda", 1)
    assert choose_runtime("cpu", Precision.FP32).device == torch.device("cpu")


def test_old_cuda_refuses_bf16_and_names_what_it_has(fake_cuda: CudaFaker) -> None:
    fake_cuda((7, 5))
    with pytest.raises(DeviceError, match=r"capability 8.0 or newer, cuda:0 has 7.5; use fp16"):
        choose_runtime("cuda", Precision.BF16)


def test_cuda_index_that_is_not_there(fake_cuda: CudaFaker) -> None:
    fake_cuda((9, 0), count=2)
    with pytest.raises(DeviceError, match=r"cuda:7 is not there; use one of: auto, cuda:0, cuda:1"):
        choose_runtime("cuda:7")


@pytest.mark.usefixtures("no_accelerator")
@pytest.mark.parametrize("word", ["cuda", "cuda:0", "mps"])
def test_absent_accelerator_names_what_is_there(word: str) -> None:
    with pytest.raises(DeviceError, match=f"device {word}.*use one of: auto, cpu"):
        choose_runtime(word)


@pytest.mark.parametrize("word", ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "CUDA"])
def test_unknown_device_words_name_the_allowed_ones(word: str) -> None:
    with pytest.raises(DeviceError, match=f"'{word}'; allowed: auto, cpu, mps, cuda, cuda:N"):
        choose_runtime(word)


def test_fp16_on_a_cpu_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(DeviceError, match="fp16 is not supported on a CPU; use fp32 or bf16"):
        choose_runtime("cpu", Precision.FP16)


@pytest.mark.parametrize("capability", ["avx512_bf16", "amx_bf16"])
def test_cpu_instructions_decide_about_bf16(
    monkeypatch: pytest.MonkeyPatch, capability: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True}, raising=False)
    assert runtime._cpu_computes_bf16()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert not runtime._cpu_computes_bf16()


def test_older_torch_is_asked_by_its_private_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert runtime._cpu_computes_bf16()
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not runtime._cpu_computes_bf16()


def test_the_cpu_is_described_and_its_memory_counted() -> None:
    cpu = torch.device("cpu")
    assert cpu in runtime.available_devices()
    assert "threads" in runtime.describe_device(cpu)
    before = runtime.peak_memory_bytes(cpu)
    block = torch.ones(before["host"] // 4 + 16_000_000)  # as many bytes as the peak, and 64 MB
    after = runtime.peak_memory_bytes(cpu)
    assert after["host"] > before["host"]
    assert after["device"] is None
    del block
