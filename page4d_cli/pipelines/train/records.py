"""What a run writes down: TensorBoard scalars and one JSON line for every logged step."""

import json
from pathlib import Path
from types import TracebackType

from page4d_cli.core.paths import require_file
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.io.whole.writing import writing

LOG = "log.jsonl"
TENSORBOARD = "tensorboard"


class Records:
    """Only the main process has one. `first_step` is where a resumed run goes on."""

    def __init__(self, run: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._path = run / LOG
        self._drop_lines_from(first_step)
        self._board = SummaryWriter(str(run / TENSORBOARD), purge_step=first_step)

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with writing(self._path.with_name(TENSORBOARD)):
            self._board.close()

    def add(self, phase: str, step: int, values: dict[str, float]) -> None:
        """Write scalars down, in TensorBoard by the original's names."""
        with writing(self._path.with_name(TENSORBOARD)):
            for name, value in values.items():
                self._board.add_scalar(_tag(phase, name), value, step)
        line = json.dumps({"phase": phase, "step": step, **values})
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _drop_lines_from(self, step: int) -> None:
        """Forget what an interrupted run did after its last checkpoint; it will be done again."""
        if not self._path.exists():
            return
        with writing(self._path):
            lines = require_file(self._path).read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if _step_of(line) < step]
        if len(kept) < len(lines):
            with replacing(self._path) as staged:
                staged.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")


def _tag(phase: str, name: str) -> str:
    """`Values/{phase}/…` for what is learned, `Optim/…` for how."""
    what, _, group = name.partition("/")
    if what in ("lr", "weight_decay"):
        return f"Optim/{group}/{what}"
    if name == "where":
        return "Optim/where"
    return f"Values/{phase}/{'loss_objective' if name == 'objective' else name}"


def _step_of(line: str) -> float:
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut off when the run was killed
