"""Which of a run's worlds is exported: an export has one world and one unit."""

from page4d_cli.core.errors import InputError
from page4d_cli.core.wording import count_noun
from page4d_cli.io.run.directory import Run


def choose_segment(run: Run, number: int | None, frames: slice) -> tuple[range, slice]:
    """Find the segment that is meant, and the frames that are chosen of it.

    Args:
        run: of one segment or several.
        number: of the segment, from 1; None: the one that holds the frames.
        frames: of the run; with a number, within the segment.

    Returns:
        The segment's frames, and the chosen ones, both of the run.

    Raises:
        InputError: there is no such segment, or the frames are of several.
    """
    worlds = run.manifest.worlds
    if number is not None:
        if not 1 <= number <= len(worlds):
            count = count_noun(len(worlds), "segment")
            raise InputError(f"--segment {number}: {run.directory} has {count}, counted from 1")
        chosen = worlds[number - 1][frames]
        stop = chosen.stop if chosen.stop >= 0 else None  # of a slice, -1 would be the last
        return worlds[number - 1], slice(chosen.start, stop, chosen.step)
    chosen = range(len(run.manifest.frames))[frames]
    touched = {
        index: world
        for index, world in enumerate(worlds, start=1)
        if any(frame in world for frame in chosen)
    }
    if len(touched) > 1:
        listed = ", ".join(f"{n}: frames {w[0]} to {w[-1]}" for n, w in touched.items())
        raise InputError(
            f"{run.directory} has several segments, each with a world and a unit of its own "
            f"({listed}); choose one with --segment"
        )
    return next(iter(touched.values()), worlds[0]), frames
