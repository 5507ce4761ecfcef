"""Closed choices, shared by the command line, the library and the tests.

The value of a member is the word typed on the command line.
"""

from enum import Enum


class Fit(str, Enum):
    """How a picture is brought to the network's size (`data/preprocess.py`)."""

    CROP = "crop"
    """Width 518; rows above 518 are cut off at top and bottom. The original's first mode."""
    PAD = "pad"
    """Longer side 518, padded with white to a 518×518 square. The original's second mode."""
    KEEP = "keep"
    """Longer side 518, aspect kept, nothing cut and nothing padded."""


class Precision(str, Enum):
    """Number format of the aggregator's matrix products; the heads always compute in fp32."""

    AUTO = "auto"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Variant(str, Enum):
    """What a checkpoint is, beyond its tensors: the mask is its property, never a guess."""

    NOMASK = "nomask"
    """PAGE-4D with the spatial mask switched off at inference."""
    MASK = "mask"
    """PAGE-4D with the spatial mask on (strength 1)."""
    VGGT = "vggt"
    """VGGT, which has no spatial mask head."""


class Head(str, Enum):
    """The parts of the network that read the aggregator."""

    CAMERA = "camera"
    DEPTH = "depth"
    POINT = "point"


class Save(str, Enum):
    """What `infer` writes beside the manifest."""

    CAMERAS = "cameras"
    """trajectory.txt, intrinsics.txt, cameras.npz."""
    DEPTH = "depth"
    """depth/<stem>.npy."""
    CONFIDENCE = "confidence"
    """confidence/<stem>.npy, of the depth."""
    POINTS = "points"
    """points/<stem>.npy and points_confidence/<stem>.npy, from the point head."""
    DEPTH_PNG = "depth-png"
    """depth/<stem>.png, 16 bit, one scale for the clip, in the manifest."""
    PREVIEW = "preview"
    """preview.mp4, colour and depth side by side."""
    CLOUD = "cloud"
    """cloud.ply, coloured points from depth and cameras."""


class Resolution(str, Enum):
    """Pixel grid of the maps that `infer` writes."""

    NETWORK = "network"
    SOURCE = "source"


class TimestampSource(str, Enum):
    """Where a frame's time stamp comes from."""

    PTS = "pts"
    """Presentation time stamp of the video, in seconds."""
    FILE_NAME = "file name"
    """The file's stem, in seconds, as in TUM RGB-D sequences."""
    INDEX = "index"
    """No time is known: the frame's index in its source, counted as seconds."""


class SynthLayout(str, Enum):
    """Files that `synth` writes (`pipelines/synth_files.py`)."""

    PAGE4D = "page4d"
    """Everything, exactly: depth in float32, cameras, moving pixels, point tracks."""
    TUM = "tum"
    """A raw folder of the TUM RGB-D benchmark."""


class Dataset(str, Enum):
    """Kinds of data sets that can be read (`data/registry.py`)."""

    SYNTHETIC = "synthetic"
    """Scenes of `page4d synth --layout page4d`."""
    TUM = "tum"
    """Raw folders of the TUM RGB-D benchmark."""
    BONN = "bonn"
    """Raw folders of the Bonn RGB-D Dynamic data set."""


class OnBad(str, Enum):
    """What to do about a file of a data set that cannot be read."""

    SKIP = "skip"
    """Name it, and go on without its frame."""
    STOP = "stop"
    """End with an error that names it."""
