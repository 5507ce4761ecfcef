"""The data sets of the paper's training, each written small, below one folder."""

from functools import partial
from pathlib import Path

from co3d_category import write_co3d
from dataset_layouts import write_bonn_raw, write_dycheck, write_sintel, write_tum_raw
from exact_truth import exact_truth
from rendered_layouts import write_dynamic_replica, write_kubric, write_odyssey, write_spring
from waymo_record import waymo_truth, write_waymo

from page4d_cli.pipelines.train.config import load_config

TRAINED = ("odyssey", "dynamic-replica", "kubric", "spring", "co3d", "waymo")
VALIDATED = ("sintel", "dycheck", "bonn", "tum")

SMALL = """\
like: paper
init_from: null
model:
  image_size: 56
  width: 32
  depth: 4
  num_heads: 2
  patch_embed: {width: 32, depth: 1, num_heads: 2}
  camera_head: {trunk_depth: 1, num_heads: 2}
  dpt_head: {features: 16, out_channels: [8, 16, 16, 16], layers: [0, 1, 2, 3]}
  spatial_mask: {source_layer: 1, first_layer: 2, last_layer: 3, hidden: 16}
data: {validation_frames: 2}
batch: {images_per_sample: [2, 3], max_images: 6, aspect: [0.7, 0.8]}
mask: {hold: 2, end: 6}
freeze: []
groups:
  - name: all
    patterns: ["*"]
    learning_rate: {pieces: [{curve: linear, start: 1e-4, end: 1e-4, length: 1}]}
clip: [{name: all, patterns: ["*"]}]
checkpoint_activations: false
precision: fp32
workers: 0
"""
"""The paper's configuration, of a network that a CPU trains in seconds."""


def small_changes() -> list[str]:
    """Changes to the configuration: few clips to validate on, and intrinsics of Bonn and TUM.

    These are taken for those of pictures of 640×480 pixels otherwise.
    """
    k = exact_truth().intrinsics
    pinhole = ",".join(str(value) for value in (k[0, 0], k[1, 1], k[0, 2], k[1, 2]))
    changes = []
    for index, options in enumerate(load_config("paper").data.datasets):
        place = f"data.datasets[{index}]"
        changes.append(f"{place}.validation_clips=1")
        if options.kind.value in ("bonn", "tum"):
            changes.append(f"{place}.intrinsics=[{pinhole}]")
    return changes


def write_paper_data(root: Path) -> Path:
    """One sequence of each, and two of CO3D, by the last of which it is validated."""
    truth = exact_truth()
    for name, write in {
        "odyssey": write_odyssey,
        "dynamic-replica": write_dynamic_replica,
        "kubric": write_kubric,
        "spring": partial(write_spring, eyes=("left", "right")),
        "co3d": write_co3d,
        "sintel": write_sintel,
        "dycheck": write_dycheck,
        "bonn": write_bonn_raw,
        "tum": write_tum_raw,
    }.items():
        write(root / name, truth)
    write_co3d(root / "co3d", truth, "200_20000_40000")
    write_waymo(root / "waymo", waymo_truth())
    return root
