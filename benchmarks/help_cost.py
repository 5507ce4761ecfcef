"""What each command's `--help` costs beside importing Typer alone.

    python benchmarks/help_cost.py

All are whole processes; the fastest of several runs counts.
"""

import subprocess
import sys
import time

from typer.core import TyperGroup
from typer.main import get_command

from page4d_cli.app import app

RUNS = 5


def fastest(*command: str) -> float:
    """Seconds of the fastest run of a command."""
    best = float("inf")
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def commands() -> list[list[str]]:
    """The words of every command; none for the program itself."""
    words: list[list[str]] = [[]]
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    for name, command in root.commands.items():
        words.append([name])
        if isinstance(command, TyperGroup):
            words += [[name, each] for each in command.commands]
    return words


def main() -> None:
    """Print all of them, as multiples of the import."""
    alone = fastest("-c", "import typer")
    print(f"import typer {alone:.3f} s; at most twice that is the aim")
    for words in commands():
        help_ = fastest("-m", "page4d_cli", *words, "--help")
        print(f"{' '.join(words) or 'page4d':<20}{help_:.3f} s {help_ / alone:5.2f}×")


if __name__ == "__main__":
    main()
