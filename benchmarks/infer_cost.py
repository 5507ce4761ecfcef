"""What inference costs on this machine: seconds, share of the hardware's rate, and memory.

    python benchmarks/infer_cost.py --frames 2 4 --dtype fp32 bf16 --mask off on

The network has its full size and random weights. Every row runs in a process of its own, which
also measures the rate of its largest linear layer, in the same number format: the baseline. Memory
is the process's peak above the weights, outputs included; `MB/frame` is the slope from the row
before, or from a row with half the frames that is added for it. The last lines load a checkpoint
of full size, beside reading the same file.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from page4d_cli.core.enums import Head, Precision, Variant
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.network import Page4D
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.model.weights import load_model, tensor_dtypes

MEGABYTE = 1e6


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    frames: int
    dtype: str
    mask: bool
    height: int
    width: int
    device: str
    heads: tuple[str, ...]
    repeats: int


@dataclass(frozen=True)
class Cost:
    """What a case measured."""

    aggregator_s: float
    heads_s: float
    linear_flops: float
    """Floating-point operations a second of the baseline."""
    aggregator_flops: float
    peak_above_weights_mb: float
    outputs_mb: float


def aggregator_operations(config: ModelConfig, frames: int, patches: int) -> float:
    """Floating-point operations of the matrix products in aggregator and patch embedder."""
    width, embed = config.width, config.patch_embed
    tokens = patches + 1 + config.num_register_tokens
    linear = 2 * (4 + 2 * config.mlp_ratio) * width**2  # per token and block

    def block(sequences: int, length: int) -> float:
        return sequences * (linear * length + 4 * length**2 * width)

    patch_pixels = 3 * config.patch_size**2
    return (
        2 * frames * patches * patch_pixels * width
        + embed.depth * block(frames, patches + 1 + embed.num_register_tokens)
        + config.depth * (block(frames, tokens) + block(1, frames * tokens))
    )


def network(case: Case) -> Page4D:
    """A network of full size with random numbers in it, in the formats that loading gives."""
    runtime = choose_runtime(case.device, Precision(case.dtype))
    with torch.device("meta"):
        model = Page4D(ModelConfig(), mask_strength=float(case.mask))
    generator = torch.Generator(runtime.device).manual_seed(0)
    state = {}
    for name, dtype in tensor_dtypes(model, runtime.dtype).items():
        shape = model.get_parameter(name).shape
        state[name] = torch.empty(shape, dtype=dtype, device=runtime.device)
        state[name].uniform_(-0.02, 0.02, generator=generator)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def fastest(work: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Seconds of the fastest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best


def linear_rate(config: ModelConfig, tokens: int, model: Page4D) -> float:
    """Operations a second of the first MLP layer on as many tokens as the clip has."""
    layer = next(m for m in model.aggregator.frame_blocks.modules() if isinstance(m, nn.Linear))
    hidden = int(config.width * config.mlp_ratio)
    weight = torch.randn(hidden, config.width).to(layer.weight)
    x = torch.randn(tokens, config.width).to(layer.weight)
    work = lambda: functional.linear(x, weight)  # noqa: E731
    fastest(work, x.device, 2)
    return 2 * tokens * config.width * hidden / fastest(work, x.device, 10)


def memory_now(device: torch.device) -> float:
    """Bytes held at present, and from here on the peak is counted anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak restarts at the present value
    return _proc_status("VmRSS")


def memory_peak(device: torch.device) -> float:
    """The most bytes held since `memory_now`."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return _proc_status("VmHWM")


def _proc_status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(key))


def measure(case: Case) -> Cost:
    """Run one case in this process."""
    model = network(case)
    device = next(model.parameters()).device
    heads = {Head(head) for head in case.heads}
    images = torch.rand(1, case.frames, 3, case.height, case.width, device=device)
    patches = (case.height // 14) * (case.width // 14)
    tokens = case.frames * (patches + 5)
    with torch.inference_mode():
        rate = linear_rate(model.config, tokens, model)
        before = memory_now(device)
        aggregator_s = float("inf")
        for _ in range(case.repeats):
            encoding = None  # the one before must not count as memory
            start = time.perf_counter()
            encoding = model.encode(images, heads=heads)
            synchronise(device)
            aggregator_s = min(aggregator_s, time.perf_counter() - start)
        assert encoding is not None
        start = time.perf_counter()
        outputs_mb = 0.0
        at_once = 8 if device.type == "cuda" else 1
        for head in encoding.maps:
            for begin in range(0, case.frames, at_once):
                values, confidence = model.decode(encoding, head, slice(begin, begin + at_once))
                for part in (values, confidence):
                    outputs_mb += part.cpu().nbytes / MEGABYTE
        heads_s = time.perf_counter() - start
        peak = memory_peak(device)
    operations = aggregator_operations(model.config, case.frames, patches)
    return Cost(
        aggregator_s,
        heads_s,
        rate,
        operations / aggregator_s,
        (peak - before) / MEGABYTE,
        outputs_mb,
    )


def in_own_process(arguments: list[str]) -> dict[str, float]:
    """Run this script in a new process and read the JSON it prints."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def print_table(cases: list[Case]) -> None:
    """Measure every case and print a row for each."""
    print(
        f"{'dtype':6}{'mask':>5}{'frames':>7}{'aggregator s':>14}{'s/frame':>9}{'GFLOP/s':>9}"
        f"{'of linear':>10}{'heads s/frame':>14}{'peak MB':>9}{'MB/frame':>9}{'outputs':>9}"
    )
    last: dict[tuple[str, bool], tuple[int, float]] = {}
    for case in cases:
        cost = Cost(**in_own_process(["--case", json.dumps(asdict(case))]))
        key = (case.dtype, case.mask)
        slope = ""
        if key in last and last[key][0] != case.frames:
            frames, peak = last[key]
            slope = f"{(cost.peak_above_weights_mb - peak) / (case.frames - frames):.1f}"
        last[key] = (case.frames, cost.peak_above_weights_mb)
        print(
            f"{case.dtype:6}{'on' if case.mask else 'off':>5}{case.frames:>7}"
            f"{cost.aggregator_s:>14.2f}{cost.aggregator_s / case.frames:>9.3f}"
            f"{cost.aggregator_flops / 1e9:>9.0f}"
            f"{cost.aggregator_flops / cost.linear_flops:>10.0%}"
            f"{cost.heads_s / case.frames:>14.3f}{cost.peak_above_weights_mb:>9.0f}{slope:>9}"
            f"{cost.outputs_mb / case.frames:>9.1f}",
            flush=True,
        )


def print_load(dtypes: list[str], device: str) -> None:
    """Write a checkpoint of full size, then load it in a process of its own."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "full.safetensors"
        model = network(Case(1, "fp32", False, 14, 14, "cpu", (), 1))
        save_checkpoint(path, model.state_dict(), model.config, Variant.NOMASK)
        del model
        size = path.stat().st_size
        for dtype in dtypes:
            in_own_process(["--load-once", str(path), dtype, device])  # warms the page cache
            result = in_own_process(["--load-once", str(path), dtype, device])
            print(
                f"load {size / 1e9:.2f} GB safetensors as {dtype}: {result['seconds']:.2f} s, "
                f"peak memory {result['peak'] / size:.2f}× the file, "
                f"sequential read of the same file {result['read']:.2f} s"
            )


def load_once(path: Path, dtype: str, device: str) -> dict[str, float]:
    """Load a checkpoint in this process; the baseline is reading the file once."""
    target = torch.device("cpu")
    before = memory_now(target)
    start = time.perf_counter()
    load_model(path, device=device, precision=Precision(dtype))
    seconds = time.perf_counter() - start
    peak = memory_peak(target) - before
    start = time.perf_counter()
    with path.open("rb") as file:
        while file.read(1 << 24):
            pass
    return {"seconds": seconds, "peak": peak, "read": time.perf_counter() - start}


def main() -> None:
    """Parse the command line; `--case` and `--load-once` are the processes it starts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--dtype", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--mask", nargs="+", choices=["off", "on"], default=["off"])
    parser.add_argument("--size", type=int, nargs=2, default=(392, 518), metavar=("H", "W"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--heads", nargs="+", default=[head.value for head in Head])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--no-load", action="store_true", help="leave out the loading")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--load-once", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(asdict(measure(Case(**json.loads(given.case))))))
    elif given.load_once:
        print(json.dumps(load_once(Path(given.load_once[0]), *given.load_once[1:])))
    else:
        print_table(cases_of(given))
        if not given.no_load:
            print_load(given.dtype, given.device)


def cases_of(given: argparse.Namespace) -> list[Case]:
    """The rows that were asked for; a single count of frames gets one of half of it before."""
    height, width = given.size
    counts = given.frames
    if len(counts) == 1 and counts[0] > 1:
        counts = [counts[0] // 2, *counts]
    return [
        Case(
            frames,
            dtype,
            mask == "on",
            height,
            width,
            given.device,
            tuple(given.heads),
            given.repeats,
        )
        for dtype in given.dtype
        for mask in given.mask
        for frames in counts
    ]


if __name__ == "__main__":
    main()
