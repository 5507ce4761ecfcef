"""`page4d prepare-bonn`: from raw Bonn RGB-D Dynamic folders to frames with depth and pose."""

from typing import Annotated

import typer

from page4d_cli.commands.shared import options, prepare
from page4d_cli.core.enums import Dataset, Link, Pairing


def prepare_bonn(
    raws: prepare.Raws,
    out: prepare.Out = None,
    pairing: Annotated[
        Pairing,
        typer.Option(
            help="timestamp: the closest depth map and pose. index: the same rows of all lists, "
            "as for published numbers; they drift apart in time."
        ),
    ] = Pairing.TIMESTAMP,
    frames: prepare.Frames = 110,
    start: Annotated[
        int, typer.Option(min=0, help="The first to take, counted in rgb.txt from 0.")
    ] = 30,
    stride: prepare.Stride = 1,
    link: prepare.LinkOption = Link.COPY,
    overwrite: prepare.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Choose frames of raw Bonn RGB-D Dynamic sequences, with the depth map and the pose of each.

    Takes frames 30 to 139 of rgb.txt. By time stamp, a frame without a pose within 20 ms or a depth
    map within 40 ms is left out and counted. Writes rgb_110/, depth_110/, groundtruth_110.txt and
    associations_110.txt. A second run changes nothing.

    For example:

      page4d prepare-bonn raw/rgbd_bonn_balloon2

      page4d prepare-bonn raw/ --out data/bonn-by-index --pairing index --json | jq .sequences
    """
    from page4d_cli.pipelines.prepare.plan import PrepareOptions

    asked = PrepareOptions(
        Dataset.BONN, frames, start, stride, pairing=pairing, link=link, overwrite=overwrite
    )
    prepare.prepare_and_tell(raws, asked, out=out, as_json=as_json, quiet=quiet)
