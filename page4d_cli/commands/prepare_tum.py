"""`page4d prepare-tum`: from raw TUM RGB-D folders to frames with depth and pose."""

from typing import Annotated

import typer

from page4d_cli.commands.shared import options, prepare
from page4d_cli.core.enums import Dataset, Link


def prepare_tum(
    raws: prepare.Raws,
    out: prepare.Out = None,
    frames: prepare.Frames = 90,
    start: Annotated[
        int, typer.Option(min=0, help="The first to take, among frames with depth and pose.")
    ] = 0,
    stride: prepare.Stride = 3,
    link: prepare.LinkOption = Link.COPY,
    overwrite: prepare.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Choose frames of raw TUM RGB-D sequences, with the depth map and the pose of each.

    Pictures and poses less than 20 ms apart are paired, with depth within 40 ms; what lacks one of
    them is left out and counted. Then every third is taken, 90 in all. Writes rgb_90/, depth_90/,
    groundtruth_90.txt and associations_90.txt. A second run changes nothing.

    For example:

      page4d prepare-tum raw/rgbd_dataset_freiburg3_walking_xyz

      page4d prepare-tum raw/ --out data/tum --link symlink
    """
    from page4d_cli.pipelines.prepare.plan import PrepareOptions

    asked = PrepareOptions(Dataset.TUM, frames, start, stride, link=link, overwrite=overwrite)
    prepare.prepare_and_tell(raws, asked, out=out, as_json=as_json, quiet=quiet)
