"""Single images of NYU Depth V2 (Silberman et al., ECCV 2012).

As published evaluations keep them: `val/nyu_images/<name>.png`, and `val/nyu_depths/<name>.npy` in
metres.
"""

from pathlib import Path

import numpy as np

from page4d_cli.core.benchmark import Benchmark
from page4d_cli.core.errors import DatasetError
from page4d_cli.data.sets.entry import ASK_OWNERS, DatasetEntry, DatasetLayout, Origin
from page4d_cli.data.sets.files import count_as_seconds, frames_in, partners_in, read_npy_depth
from page4d_cli.data.sets.recorded import RecordedSequence


def read_nyu(folder: Path, pictures: Path) -> RecordedSequence:
    """Read all images as one sequence, which is no video; there are no cameras.

    Args:
        folder: `val`.
        pictures: its `nyu_images`.

    Raises:
        DatasetError: a depth map is absent.
    """
    frames = frames_in(pictures, "*.png")
    depths = partners_in(folder / "nyu_depths", frames, ".npy")
    if depths is None:
        raise DatasetError(
            f"{folder / 'nyu_depths'} does not exist; it holds the depth of {pictures}"
        )
    return RecordedSequence(
        name=folder.absolute().name,
        frames=frames,
        timestamps_s=count_as_seconds(len(frames)),
        read_depth=lambda index: read_npy_depth(depths[index]).astype(np.float32),
        depth_files=depths,
        notes=("single images, no video: their order means nothing",),
    )


ENTRY = DatasetEntry(
    "NYU Depth V2, single images",
    Origin(
        "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
        "the labelled set's 654 test images, as `val/{nyu_images,nyu_depths}/`",
        ASK_OWNERS,
        ASK_OWNERS,
    ),
    (
        DatasetLayout(
            "single images",
            "val/{nyu_images/<name>.png,nyu_depths/<name>.npy}",
            ("nyu_images",),
            read_nyu,
        ),
    ),
    None,
    Benchmark(depth_sequences=("val",)),
)
