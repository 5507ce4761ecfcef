"""`python -m page4d_cli` and the `page4d` script."""

import signal
import sys
from io import TextIOWrapper
from types import FrameType

from page4d_cli.app import app

SIGTERM_STATUS = 128 + signal.SIGTERM
"""As a shell reports it."""


def main() -> None:
    """Run the command line; a polite `kill` cleans up just as Ctrl-C does."""
    signal.signal(signal.SIGTERM, _leave)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # file names need not be text
            stream.reconfigure(errors="surrogateescape")
    app()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(SIGTERM_STATUS)


if __name__ == "__main__":
    main()
