"""Beside many results below one folder: which were asked for, and which have failed.

```
OUT/.pieces/
  asked.json            the index file by which a result is told, and the names of all pieces
  failed/<name>.json    why a piece failed; gone when it has been done after all
```

Results are folders that are there whole or not at all (`transaction.py`), so that this is all that
must be known of the others. Any number of processes may keep it, each for its own pieces.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote

from page4d_cli.core.errors import OutputError
from page4d_cli.core.strict_json import read_json, to_text
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.io.whole.writing import writing

_FOLDER, _ASKED, _FAILED = ".pieces", "asked.json", "failed"
_ADVICE = "delete it, and start the same command with --resume"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `asked.json` holds."""

    schema: Literal[1] = 1
    index_file: str
    """Name of the file with which a result's folder is complete."""
    names: tuple[str, ...]
    """Folders of the results, below the ledger's folder."""


@dataclass(frozen=True)
class _Failure:
    why: str


@dataclass(frozen=True)
class Ledger:
    """The ledger of a folder."""

    out: Path

    def ask(self, names: list[str], index_file: str) -> None:
        """Note what is asked for; what was asked for before stays.

        Raises:
            WriteError: the disk is full, or the like.
        """
        before = self.asked()
        known = () if before is None or before.index_file != index_file else before.names
        asked = Asked(index_file=index_file, names=tuple(dict.fromkeys((*known, *names))))
        if asked != before:
            # Another process that has begun at the same moment notes the same.
            with suppress(OutputError):
                self._write(self.out / _FOLDER / _ASKED, to_text(asked))

    def asked(self) -> Asked | None:
        """What was asked for; None if nobody has noted it.

        Raises:
            OutputError: the file is damaged.
        """
        path = self.out / _FOLDER / _ASKED
        return read_json(Asked, path, OutputError, _ADVICE) if path.is_file() else None

    def note(self, name: str, failure: str | None) -> None:
        """Note that a piece has failed, and why; or with None that it has been done.

        Raises:
            WriteError: the disk is full, or the like.
        """
        path = self.out / _FOLDER / _FAILED / f"{quote(name, safe='')}.json"
        if failure is not None:
            self._write(path, to_text(_Failure(failure)))
        elif path.exists():
            path.unlink(missing_ok=True)

    def failures(self) -> dict[str, str]:
        """Why pieces have failed, by name.

        Raises:
            OutputError: a file is damaged.
        """
        return {
            unquote(path.stem): read_json(_Failure, path, OutputError, _ADVICE).why
            for path in sorted((self.out / _FOLDER / _FAILED).glob("*.json"))
        }

    def _write(self, path: Path, text: str) -> None:
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as staged:
            staged.write_text(text, encoding="utf-8")
