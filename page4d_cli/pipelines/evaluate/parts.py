"""What is known of each sequence of an evaluation: a file each, written when it has been scored.

Whoever scores a sequence writes its file, in whatever process and on whatever machine; nothing else
passes between them.
"""

from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import read_json, to_text
from page4d_cli.pipelines.evaluate.choose import ChosenSequence
from page4d_cli.pipelines.evaluate.results import SequenceResult, write_text


@dataclass(frozen=True)
class Parts:
    """The folder of these files."""

    folder: Path

    def path(self, index: int) -> Path:
        """Where the result of a sequence belongs."""
        return self.folder / f"sequence-{index}.json"

    def read(self, index: int) -> SequenceResult | None:
        """A sequence's result; None if there is none."""
        try:
            return read_json(SequenceResult, self.path(index), InputError, "")
        except InputError:
            return None

    def write(self, index: int, result: SequenceResult) -> None:
        """Keep a sequence's result.

        Raises:
            WriteError: the disk is full, or the like.
        """
        write_text(self.path(index), to_text(result))

    def lost(self, piece: tuple[int, ChosenSequence], reason: str) -> SequenceResult:
        """Keep that the processes that scored a sequence have died, and give that as its result."""
        index, chosen = piece
        result = SequenceResult(name=chosen.name, error=reason)
        self.write(index, result)
        return result
