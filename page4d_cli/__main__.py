"""`python -m page4d_cli` and the `page4d` script."""

import os
import sys

from page4d_cli.app import app


def main() -> None:
    """Run the command line; a reader that went away (`| head`) is no error worth a traceback."""
    try:
        app()
    except BrokenPipeError:
        # What is still buffered has no reader either; keep the interpreter's exit from trying again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # 128 + SIGPIPE, as a shell reports it


if __name__ == "__main__":
    main()
