"""Maps of a clip that are not in memory: each is read or made when it is asked for."""

from collections.abc import Callable, Sequence
from typing import overload

from page4d_cli.core.types import Float32Array


class StoredMaps(Sequence[Float32Array]):
    """Maps (H, W), read or made whenever they are asked for; a slice is a view.

    Args:
        indices: S of them.
        map_of: the map of each index.
    """

    def __init__(self, indices: Sequence[int], map_of: Callable[[int], Float32Array]) -> None:
        self._indices = indices
        self._map_of = map_of

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Float32Array: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredMaps": ...
    def __getitem__(self, index: int | slice) -> "Float32Array | StoredMaps":
        if isinstance(index, slice):
            return StoredMaps(self._indices[index], self._map_of)
        return self._map_of(self._indices[index])
