"""Draw how a training run's losses fell.

    python benchmarks/training_curve.py runs/tiny/log.jsonl --picture tiny_curve.png

Every term is a running mean over some logged steps, relative to its first value, so that terms of
different units share one axis.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

TERMS = {
    "loss_places": "places of patches",
    "loss_absolute_pose": "pose in the room",
    "loss_T": "translation",
    "loss_R": "rotation",
    "loss_FL": "field of view",
    "loss_reg_depth": "depth",
}


def main() -> None:
    """Read the log, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("--picture", type=Path, default=Path("curve.png"))
    parser.add_argument("--mean", type=int, default=15, help="logged steps in a running mean")
    arguments = parser.parse_args()

    lines = [json.loads(line) for line in arguments.log.read_text("utf-8").splitlines()]
    steps = [line for line in lines if line["phase"] == "train"]
    kernel = np.ones(arguments.mean) / arguments.mean
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.add_subplot()
    numbers = np.convolve([line["step"] for line in steps], kernel, "valid")
    for term, name in TERMS.items():
        values = [line[term] for line in steps if term in line]
        if len(values) == len(steps):
            means = np.convolve(values, kernel, "valid")
            axes.plot(numbers, means / means[0], label=name)
    rates = [max(v for k, v in line.items() if k.startswith("lr/")) for line in steps]
    shown = np.convolve(rates, kernel, "valid") / max(rates)
    axes.plot(numbers, shown, color="grey", linestyle=":", label="learning rate")
    axes.set(xlabel="step", ylabel="relative to the beginning", yscale="log")
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(arguments.picture, dpi=110)


if __name__ == "__main__":
    main()
