"""What `page4d --help` costs beside importing Typer alone.

    python benchmarks/help_cost.py

Both are whole processes; the fastest of several runs counts.
"""

import subprocess
import sys
import time

RUNS = 10


def fastest(*command: str) -> float:
    """Seconds of the fastest run of a command."""
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> None:
    """Print both and their ratio."""
    alone = fastest("-c", "import typer")
    help_ = fastest("-m", "page4d_cli", "--help")
    print(f"import typer {alone:.3f} s, page4d --help {help_:.3f} s: {help_ / alone:.2f}×")


if __name__ == "__main__":
    main()
