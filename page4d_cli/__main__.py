"""`python -m page4d_cli` and the `page4d` script."""

import sys

from page4d_cli.commands.shared.streams import lost_results, prepare_streams
from page4d_cli.core import interrupts


def main() -> None:
    """Run the command line; a polite `kill` cleans up just as Ctrl-C does."""
    try:
        prepare_streams()
        interrupts.watch()
        from page4d_cli.app import app  # takes half a second, in which Ctrl-C counts, too

        app()
    except SystemExit as leaving:
        sys.stdout.flush()
        lost = lost_results()
        if lost is not None and not leaving.code:
            sys.stderr.write(f"error: stdout: {lost.strerror}; files that were written stay\n")
            sys.exit(1)
        raise
    except (KeyboardInterrupt, Exception):
        if not interrupts.were_asked_for():
            raise
        sys.stderr.write(f"error: {interrupts.INTERRUPTED}\n")
        sys.exit(130)
    finally:
        interrupts.ended()


if __name__ == "__main__":
    main()
