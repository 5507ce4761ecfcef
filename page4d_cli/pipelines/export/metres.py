"""How many metres the unit of a run's segment is."""

import numpy as np

from page4d_cli.core.enums import Head, Save
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.io.run.directory import Run
from page4d_cli.io.run.manifest import ScaleRecord
from page4d_cli.pipelines.scale.measure import measure_scale
from page4d_cli.pipelines.scale.seen import SeenFrames
from page4d_cli.pipelines.scale.source import ScaleSource
from page4d_cli.pipelines.stored_run.clip import read_run_clip


def metres_of_segment(source: ScaleSource, run: Run, segment: range) -> ScaleRecord:
    """Measure a segment by all of its frames, whichever are exported.

    Raises:
        InputError: the source says nothing of the segment, or does not fit it.
        NothingLeftError: no frame has a usable camera.
        RunError: a file of the run is missing or damaged.
    """
    needed = {Save.DEPTH if head is Head.DEPTH else Save.CAMERAS for head in source.heads}
    clip = read_run_clip(run, slice(segment.start, segment.stop), needed)
    path = np.asarray(invert_rigid(clip.extrinsics), np.float64)
    seen = SeenFrames(clip.infos, run.manifest.timestamp_source, path, clip.posed_depth)
    return measure_scale(source, seen)
