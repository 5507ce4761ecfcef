"""What each alignment costs when a depth sequence is scored.

    python benchmarks/depth_metrics.py --frames 110

Frames are drawn one at a time, as a sequence is read from files; predictions come at the network's
size and are resized. The baseline is `metric`, which aligns nothing: gathering the valid pixels and
the metrics themselves. Every other row is the whole time under that alignment, and its ratio to the
baseline; all in one process, fastest of several runs. The last lines give all alignments together
and the most memory they take.
"""

import argparse
import os
import resource
import time
from collections.abc import Collection, Iterator

import numpy as np
import torch

from page4d_cli.core.enums import Align
from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.eval.depth import score_depth

MAX_DEPTH_M = 70.0
NETWORK_SIZE = (392, 518)


def draw_frames(count: int, size: tuple[int, int]) -> Iterator[tuple[Float32Array, Float64Array]]:
    """Smooth depth with holes, in steps of 0.2 mm, and a prediction with 10 % noise."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        coarse = torch.from_numpy(rng.uniform(0.5, 8.0, (1, 1, 6, 8)))
        truth, seen = (
            torch.nn.functional.interpolate(coarse, each, mode="bilinear", align_corners=True)
            for each in (size, NETWORK_SIZE)
        )
        noise = np.exp(0.1 * rng.standard_normal(NETWORK_SIZE, np.float32))
        ground_truth = np.rint(truth[0, 0].numpy() * 5000) / 5000
        ground_truth[rng.random(size) < 0.1] = 0
        yield ((seen[0, 0].numpy() - 0.3) / 2.5 * noise).astype(np.float32), ground_truth


def seconds(
    frames: list[tuple[Float32Array, Float64Array]], aligns: Collection[Align], repeats: int
) -> float:
    """Of the fastest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        score_depth(frames, aligns, max_depth=MAX_DEPTH_M)
        best = min(best, time.perf_counter() - start)
    return best


def peak_bytes() -> float:
    """Most memory this process has held."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=110)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("H", "W"))
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    size = (given.size[0], given.size[1])
    score_depth(
        draw_frames(2, size), list(Align), max_depth=MAX_DEPTH_M
    )  # what is loaded on first use
    frames = list(draw_frames(given.frames, size))
    before = peak_bytes()
    scores = score_depth(frames, list(Align), max_depth=MAX_DEPTH_M)
    pixels = scores[Align.METRIC].metrics.valid_pixels
    memory = (peak_bytes() - before) / pixels
    print(f"{given.frames} frames {size[1]}x{size[0]}, {pixels / 1e6:.1f} M valid pixels")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'alignment':>16} {'seconds':>8} {'ratio':>6}")
    baseline = seconds(frames, [Align.METRIC], given.repeats)
    print(f"{Align.METRIC.value:>16} {baseline:8.2f} {1:6.2f}")
    others = [align for align in Align if align is not Align.METRIC]
    for align in others:
        taken = seconds(frames, [align], given.repeats)
        print(f"{align.value:>16} {taken:8.2f} {taken / baseline:6.2f}")
    taken = seconds(frames, list(Align), 1)
    print(f"{'all together':>16} {taken:8.2f} {taken / baseline:6.2f}")
    print(f"memory of all together: {memory:.1f} bytes a valid pixel, beside the frames")


if __name__ == "__main__":
    main()
