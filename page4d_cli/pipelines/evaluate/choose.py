"""Which sequences of a data set an evaluation is about."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.find import FoundSequence, find_sequences, resolve_root
from page4d_cli.pipelines.evaluate.options import EvaluationOptions


@dataclass(frozen=True)
class ChosenSequence:
    """A sequence that counts, on the disk or not."""

    name: str
    found: FoundSequence | None
    """None if the benchmark lists it and the data set's folder lacks it."""


@dataclass(frozen=True)
class Choice:
    """The sequences, and where they are."""

    root: Path
    sequences: tuple[ChosenSequence, ...]
    all_names: tuple[str, ...]
    """Names of all sequences there, chosen or not."""


def choose_sequences(options: EvaluationOptions) -> Choice:
    """Take the named sequences; else the benchmark's list if any of it is there; else all.

    Raises:
        DatasetError: there is no sequence, or a named one is not there.
    """
    root = resolve_root(options.dataset, options.root)
    there = find_sequences(options.dataset, root)
    found = {one.name: one for one in there}
    names = options.sequences or _by_default(options, there, root)
    absent = [name for name in options.sequences if name not in found]
    if absent:
        close = difflib.get_close_matches(absent[0], found, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise DatasetError(
            f"--sequences {', '.join(absent)}: not in {root}{guess}; there are {', '.join(found)}"
        )
    chosen = tuple(ChosenSequence(name, found.get(name)) for name in dict.fromkeys(names))
    return Choice(root, chosen, tuple(found))


def _by_default(options: EvaluationOptions, found: list[FoundSequence], root: Path) -> list[str]:
    names = [one.name for one in found]
    listed = options.benchmark_sequences
    root_is_a_sequence = found[0].folder == root
    return names if root_is_a_sequence or not set(listed) & set(names) else list(listed)
