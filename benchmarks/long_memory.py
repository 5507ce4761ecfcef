"""Peak memory and disk of `page4d infer` in windows, by the number of frames.

    python benchmarks/long_memory.py --frames 200,1000,5000

Draws a video, runs each length in a process of its own with the random network, and prints the most
memory the process held, what that is over the run of 1,000 frames (or the longest), and the bytes a
pixel that the windows take on the disk.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from page4d_cli.core.types import UInt8Array
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.io.formats.video import write_video
from page4d_cli.io.whole.scratch import ScratchFile
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.runtime import peak_memory_bytes
from page4d_cli.model.weights import load_model
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.windows import write_run_in_windows

HEIGHT, WIDTH = 42, 56
VIDEO = "drawn.mp4"
REFERENCE = 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", default="200,1000,5000", help="lengths, with commas between")
    parser.add_argument("--window", type=int, default=40)
    parser.add_argument("--overlap", type=int, default=4)
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only is not None:
        print(json.dumps(measure(arguments)))
        return
    lengths = [int(word) for word in arguments.frames.split(",")]
    results = {}
    with TemporaryDirectory() as folder:
        write_video(Path(folder) / VIDEO, pictures(max(lengths)), 30)
        for length in lengths:
            words = [sys.executable, *sys.argv, "--folder", folder, "--only", str(length)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            results[length] = json.loads(done.stdout)
    reference = results[REFERENCE if REFERENCE in results else max(lengths)]["peak"]
    print(f"{'frames':>8}{'peak MiB':>10}{'ratio':>8}{'windows, bytes a pixel':>24}{'run':>8}")
    for length, result in results.items():
        print(
            f"{length:8d}{result['peak'] / 2**20:10.0f}{result['peak'] / reference:8.3f}"
            f"{result['windows']:24.2f}{result['seconds']:7.0f}s"
        )


def pictures(count: int) -> Iterator[UInt8Array]:
    """A patch of noise that wanders."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (HEIGHT * 2, WIDTH * 2, 3), np.uint8)
    for index in range(count):
        x, y = (
            round(side * (1 + np.sin(index / pace)) / 2)
            for side, pace in ((WIDTH, 97), (HEIGHT, 61))
        )
        yield noise[y : y + HEIGHT, x : x + WIDTH]


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """One run, in this process."""
    out = arguments.folder / f"{arguments.only}"
    spans = WindowChoice(arguments.window, arguments.overlap).spans(arguments.only)
    model = load_model("random", device="cpu")
    with ScratchFile(out) as scratch:
        start = time.perf_counter()
        choice = FrameChoice(max_frames=arguments.only)
        frames = choice.load(str(arguments.folder / VIDEO), WIDTH, scratch)
        write_run_in_windows(model, frames, spans, out, RunOptions())
        seconds = time.perf_counter() - start
    held = sum(path.stat().st_size for path in (out / "windows").iterdir())
    seen = sum(stop - first for first, stop in spans)
    peak = peak_memory_bytes(model.runtime.device)["host"]
    assert peak is not None
    return {"peak": peak, "windows": held / (seen * HEIGHT * WIDTH), "seconds": seconds}


if __name__ == "__main__":
    main()
