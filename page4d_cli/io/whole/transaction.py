"""A folder that is written whole or not at all, whatever interrupts the writing.

```
.NAME.partial/     beside the folder NAME, or in it where only that can be written to
  .lock            held while a process writes
  new/             the files as they will stand in the folder
  aside/           what is of use only while it is written
  order.json       once all of them are there: what is to be moved and removed
```

Its index, a JSON file, says which files are its own. A folder with an index is complete: the index
is taken away before a file that it lists is touched, and comes to its place last. A kill during the
moves leaves the order, which the next transaction at this place carries out; a kill at any other
time leaves nothing but the hidden folder, which the next one removes.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from page4d_cli.core.errors import OutputError
from page4d_cli.core.interrupts import interrupts_deferred, undone_after
from page4d_cli.core.paths import below, require_relative
from page4d_cli.core.strict_json import read_json, to_text
from page4d_cli.io.whole.lock import LOCK, is_held, locked
from page4d_cli.io.whole.writing import placing, writing

_NEW, _ASIDE, _ORDER = "new", "aside", "order.json"
NO_LIST = "it does not say which files are page4d's; move it away, or choose another --out"
_LONGEST = 245
"""Bytes of a name to which more can be added."""


@dataclass(frozen=True)
class FileList:
    """The part of an index that says which files are page4d's, none of them outside its folder."""

    files: tuple[str, ...]

    def __post_init__(self) -> None:
        for file in self.files:
            require_relative(file)


@dataclass(frozen=True)
class _Order:
    """Moves that a kill may interrupt."""

    index: str
    move: tuple[str, ...]
    remove: tuple[str, ...]
    takes_index_away: bool


def listed(index: Path) -> tuple[str, ...]:
    """Files that an index names as its own; none if there is no index.

    Raises:
        OutputError: it does not say which, or names some outside of its folder.
    """
    if not os.path.lexists(index):
        return ()
    return read_json(FileList, index, OutputError, NO_LIST, foreign=True).files


class Transaction:
    """Writes a folder whole or not at all.

    ```python
    with Transaction(out, "summary.json") as folder:
        np.save(folder.path("depth/000000.npy"), depth)
        folder.commit(to_text({"files": folder.files}))
    ```

    Entering checks the place, ends what a kill has interrupted, and makes a hidden folder, with
    missing parents. Leaving without `commit`, for whatever reason, removes what was made; `out` is
    as it was.

    Args:
        out: the folder; it need not exist.
        index: name of the file that lists the others.
        overwrite: replace the files of an earlier transaction, and foreign files of the same names.
            Nothing else is ever removed.
        shared: `out` may hold other files, which stay.
        files_of: reads from an index which files it lists.

    Raises:
        OutputError: on entering, the place cannot be used.
    """

    def __init__(
        self,
        out: Path,
        index: str,
        *,
        overwrite: bool = False,
        shared: bool = False,
        files_of: Callable[[Path], Collection[str]] = listed,
    ) -> None:
        self._out = out
        self._files_of = files_of
        self._index = index
        self._overwrite = overwrite
        self._shared = shared
        self._undo = ExitStack()

    def __enter__(self) -> "Transaction":
        with ExitStack() as undo:
            self._check()
            self._place = self._out.resolve()
            self._staging = _staging_of(self._place)
            undo.enter_context(_staging_held(self._staging, self._out))
            with placing(self._out):
                self.folder.mkdir()
            self._before = frozenset(self._files_of(self._place / self._index))
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._undo.close()

    @property
    def folder(self) -> Path:
        """Where to write now; what is in it when `commit` is called comes to the place."""
        return self._staging / _NEW

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files so far, sorted."""
        found = (Path(home, name) for home, _, names in os.walk(self.folder) for name in names)
        files = {path.relative_to(self.folder).as_posix() for path in found}
        return tuple(sorted(files - {self._index}))

    def path(self, relative: str) -> Path:
        """Where to write a file now; its directory is there.

        Args:
            relative: its path in the folder.

        Raises:
            OutputError: something in `out` is in the way, or the path leads out of it; or, unless
                it may be replaced, a foreign file is there.
            WriteError: its directory cannot be made.
        """
        self._require_way(relative)
        self._require_own(relative, self._before)
        path = self.folder / relative
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def aside(self, relative: str) -> Path:
        """Where to write a file that is gone when the transaction ends; its directory is there.

        Raises:
            WriteError: its directory cannot be made.
        """
        path = self._staging / _ASIDE / relative
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, text: str, *, replaced: Collection[str] | None = None) -> None:
        """Write the index and move everything to its place; Ctrl-C and `kill` wait for the end.

        Args:
            text: the index, which lists `files`.
            replaced: files of earlier transactions that this one replaces; by default those that
                the index at the place lists.

        Raises:
            OutputError: something came in the way, or the place was taken in the meantime.
            WriteError: a file cannot be written or moved.
        """
        self._check()
        files, before = self.files, self._files_of(self._place / self._index)
        replaced = set(before if replaced is None else replaced)
        for file in (*files, self._index):
            self._require_way(file)
        for file in files:
            self._require_own(file, replaced)
        with writing(self._out):
            (self.folder / self._index).write_text(text, encoding="utf-8")
            with interrupts_deferred():
                self._move(files, replaced.difference(files), before)

    def _check(self) -> None:
        check_place(self._out, self._index, overwrite=self._overwrite, shared=self._shared)

    def _require_way(self, file: str) -> None:
        """Find out now, not after hours of work, that a file cannot be moved to its place."""
        try:
            target = below(self._place, file)
        except ValueError as error:
            raise OutputError(f"{self._out}: {error}; choose another --out") from error
        folders = [self._place / part for part in Path(file).parents]
        blocked = [folder for folder in folders if folder.exists() and not folder.is_dir()]
        if blocked or (target.is_dir() and not target.is_symlink()):
            raise OutputError(
                f"{(blocked or [target])[0]} is in the way of {file}; move it away, or choose "
                "another --out"
            )

    def _require_own(self, file: str, own: Collection[str]) -> None:
        if not self._overwrite and file not in own and os.path.lexists(self._place / file):
            raise OutputError(
                f"{self._place / file} is there already and not page4d's; move it away, pass "
                "--overwrite, or choose another --out"
            )

    def _move(
        self, files: Collection[str], stale: Collection[str], before: Collection[str]
    ) -> None:
        if not self._place.exists():
            self.folder.replace(self._place)
            return
        order = _Order(
            index=self._index,
            move=tuple(files),
            remove=tuple(sorted(stale)),
            takes_index_away=not {*files, *stale}.isdisjoint(before),
        )
        draft = self._staging / f"{_ORDER}.draft"
        draft.write_text(to_text(order), encoding="utf-8")
        draft.replace(self._staging / _ORDER)
        _carry_out(self._staging, self._place)


def check_place(out: Path, index: str, *, overwrite: bool = False, shared: bool = False) -> None:
    """Refuse a place that may not be written to; changes nothing, but for what `mend` does.

    Args:
        out: the folder, which need not exist.
        index: name of the file that lists the others.
        overwrite: allow one that is not empty.
        shared: `out` may hold other files, which stay.

    Raises:
        OutputError: `out` is a file, cannot be written to, or holds something already.
    """
    with placing(out):
        mend(out)
        place = out.resolve()
        there = next(path for path in (place, *place.parents) if path.exists())
        if not there.is_dir():
            raise OutputError(f"cannot write to {out}: {there} is a file; choose another --out")
        if not os.access(there, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write to {out}: {there} is read-only; choose another place")
        if there == place and not shared:
            if overwrite:
                listed(place / index)
            elif set(place.iterdir()) - {_staging_of(place)}:
                raise OutputError(
                    f"{out} is there already and not empty; --overwrite replaces the files of an "
                    "earlier call and leaves others, or choose another --out"
                )


def require_apart(*places: Path, inputs: Iterable[Path], deep: bool = True) -> None:
    """Refuse places in which what is written would be read as input the next time.

    Args:
        places: where to write.
        inputs: folders that are read.
        deep: refuse what lies anywhere in one of them, too.

    Raises:
        OutputError: a place is, or lies in, one of the folders.
    """
    folders = set(map(Path.resolve, inputs))
    for out in places:
        with placing(out):
            place = out.resolve()
            for folder in folders.intersection((place, *place.parents) if deep else (place,)):
                raise OutputError(f"{out} is in the input {folder}; choose another --out")


def mend(out: Path) -> None:
    """End what a kill has interrupted while files were moved to a place, if it has.

    Args:
        out: the folder of a transaction; it need not exist.

    Raises:
        OutputError: another process is at it.
        WriteError: the system refuses.
    """
    place = out.resolve()
    staging = _staging_of(place)
    if (staging / _ORDER).is_file():
        with _staging_held(staging, out):
            pass


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file to write, which takes the place of `path` if the body ends well.

    Args:
        path: replaced if it is there, and left as it is if the body fails.

    Raises:
        OutputError: another process is writing it.
        WriteError: the body raised an OSError, or the file cannot be moved.
    """
    target = path.resolve()
    staging = _staging_of(target)
    with writing(path), _staging_held(staging, path):
        yield staging / target.name
        (staging / target.name).replace(target)


@contextmanager
def _staging_held(staging: Path, place: Path) -> Iterator[None]:
    """A hidden folder, held and empty, until the body ends."""
    with (
        undone_after(lambda: _remove_if_empty(staging)),  # a killed process may have left it
        locked(staging, place),
        undone_after(lambda: _clear(staging)),
    ):
        if (staging / _ORDER).is_file():
            with writing(place), interrupts_deferred():
                _carry_out(staging, place.resolve())
        _clear(staging)
        yield


def _carry_out(staging: Path, place: Path) -> None:
    """Can be stopped anywhere and begun again."""
    new = staging / _NEW
    order = read_json(_Order, staging / _ORDER, OutputError, f"delete {staging}")
    try:
        index = below(place, order.index)
        moves = [(new / file, below(place, file)) for file in order.move]
        stale = [below(place, file) for file in order.remove]
    except ValueError as error:
        raise OutputError(f"{staging} is damaged ({error}); delete it") from error
    if not (new / index.name).exists():
        return  # all is done
    place.mkdir(exist_ok=True)
    if order.takes_index_away:
        index.unlink(missing_ok=True)
    for source, target in moves:
        if os.path.lexists(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    for path in stale:
        path.unlink(missing_ok=True)
        for folder in path.relative_to(place).parents[:-1]:
            _remove_if_empty(place / folder)
    (new / index.name).replace(index)
    (staging / _ORDER).unlink()


def _clear(staging: Path) -> None:
    """Remove everything but the lock."""
    with suppress(OSError):
        for entry in staging.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != LOCK:
                entry.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def is_being_written(place: Path) -> bool:
    """Whether a process of this machine writes the folder at a place just now."""
    return is_held(_staging_of(place.resolve()))


def is_leftover(path: Path) -> bool:
    """Whether this is a hidden folder of ours, which a killed process may have left."""
    return path.name.startswith(".") and path.name.endswith(".partial")


def _staging_of(place: Path) -> Path:
    """The hidden folder for a place, on its file system.

    It is beside the place; or in it, where only that is ours or is a file system of its own: the
    latter is what a container sees of a mounted volume.
    """
    name, parent = place.name, place.parent
    if len(os.fsencode(name)) > _LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    name = f".{name}.partial"
    if not place.is_dir():
        return parent / name
    same_file_system = place.stat().st_dev == parent.stat().st_dev
    is_ours = same_file_system and os.access(parent, os.W_OK | os.X_OK)
    return (parent if is_ours else place) / name
