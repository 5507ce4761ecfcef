"""`python -m page4d_cli` and the `page4d` script."""

import sys
from io import TextIOWrapper

from page4d_cli.core import interrupts


def main() -> None:
    """Run the command line; a polite `kill` cleans up just as Ctrl-C does."""
    try:
        interrupts.watch()
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # file names need not be text
                stream.reconfigure(errors="surrogateescape")
        from page4d_cli.app import app  # takes half a second, in which Ctrl-C counts, too

        app()
    except (KeyboardInterrupt, Exception):
        if not interrupts.were_asked_for():
            raise
        sys.stderr.write(f"error: {interrupts.INTERRUPTED}\n")
        sys.exit(130)
    finally:
        interrupts.ended()


if __name__ == "__main__":
    main()
