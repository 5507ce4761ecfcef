"""The standard streams, made to take any text and never to end the work that they tell of.

Light, since it is imported before everything else.
"""

import codecs
import os
import sys
from io import TextIOBase, TextIOWrapper

_IN_ASCII = {"×": "x", "…": "...", "≥": ">=", "≤": "<=", "−": "-", "–": "-", "°": " deg", "δ": "d"}
_ANY_TEXT = "page4d-any-text"


class HardyStream(TextIOBase):
    """A stream for which a full disk or a reader that goes away is no exception.

    What cannot be written goes nowhere, from then on. It has no `buffer`: Typer writes into that
    where the encoding is ASCII, in UTF-8.

    Args:
        stream: where it writes to.
    """

    def __init__(self, stream: TextIOWrapper) -> None:
        stream.reconfigure(errors=_ANY_TEXT)
        self._stream = stream
        self.lost: OSError | None = None
        """Why something could not be written."""

    @property
    def encoding(self) -> str:  # type: ignore[override] # an attribute in the base
        """Of the bytes that are written."""
        return self._stream.encoding

    def fileno(self) -> int:
        """Number of the stream."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """As for any text stream; characters that its encoding lacks are spelt out."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """As for any text stream."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.lost = self.lost or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # so that what is buffered does not fail again at the end
        os.close(nowhere)


def prepare_streams() -> None:
    """Make stdin, stdout and stderr ready; those that are closed read and write nothing.

    An open file must not get the number of a closed stream: libraries write their warnings there.
    """
    codecs.register_error(_ANY_TEXT, _spell_out)
    for number, mode in enumerate("rww"):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # file names need not be text
    else:
        sys.stdin = open(0, encoding="utf-8", errors="surrogateescape")  # noqa: SIM115 - kept to the end
    sys.stdout, sys.stderr = _hardy(sys.stdout, 1), _hardy(sys.stderr, 2)


def lost_results() -> OSError | None:
    """Why results did not reach stdout; None if they did, or nobody wanted to read on."""
    lost = getattr(sys.stdout, "lost", None)
    return None if isinstance(lost, BrokenPipeError) else lost


def _hardy(stream: object, number: int) -> HardyStream:
    if not isinstance(stream, TextIOWrapper):  # it was closed
        stream = open(number, "w", encoding="utf-8")  # noqa: SIM115 - kept to the end
    return HardyStream(stream)


def _spell_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """A character that the encoding lacks: bytes of file names as they are, others in ASCII."""
    assert isinstance(error, UnicodeEncodeError)
    character, end = error.object[error.start], error.start + 1
    if "\udc80" <= character <= "\udcff":
        return bytes([ord(character) - 0xDC00]), end
    return _IN_ASCII.get(character) or character.encode("ascii", "backslashreplace").decode(), end
