"""Which data sets there are.

A data set is a name in `core.enums.Dataset`, a file that reads it and ends in its `ENTRY`, and a
line here. Lists of sequences are those of the published tables (MonST3R, CUT3R, PAGE-4D); the
tables' numbers stand in `eval/published.py`.
"""

from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.captured import co3d, dycheck, kitti, nyu, scannet
from page4d_cli.data.sets.entry import DatasetEntry
from page4d_cli.data.sets.rendered import (
    dynamic_replica,
    kubric,
    odyssey,
    rlbench,
    scene_folder,
    sintel,
    spring,
)
from page4d_cli.data.sets.rgbd import bonn, folder, tum
from page4d_cli.data.sets.waymo import reader as waymo

DATASETS: dict[Dataset, DatasetEntry] = {
    Dataset.SYNTHETIC: scene_folder.ENTRY,
    Dataset.TUM: tum.ENTRY,
    Dataset.BONN: bonn.ENTRY,
    Dataset.SINTEL: sintel.ENTRY,
    Dataset.DYCHECK: dycheck.ENTRY,
    Dataset.KITTI: kitti.ENTRY,
    Dataset.NYU: nyu.ENTRY,
    Dataset.SCANNET: scannet.ENTRY,
    Dataset.ODYSSEY: odyssey.ENTRY,
    Dataset.DYNAMIC_REPLICA: dynamic_replica.ENTRY,
    Dataset.KUBRIC: kubric.ENTRY,
    Dataset.SPRING: spring.ENTRY,
    Dataset.CO3D: co3d.ENTRY,
    Dataset.WAYMO: waymo.ENTRY,
    Dataset.RLBENCH: rlbench.ENTRY,
    Dataset.FOLDER: folder.ENTRY,
}
"""All that can be read."""
