"""The files of a prepared sequence, N being how many frames were asked for.

```
<sequence>/
  rgb_N/                 pictures under their own names
  depth_N/               depth maps under their own names
  groundtruth_N.txt      the rows of groundtruth.txt: t tx ty tz qx qy qz qw
  associations_N.txt     settings, then rows t_rgb rgb t_depth depth t_pose; it is there last
```

The k-th of each belong together. Numbers are written as they stand in the raw lists.
"""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.enums import Link
from page4d_cli.core.errors import DatasetError, OutputError
from page4d_cli.core.paths import require_file
from page4d_cli.core.text_table import POSE_COLUMNS
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.prepare.plan import Plan, PrepareOptions
from page4d_cli.pipelines.prepare.report import Status


@dataclass(frozen=True)
class PreparedFiles:
    """Names and contents of what is written."""

    place: Path
    """The sequence's folder, absolute."""
    files: dict[str, Path]
    """Raw file by relative path in the place."""
    texts: dict[str, str]
    """Content of the lists by name, the associations last."""
    names: tuple[str, ...]
    """What stands in the place, the associations last."""
    link: Link

    @property
    def index(self) -> str:
        """The list that is there last."""
        return self.names[-1]


def lay_out(place: Path, plan: Plan, options: PrepareOptions) -> PreparedFiles:
    """Say what is to be written.

    Args:
        place: the sequence's folder, absolute.
        plan: what is taken.
        options: are written into the associations.

    Raises:
        DatasetError: a raw file is in a folder that is to be written.
    """
    number = options.frames
    rgb, depth = f"rgb_{number}", f"depth_{number}"
    files: dict[str, Path] = {}
    poses = [f"# {POSE_COLUMNS}"]
    rows = [f"# {options.describe()}", "# t_rgb rgb t_depth depth t_pose"]
    for one in plan.triples:
        targets = [f"{rgb}/{one.image.file.name}", f"{depth}/{one.depth.file.name}"]
        for target, row in zip(targets, (one.image, one.depth), strict=True):
            files[target] = row.file.resolve()
            if files[target].parent in ((place / rgb).resolve(), (place / depth).resolve()):
                raise DatasetError(
                    f"{row.where}: {row.file} is where prepared files go; choose another --out"
                )
        stamps = (one.image.words[0], one.depth.words[0])
        pairs = zip(stamps, targets, strict=True)
        rows.append(" ".join([*(word for pair in pairs for word in pair), one.pose.words[0]]))
        poses.append(" ".join(one.pose.words))
    texts = {
        f"groundtruth_{number}.txt": "\n".join(poses) + "\n",
        f"associations_{number}.txt": "\n".join(rows) + "\n",
    }
    return PreparedFiles(place, files, texts, (rgb, depth, *texts), options.link)


def status_of(layout: PreparedFiles) -> Status | None:
    """What is to be done at the place: PREPARED, UNCHANGED or REPAIRED; None if another thing is.

    Pictures and maps that are there are compared by name and size, lists by their words.
    """
    place = layout.place
    if not any(os.path.lexists(place / name) for name in layout.names):
        return Status.PREPARED
    if any(_read(place / name) != text for name, text in layout.texts.items()):
        return None
    if set(there(layout)) - layout.files.keys():
        return None
    whole = all(_size(place / target) == _size(raw) for target, raw in layout.files.items())
    return Status.UNCHANGED if whole else Status.REPAIRED


def there(layout: PreparedFiles) -> list[str]:
    """Relative paths of what is in the folders of pictures and maps now."""
    folders = layout.names[:2]
    return [f"{name}/{entry}" for name in folders for entry in _entries(layout.place / name)]


def refusal(layout: PreparedFiles) -> str:
    """Why what is at the place is left alone; where `status_of` is None."""
    names = [name for name in layout.names if os.path.lexists(layout.place / name)]
    settings = layout.texts[layout.index].splitlines()[0]
    before = _read(layout.place / layout.index)
    if before is None:
        reason = "not made by page4d, or with files missing"
    elif not before.startswith("# page4d prepare-"):
        reason = "not made by page4d"
    elif before.splitlines()[0] != settings:
        reason = f"made with: {before.splitlines()[0].removeprefix('# ')}"
    else:
        reason = "made from other lists, or changed since"
    return (
        f"{layout.place} has {', '.join(names)} already, {reason}; --overwrite replaces "
        "them, or choose another --out"
    )


def write_files(staging: Path, layout: PreparedFiles, step: Callable[[], None]) -> None:
    """Write everything but the index to an empty folder on the file system of the place.

    Args:
        staging: the folder.
        layout: what to write.
        step: called after each file.

    Raises:
        OutputError: the file system has no such links.
        WriteError: the disk is full, or the like.
    """
    for name in layout.names[:2]:
        with writing(staging / name):
            (staging / name).mkdir()
    for target, raw in layout.files.items():
        with writing(layout.place / target):
            _bring(raw, staging / target, layout)
        step()
    for name in layout.names[2:-1]:
        with writing(layout.place / name):
            (staging / name).write_text(layout.texts[name], encoding="utf-8")


def _bring(raw: Path, target: Path, layout: PreparedFiles) -> None:
    if layout.link is Link.COPY:
        shutil.copyfile(raw, target)
        return
    try:
        if layout.link is Link.HARD:
            target.hardlink_to(raw)
        else:
            target.symlink_to(_reference(raw, layout.place))
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        raise OutputError(
            f"{raw} cannot be linked from {layout.place} (--link {layout.link.value}): "
            f"{error.strerror}; give --link copy"
        ) from error


def _reference(raw: Path, place: Path) -> Path:
    """What a symbolic link in a folder of `place` says; relative within the sequence's folder.

    So the sequence can be moved as a whole.
    """
    home = place.resolve()
    return Path("..") / raw.relative_to(home) if raw.is_relative_to(home) else raw


def _read(path: Path) -> str | None:
    try:
        return require_file(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _entries(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:  # absent: its files are missed one by one
        return []


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
