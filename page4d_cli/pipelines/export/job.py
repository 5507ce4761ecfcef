"""What the writers of an export are given: a clip, a folder, and what was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart, Save
from page4d_cli.core.errors import InputError, NothingLeftError
from page4d_cli.core.strict_json import Json
from page4d_cli.core.wording import count_noun
from page4d_cli.pipelines.cloud.choose import MAX_POINTS, Cloud
from page4d_cli.pipelines.cloud.of_run import CloudOptions, cloud_of_clip
from page4d_cli.pipelines.export.folder import ExportFolder
from page4d_cli.pipelines.export.images import ImageFiles, image_files
from page4d_cli.pipelines.export.options import FormatOptions
from page4d_cli.pipelines.motion.motion import known_masks, part_masks
from page4d_cli.pipelines.stored_run.clip import RunClip

CAMERAS, DEPTH = frozenset({Save.CAMERAS}), frozenset({Save.DEPTH})
PART = frozenset({"--static-only", "--moving-only"})
"""Options of formats that show a part of the scene, if that is asked for."""
POINTS = PART | {"--min-conf-percentile", "--voxel", "--outliers", "--max-points"}
"""Options of formats that hold points."""
FROM_DEPTH = CAMERAS | DEPTH | {Save.CONFIDENCE}


@dataclass(frozen=True)
class Job:
    """A clip on its way into a folder."""

    clip: RunClip
    folder: ExportFolder
    options: FormatOptions
    cloud_options: CloudOptions
    image_groups: Sequence[str] = ()
    """Formats of this export that name files of the source pictures."""
    keep: Sequence[NDArray[np.bool_]] | None = None
    """S masks (H, W) of the pixels that points may come from."""
    part: MotionPart | None = None
    """Which part of the scene the points are of; None: all of it."""
    notes: list[str] = field(default_factory=list)

    @cached_property
    def cloud(self) -> Cloud:
        """Of every format that holds points."""
        return self.cloud_of_at_most(MAX_POINTS)

    def cloud_of_at_most(self, max_points: int) -> Cloud:
        """A cloud of so many points, unless another number was asked for."""
        return cloud_of_clip(
            self.clip, self.cloud_options, max_points=max_points, keep=self.keep, part=self.part
        )

    @cached_property
    def still(self) -> Sequence[NDArray[np.bool_]] | None:
        """S masks (H, W) of what stands still, as far as the run says so; None: it does not."""
        return known_masks(self.clip, MotionPart.STATIC)

    @cached_property
    def taken(self) -> Sequence[NDArray[np.bool_]] | None:
        """S masks (H, W) of what a scene is made of that stands still: `keep`, or else `still`."""
        return self.still if self.part is None else self.keep

    @cached_property
    def taken_cloud(self) -> Cloud:
        """The points of it."""
        if self.part is not None or self.still is None:
            return self.cloud
        return cloud_of_clip(self.clip, self.cloud_options, keep=self.still, part=MotionPart.STATIC)

    def static_pixels(self) -> Sequence[NDArray[np.bool_]] | None:
        """S masks (H, W) of what stands still, computed if need be; None for a single frame."""
        if len(self.clip.run.manifest.frames) == 1:
            return None
        return part_masks(self.clip, MotionPart.STATIC)

    @cached_property
    def images(self) -> ImageFiles:
        """The files that other programs shall open."""
        images = image_files(self.clip, self.folder, self.image_groups, self.options.images)
        self.notes.append(images.note)
        return images

    def deepest(self) -> float:
        """The greatest depth of the clip.

        Raises:
            NothingLeftError: no pixel has any.
        """
        deepest = max(float(map_[np.isfinite(map_)].max(initial=0)) for map_ in self.clip.depth)
        if deepest <= 0:
            raise NothingLeftError(
                f"no pixel of {count_noun(len(self.clip), 'chosen frame')} has a usable depth; "
                "nothing was written"
            )
        return deepest

    def note_lost_depth(self, name: str, limit: float) -> None:
        """Tell it if pixels are deeper than a format holds."""
        deepest = self.deepest()
        if deepest <= limit:
            return
        beyond = np.mean([(depth > limit).mean() for depth in self.clip.depth])
        self.notes.append(
            f"{name}: {beyond:.1%} of the pixels are deeper than {limit:g}, the most that its "
            f"depth maps hold (the deepest: {deepest:.4g}); they have no depth"
        )

    def require_one_size(self, name: str) -> None:
        """Refuse maps of several sizes.

        Raises:
            InputError: the frames have them.
        """
        if len({map_.shape for map_ in self.clip.depth}) > 1:
            raise InputError(
                f"{name}: the maps of the run differ in size; choose frames of one size with "
                "--frames, or make the run with --resolution network"
            )


@dataclass(frozen=True)
class FormatWriter:
    """What a format needs of the run, where it goes, and who writes it."""

    write: Callable[[Job], dict[str, Json]]
    """Returns what `export.json` says of it."""
    place: str
    """File or folder in the export."""
    needs: frozenset[Save]
    with_pictures: bool = True
    names_images: bool = False
    """Whether it names files of the source pictures."""
    options: frozenset[str] = frozenset()
    """Those of the command line that it heeds, beside those that all do."""
    require: Callable[[], None] = lambda: None
    """Refuses what a missing package could not write, before any work."""
