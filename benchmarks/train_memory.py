"""What checkpointed activations save and cost: memory and time of one training step.

    python benchmarks/train_memory.py --frames 4 --depth 12

A network of the released width, as deep as asked for, goes forward and back on random pictures,
without (the baseline) and with `checkpoint_activations`, each in a process of its own. Memory is
the peak above what is held before the step. CPU, fp32, Linux.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from page4d_cli.model.config import DPTConfig, ModelConfig, PatchEmbedConfig
from page4d_cli.model.random_weights import random_model


def measure(frames: int, depth: int, size: tuple[int, int], checkpointed: bool) -> dict[str, float]:
    """Seconds and peak bytes of one step in this process."""
    config = dataclasses.replace(
        ModelConfig(),
        depth=depth,
        patch_embed=PatchEmbedConfig(depth=1),
        dpt_head=DPTConfig(layers=(depth - 4, depth - 3, depth - 2, depth - 1)),
        spatial_mask=None,
    )
    model = random_model(config, 0)
    model.aggregator.checkpoint_activations = checkpointed
    for parameter in model.parameters():  # gradients are not what is compared
        parameter.grad = torch.zeros_like(parameter)
    images = torch.rand(1, frames, 3, *size)
    Path("/proc/self/clear_refs").write_text("5")  # the peak restarts at the present value
    before = resident("VmRSS")
    start = time.perf_counter()
    result = model(images)
    loss = torch.stack([result[k].mean() for k in ("pose_enc", "depth", "world_points")]).sum()
    loss.backward()
    return {"seconds": time.perf_counter() - start, "bytes": resident("VmHWM") - before}


def resident(key: str) -> float:
    """A number of bytes from this process's status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(key))


def main() -> None:
    """Print both rows and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--size", type=int, nargs=2, default=(168, 224), metavar=("H", "W"))
    parser.add_argument("--checkpointed", choices=["yes", "no"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.checkpointed:
        size = (given.size[0], given.size[1])
        cost = measure(given.frames, given.depth, size, given.checkpointed == "yes")
        print(json.dumps(cost))
        return
    rows = []
    for checkpointed in ("no", "yes"):
        words = [sys.executable, __file__, *sys.argv[1:], "--checkpointed", checkpointed]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout))
        row = rows[-1]
        print(f"checkpointed {checkpointed:4}{row['bytes'] / 1e6:8.0f} MB {row['seconds']:8.1f} s")
    memory, seconds = (rows[1][key] / rows[0][key] for key in ("bytes", "seconds"))
    print(f"ratio            {memory:8.2f}    {seconds:8.2f}")


if __name__ == "__main__":
    main()
