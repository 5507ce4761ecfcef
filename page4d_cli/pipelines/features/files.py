"""The pictures, videos and numbers of one network on one clip."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from page4d_cli.core.enums import FeatureKind, Reduction
from page4d_cli.core.types import Float32Array, Frames, UInt8Array
from page4d_cli.draw.colormaps import MASK
from page4d_cli.draw.heat_map import (
    MASK_RANGE,
    Range,
    draw_map,
    overlay,
    ranges_of_clip,
)
from page4d_cli.draw.sheet import Cell, Section, cell_size, draw_sheet
from page4d_cli.io.formats.png import write_png
from page4d_cli.io.formats.video import playback_rate, write_video
from page4d_cli.io.whole.writing import writing
from page4d_cli.pipelines.features.layers import ReducedLayer
from page4d_cli.pipelines.features.options import FeatureOptions
from page4d_cli.pipelines.features.statistics import write_statistics

STATISTICS_FILE = "statistics.npz"


class FeatureFiles:
    """Writes what was asked for into a folder, layer after layer.

    Args:
        folder: made if it is not there; its parent exists.
        title: the network, in words, for the sheets.
        frames: the clip.
        options: what to write.
        keep_maps: whether the caller needs `maps` afterwards.
        pool: where pictures are encoded.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        frames: Frames,
        options: FeatureOptions,
        *,
        keep_maps: bool,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.title = title
        self.maps: dict[int, dict[FeatureKind, Float32Array]] = {}
        """(S, h, w, …) of every layer: a number or three a patch, so that all of them are small."""
        self._folder = folder
        self._frames = frames
        self._options = options
        self._keep_maps = keep_maps or options.sheet
        self._statistics: dict[int, dict[FeatureKind, Float32Array]] = {}
        self._pool = pool
        with writing(folder):
            folder.mkdir(exist_ok=True)

    def write(self, layer: ReducedLayer) -> None:
        """Write what belongs to one layer.

        Raises:
            WriteError: the disk is full, or the like.
        """
        for kind, maps in layer.maps.items():
            self._write_maps(f"{kind.value}_feature_{layer.index}", maps)
        if layer.mask is not None:
            self._write_mask(layer.mask)
        if layer.maps and self._keep_maps:
            self.maps[layer.index] = layer.maps
        if layer.statistics:
            self._statistics[layer.index] = layer.statistics

    def finish(self) -> None:
        """Write what needs all layers.

        Raises:
            WriteError: the disk is full, or the like.
        """
        names = [info.stem for info in self._frames.infos]
        if self._statistics:
            path = self._folder / STATISTICS_FILE
            write_statistics(path, self._statistics, self._options.kinds, names)
        if self._options.sheet:
            write_sheets(self._folder, "sheet", [self], self._frames, self._options, self._pool)

    def _write_maps(self, name: str, maps: Float32Array) -> None:
        size = _size(maps, self._options.scale)
        cmap = self._options.color_map
        clip_ranges = ranges_of_clip(maps)
        # The original scales every picture by itself; principal components have one basis for the
        # clip, and so one scale.
        ranges = clip_ranges if self._options.reduction is Reduction.PCA else None
        self._save_all(name, lambda index: draw_map(maps[index], size, cmap, ranges))
        if self._options.video:
            # By one scale: the other one flickers.
            drawn = (draw_map(map_, size, cmap, clip_ranges) for map_ in maps)
            rate = playback_rate(self._frames.infos, self._frames.timestamp_source)
            write_video(self._folder / f"{name}.mp4", drawn, rate)

    def _write_mask(self, maps: Float32Array) -> None:
        size = _size(maps, self._options.scale)

        def heat(index: int) -> UInt8Array:
            return draw_map(maps[index], size, MASK, [MASK_RANGE])

        self._save_all("mask", heat)
        images = self._frames.images
        self._save_all("mask_overlay", lambda index: overlay(heat(index), images[index]))

    def _save_all(self, name: str, draw: Callable[[int], UInt8Array]) -> None:
        """Draw and save a picture of every frame."""

        def save(index: int) -> None:
            write_png(self._folder / f"{self._frames.infos[index].stem}_{name}.png", draw(index))

        run_all(self._pool, save, range(len(self._frames)))


def write_sheets(
    folder: Path,
    name: str,
    networks: list[FeatureFiles],
    frames: Frames,
    options: FeatureOptions,
    pool: ThreadPoolExecutor,
) -> None:
    """Write `{frame}_{name}.png` for every frame: all layers of one or more networks.

    Args:
        folder: where.
        name: end of the files' names.
        networks: with their maps; pictures of the same layer stand side by side.
        frames: the clip.
        options: which kinds, and how they are coloured.
        pool: where pictures are encoded.

    Raises:
        WriteError: the disk is full, or the like.
    """
    ranges = [_clip_ranges(each, options) for each in networks]
    titles = [network.title for network in networks]
    text = ["   |   ".join(titles), f"{options.reduction.value} of the channels, patch by patch"]
    size = cell_size(frames.size)

    def cell(index: int, layer: int, kind: FeatureKind) -> Cell:
        pictures = [
            draw_map(each.maps[layer][kind][index], size, options.color_map, of[layer, kind])
            for each, of in zip(networks, ranges, strict=True)
        ]
        return Cell(f"layer {layer}", pictures)

    def save(index: int) -> None:
        info = frames.infos[index]
        sections = [
            Section(f"{kind.value} features", [cell(index, n, kind) for n in networks[0].maps])
            for kind in options.kinds
        ]
        page = draw_sheet(frames.images[index], [info.stem, *text], sections)
        write_png(folder / f"{info.stem}_{name}.png", page)

    run_all(pool, save, range(len(frames)))


def run_all(pool: ThreadPoolExecutor, work: Callable[[int], None], items: Iterable[int]) -> None:
    """Do all the work in the pool, and raise the first error."""
    futures = [pool.submit(work, item) for item in items]
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()


def _clip_ranges(
    files: FeatureFiles, options: FeatureOptions
) -> dict[tuple[int, FeatureKind], list[Range] | None]:
    """Colour scales as on the single pictures."""
    of_clip = options.reduction is Reduction.PCA
    return {
        (layer, kind): ranges_of_clip(maps) if of_clip else None
        for layer, by_kind in files.maps.items()
        for kind, maps in by_kind.items()
    }


def _size(maps: Float32Array, scale: int) -> tuple[int, int]:
    """(width, height) of the pictures of maps (S, h, w, …)."""
    return maps.shape[2] * scale, maps.shape[1] * scale
