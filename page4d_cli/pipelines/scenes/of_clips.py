"""Scenes that were given as clips, and a place for each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from page4d_cli.core.errors import OutputError
from page4d_cli.data.clip.inputs import Scene
from page4d_cli.data.clip.paths import files_of
from page4d_cli.io.whole.transaction import require_apart


@dataclass(frozen=True)
class Job:
    """A clip and the place of what is made of it."""

    scene: Scene
    place: Path

    @property
    def name(self) -> str:
        """The scene's."""
        return self.scene.name


def jobs_of(scenes: Sequence[Scene], out: Path, index_file: str) -> list[Job]:
    """Give every scene its place: `out` itself if there is one scene, else a folder each below it.

    Args:
        scenes: at least one.
        out: what was asked for.
        index_file: name of the file by which the folder of a single scene is told.

    Raises:
        OutputError: several scenes would go into the folder of a single one, or a scene into the
            folder of a clip.
    """
    jobs = [Job(scene, out / scene.name) for scene in scenes]
    if len(scenes) == 1:
        jobs = [Job(scenes[0], out)]
    elif (out / index_file).is_file():
        raise OutputError(
            f"{out} holds what was made of one scene, and {len(scenes)} were given; "
            "choose another --out, below which each gets a directory"
        )
    _require_apart([job.place for job in jobs], [scene.source for scene in scenes])
    return jobs


def _require_apart(places: Sequence[Path], sources: Iterable[str | Sequence[str]]) -> None:
    """Refuse places in the folder of a clip, or among its files."""
    trees: set[Path] = set()
    folders: set[Path] = set()
    for source in sources:
        if isinstance(source, str) and Path(source).is_dir():
            trees.add(Path(source))
        else:
            is_deep = isinstance(source, str) and "**" in source
            (trees if is_deep else folders).update(
                path.absolute().parent for path in files_of(source)
            )
    require_apart(*places, inputs=trees)
    require_apart(*places, inputs=folders, deep=False)
