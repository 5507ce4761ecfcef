"""Maps of a clip that are on the disk and not in memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from page4d_cli.core.types import Float32Array


class StoredMaps(Sequence[Float32Array]):
    """Maps (H, W), each in a file of its own, read whenever they are asked for; a slice is a view.

    Args:
        indices: S of them.
        path_of: the file of each index.
    """

    def __init__(self, indices: Sequence[int], path_of: Callable[[int], Path]) -> None:
        self._indices = indices
        self._path_of = path_of

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Float32Array: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredMaps": ...
    def __getitem__(self, index: int | slice) -> "Float32Array | StoredMaps":
        if isinstance(index, slice):
            return StoredMaps(self._indices[index], self._path_of)
        map_: Float32Array = np.load(self._path_of(self._indices[index]))
        return map_
