"""Two evaluations of the same thing, number by number."""

from dataclasses import dataclass

from page4d_cli.core.errors import InputError
from page4d_cli.pipelines.evaluate.results import Results, Scores, SequenceResult
from page4d_cli.pipelines.evaluate.tables import AVERAGE

HIGHER_IS_BETTER = ("δ < 1.25", "δ < 1.25^2", "δ < 1.25^3")
NOT_COMPARED = ("valid_pixels",)


@dataclass(frozen=True)
class Difference:
    """One number of one sequence, before and after."""

    sequence: str
    align: str
    metric: str
    before: float
    after: float

    @property
    def worsening(self) -> float:
        """How much worse it became, relative to before; negative if it became better."""
        change = self.after - self.before
        if self.metric in HIGHER_IS_BETTER:
            change = -change
        if change == 0:
            return 0.0
        return change / abs(self.before) if self.before else float("inf") * change


@dataclass(frozen=True)
class ResultsComparison:
    """What differs between two evaluations."""

    differences: tuple[Difference, ...]
    """Differences of all numbers that both have, sequences first, averages last."""
    lost: tuple[str, ...]
    """What had scores and has none now: sequences, alignments, frames."""
    notes: tuple[str, ...]
    """What else differs: protocol, sequences that are new."""

    def regressions(self, tolerance: float) -> list[Difference]:
        """Numbers that became worse by more than a share of what they were."""
        return [one for one in self.differences if one.worsening > tolerance]


def compare(before: Results, after: Results) -> ResultsComparison:
    """Compare two evaluations of the same measure on the same data set.

    Raises:
        InputError: they measured different things.
    """
    what = [(one.dataset.value, one.measure.value) for one in (before, after)]
    if what[0] != what[1]:
        raise InputError(
            f"the first measured {what[0][1]} on {what[0][0]}, the second {what[1][1]} on "
            f"{what[1][0]}; compare results of the same measure on the same data set"
        )
    old = {one.name: one for one in before.scored}
    new = {one.name: one for one in after.scored}
    differences = [
        difference
        for name, one in old.items()
        if name in new
        for difference in _differences(name, one.scores, new[name].scores)
    ]
    lost = (*(name for name in old if name not in new), *_shrunk(old, new))
    notes = [
        f"protocol, {key}: {before.protocol.get(key)} before, {after.protocol.get(key)} after"
        for key in sorted(before.protocol | after.protocol)
        if before.protocol.get(key) != after.protocol.get(key)
    ]
    notes += [
        f"{name}: predicted in {_passes(old[name])} before, in {_passes(new[name])} after"
        for name in old
        if name in new and old[name].windows != new[name].windows
    ]
    added = [name for name in new if name not in old]
    if added:
        notes.append(f"new sequences: {', '.join(added)}")
    if [one.sha256 for one in before.weights] != [one.sha256 for one in after.weights]:
        names = [", ".join(one.name for one in results.weights) for results in (before, after)]
        notes.append(f"weights: {names[0]} before, {names[1]} after")
    if lost or added:
        notes.append("averages are over different sequences, and were not compared")
    else:
        differences += _differences(AVERAGE, before.averages, after.averages)
    if not differences and not lost:
        raise InputError("the two have no sequence with the same alignment in common")
    return ResultsComparison(tuple(differences), lost, tuple(notes))


def _passes(one: SequenceResult) -> str:
    return "one pass" if one.windows == 1 else f"{one.windows} windows"


def _shrunk(old: dict[str, SequenceResult], new: dict[str, SequenceResult]) -> list[str]:
    """Alignments that are gone, and sequences of which less was scored."""
    shrunk = []
    for name, one in old.items():
        if name not in new:
            continue
        shrunk += [f"{name} ({align})" for align in one.scores if align not in new[name].scores]
        if new[name].frames < one.frames:
            shrunk.append(f"{name} ({one.frames - new[name].frames} of {one.frames} frames)")
    return shrunk


def _differences(name: str, before: Scores, after: Scores) -> list[Difference]:
    return [
        Difference(name, align, metric, value, after[align][metric])
        for align, metrics in before.items()
        if align in after
        for metric, value in metrics.items()
        if metric in after[align] and metric not in NOT_COMPARED
    ]
