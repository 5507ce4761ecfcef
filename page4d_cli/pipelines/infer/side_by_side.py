"""Windows of one clip, predicted side by side by processes with a network each.

They only put files where a process alone would put them, and the rest goes on as ever: what they
did not manage, such as a window that does not fit into memory, is done there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from page4d_cli.core.errors import OutOfMemoryError
from page4d_cli.core.progress import Observer, Progress
from page4d_cli.core.types import Frames, Int64Array
from page4d_cli.fleet.choice import FleetChoice
from page4d_cli.fleet.spread import spread
from page4d_cli.io.run.windows import WindowStore
from page4d_cli.model.choice import LazyModel, ModelChoice
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.window import frames_at, predict_window


@dataclass(frozen=True)
class SideBySide:
    """Where the windows of a clip are predicted."""

    model: ModelChoice
    fleet: FleetChoice
    progress: Progress | None

    def predict(
        self,
        store: WindowStore,
        frames: Frames,
        options: RunOptions,
        wanted: Sequence[tuple[str, Int64Array]],
    ) -> None:
        """Predict windows that the store lacks.

        Args:
            store: of the clip.
            frames: the whole clip.
            options: of the run.
            wanted: kind and frame numbers of each window.

        Raises:
            WriteError: the disk is full, or the like.
            DeviceError: there are no such devices.
        """
        missing = [one for one in wanted if not store.has(*one)]
        ended: list[None] = []

        def on_result(result: None) -> None:
            ended.append(result)
            if self.progress is not None:
                self.progress("windows", len(ended), len(missing))

        spread(
            _Pieces(frames, missing),
            _WindowWorker(self.model, store, options),
            self.fleet,
            Observer(on_result=on_result),  # this process has told of the same network
            name_of=lambda piece: f"{piece.kind} {piece.numbers[0]}-{piece.numbers[-1]}",
            lost=lambda _piece, _why: None,
        )


@dataclass(frozen=True)
class _Piece:
    kind: str
    numbers: Int64Array
    frames: Frames
    """Those of the window, with their pictures."""


@dataclass(frozen=True)
class _Pieces(Sequence[_Piece]):
    """Windows whose pictures are read when they are sent, so that few are held at a time."""

    frames: Frames
    wanted: Sequence[tuple[str, Int64Array]]

    def __len__(self) -> int:
        return len(self.wanted)

    @overload
    def __getitem__(self, index: int) -> _Piece: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_Piece]: ...
    def __getitem__(self, index: int | slice) -> _Piece | Sequence[_Piece]:
        if isinstance(index, slice):
            return _Pieces(self.frames, self.wanted[index])
        kind, numbers = self.wanted[index]
        return _Piece(kind, numbers, frames_at(self.frames, numbers))


@dataclass
class _WindowWorker:
    """Predicts windows in one process, with a network that is loaded for the first."""

    model: ModelChoice
    store: WindowStore
    options: RunOptions
    network: LazyModel | None = None

    def __call__(self, piece: _Piece, observer: Observer[Any]) -> None:
        self.network = self.network or LazyModel(self.model, observer)
        try:
            window = predict_window(self.network.get(), piece.frames, self.options, piece.numbers)
        except OutOfMemoryError:
            return  # it is cut where the clip is cut
        self.store.write(piece.kind, window)
