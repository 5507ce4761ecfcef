"""What each command's `--help` costs beside importing Typer alone.

    python benchmarks/help_cost.py

All are whole processes. Counted is the processor's time, which hardly depends on what else the
machine does; the smallest of several runs.
"""

import resource
import subprocess
import sys

from typer.core import TyperGroup
from typer.main import get_command

from page4d_cli.app import app

RUNS = 5


def children_s() -> float:
    """Processor seconds of all processes that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cheapest(*command: str) -> float:
    """Seconds of the cheapest run of a command."""
    best = float("inf")
    for _ in range(RUNS):
        before = children_s()
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        best = min(best, children_s() - before)
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
    alone = cheapest("-c", "import typer")
    print(f"import typer {alone:.3f} s; at most twice that is the aim")
    for words in commands():
        help_ = cheapest("-m", "page4d_cli", *words, "--help")
        print(f"{' '.join(words) or 'page4d':<20}{help_:.3f} s {help_ / alone:5.2f}×")


if __name__ == "__main__":
    main()
