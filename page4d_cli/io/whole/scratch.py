"""A file for what is too large to be held and of no use to anybody else."""

from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

from page4d_cli.io.whole.writing import placing, writing


class ScratchFile:
    """A file on the disk of a place, without a name there; it ends with the process at the latest.

    Args:
        place: where something is going to be written; it need not exist.

    Raises:
        OutputError: the place cannot be written to.
        WriteError: the disk is full, now or when it is written.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        with placing(place):
            there = next(
                path for path in (place.absolute(), *place.absolute().parents) if path.exists()
            )
            self._file = TemporaryFile(dir=there)  # noqa: SIM115 - `__exit__` closes it

    def __enter__(self) -> "ScratchFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, data: bytes) -> None:
        """Write at the end, or where `seek` went."""
        with writing(self._place):
            self._file.write(data)

    def seek(self, offset: int) -> None:
        """Go to a byte; what was written before is on the disk then."""
        with writing(self._place):
            self._file.seek(offset)

    def read(self, size: int) -> bytes:
        """Read so many bytes from there."""
        return self._file.read(size)
