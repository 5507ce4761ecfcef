"""Closed choices, shared by the command line, the library and the tests.

The value of a member is the word typed on the command line.
"""

from enum import Enum


class Fit(str, Enum):
    """How a picture is brought to the network's size (`data/clip/preprocess.py`)."""

    CROP = "crop"
    """Width to the network's size, rows beyond it cut at both ends. The original's first mode."""
    PAD = "pad"
    """Longer side to that size, padded with white to a square. The original's second mode."""
    KEEP = "keep"
    """Longer side to that size, aspect kept, nothing cut and nothing padded."""


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
    """preview.mp4: colour, depth and, if it is saved, confidence side by side; with cameras,
    trajectory.png: their path."""
    CLOUD = "cloud"
    """cloud.ply, coloured points from depth and cameras."""


DEFAULT_SAVE = tuple(save for save in Save if save not in (Save.POINTS, Save.DEPTH_PNG))
"""What `infer` writes unless it is told."""


class FeatureKind(str, Enum):
    """The two halves of a layer's output (`model/aggregator.py`)."""

    FRAME = "frame"
    """After the block that attends within each frame."""
    GLOBAL = "global"
    """After the block that attends over all frames."""


class Reduction(str, Enum):
    """How the channels of a patch become a colour (`pipelines/features/reduction.py`)."""

    MEAN = "mean"
    """Mean of the channels, as in the original."""
    NORM = "norm"
    """Euclidean norm of the channels."""
    PCA = "pca"
    """First three principal components of the channels over the whole clip, as red, green and
    blue."""


class ExportFormat(str, Enum):
    """What `export` makes of a run (`pipelines/export/formats.py`); its help is made of this.

    Unless a member says otherwise: OpenCV axes (x right, y down, z forward), the world is the first
    camera of the run, and units are relative.
    """

    PLY = "ply"
    """Coloured points, in cloud.ply."""
    PLY_SEQUENCE = "ply-sequence"
    """Coloured points of each frame, in clouds/NAME.ply."""
    MESH = "mesh"
    """A coloured surface of what stands still, by open3d's TSDF volume, in mesh.ply."""
    GLB = "glb"
    """Points and camera frustums, in scene.glb; axes of glTF, y up and z to the viewer."""
    COLMAP = "colmap"
    """A folder as trainers of splats take it, colmap/: pictures in images, a model, text and
    binary, in sparse/0, and where `page4d motion` has told what moves, masks that leave it out;
    world to camera, pixel centres at .5; points with the pixels that show them, by depth and
    cameras."""
    NERFSTUDIO = "nerfstudio"
    """nerfstudio/transforms.json, pictures, masks, depth in thousandths, points.ply; camera to
    world, camera axes of OpenGL with y up and z backwards, the world as in the run."""
    DYNAMIC = "dynamic"
    """The same for splats that move, in dynamic/: each frame has its time, from 0 to 1, and each
    point of points.ply that of the frame it was seen in; masks show what moves."""
    TUM = "tum"
    """Camera path, in trajectory_tum.txt; camera to world, `t tx ty tz qx qy qz qw`."""
    KITTI = "kitti"
    """Camera path, in trajectory_kitti.txt; camera to world, 12 numbers of the 3×4 matrix a row, no
    time stamps."""
    NUKE = "nuke"
    """Camera path with fields of view, in nuke/camera.chan, focal lengths and apertures in
    camera.json; camera to world, axes of OpenGL, rotation order ZXY; frames count from 1."""
    NPZ = "npz"
    """Cameras (world to camera), depth, confidence, names and times, in run.npz."""
    DEPTH_PNG = "depth-png"
    """Depth, 16 bit, in depth/NAME.png, its scale in depth/scale.json."""
    EXR = "exr"
    """Depth, in exr/NAME.exr, the camera in the header, which needs pip install '.[exr]'."""
    VIDEO = "video"
    """Colour and depth side by side, in depth.mp4."""
    USD = "usd"
    """An animated camera, and points, still ones once and moving ones by frame where `page4d
    motion` has told them apart, in scene.usdc; axes of USD, y up and z to the viewer; needs pip
    install '.[usd]'."""
    RRD = "rrd"
    """Cameras, pictures, depth and points over time, in run.rrd for the Rerun viewer, which needs
    pip install '.[rerun]'."""


class Pictures(str, Enum):
    """How source pictures come into an export that names files (`pipelines/export/images.py`)."""

    LINK = "link"
    """Second names of the files, which take no room; references on another file system."""
    COPY = "copy"
    """Files of their own."""
    NONE = "none"
    """They are left for you to put there."""


class MotionPart(str, Enum):
    """Parts of a scene that `motion` tells apart (`pipelines/motion/motion.py`)."""

    STATIC = "static"
    """What stands still, and what no other frame has seen."""
    MOVING = "moving"
    """What was seen to move between frames."""


class Resolution(str, Enum):
    """Pixel grid of the maps that `infer` writes."""

    NETWORK = "network"
    SOURCE = "source"


class LoopSearch(str, Enum):
    """What becomes of places that a long video shows twice."""

    AUTO = "auto"
    """Those that agree with the pictures and with one another are closed."""
    OFF = "off"
    """They are not looked at."""


class Focal(str, Enum):
    """The focal lengths of a long video."""

    ONE = "one"
    """One for all frames, the median of what the windows say."""
    FREE = "free"
    """Each frame's own, the mean of the windows that show it."""


class TimestampSource(str, Enum):
    """Where a frame's time stamp comes from."""

    PTS = "pts"
    """Presentation time stamp of the video, in seconds."""
    FILE_NAME = "file name"
    """The file's stem, in seconds, as in TUM RGB-D sequences."""
    INDEX = "index"
    """No time is known: the frame's index in its source, counted as seconds."""


class LengthUnit(str, Enum):
    """What the lengths of a run mean: depth, points, positions of cameras."""

    RELATIVE = "relative"
    """The network has no metric scale."""
    METRES = "metres"
    """By a measure that was given (`pipelines/scale/`)."""

    def in_words(self) -> str:
        """For files that say what they hold."""
        return "metres" if self is LengthUnit.METRES else "relative (no metric scale)"


class SynthLayout(str, Enum):
    """Files that `synth` writes (`pipelines/synth/files.py`)."""

    PAGE4D = "page4d"
    """Everything, exactly: depth in float32, cameras, moving pixels, point tracks."""
    COMPACT = "compact"
    """As `page4d`, in a sixth of the space: pictures as JPEG, depth rounded to millimetres."""
    TUM = "tum"
    """A raw folder of the TUM RGB-D benchmark."""


class Dataset(str, Enum):
    """Kinds of data sets that can be read (`data/sets/catalogue.py`)."""

    SYNTHETIC = "synthetic"
    """Scenes of `page4d synth --layout page4d`."""
    TUM = "tum"
    """TUM RGB-D benchmark, raw or prepared (Sturm et al., IROS 2012)."""
    BONN = "bonn"
    """Bonn RGB-D Dynamic, raw or prepared (Palazzolo et al., IROS 2019)."""
    SINTEL = "sintel"
    """MPI Sintel with its depth and cameras (Butler et al., ECCV 2012)."""
    DYCHECK = "dycheck"
    """DyCheck's iPhone sequences, also typed `dyncheck` (Gao et al., NeurIPS 2022)."""
    KITTI = "kitti"
    """KITTI depth validation drives, gathered (Uhrig et al., 3DV 2017). No poses."""
    NYU = "nyu"
    """NYU Depth V2, single images (Silberman et al., ECCV 2012). No poses."""
    SCANNET = "scannet"
    """ScanNet scenes, poses only (Dai et al., CVPR 2017)."""
    ODYSSEY = "odyssey"
    """PointOdyssey (Zheng et al., ICCV 2023)."""
    DYNAMIC_REPLICA = "dynamic-replica"
    """Dynamic Replica, each eye by itself (Karaev et al., CVPR 2023)."""
    KUBRIC = "kubric"
    """Scenes of Kubric's generators, MOVi for instance (Greff et al., CVPR 2022)."""
    SPRING = "spring"
    """Spring (Mehl et al., CVPR 2023)."""
    CO3D = "co3d"
    """CO3D, version 2, with its own annotations or VGGT's (Reizenstein et al., ICCV 2021)."""
    WAYMO = "waymo"
    """Records of the Waymo Open Dataset, front camera and LiDAR (Sun et al., CVPR 2020)."""
    RLBENCH = "rlbench"
    """Demonstrations rendered by RLBench, a sequence for each camera (James et al., RA-L 2020)."""
    FOLDER = "folder"
    """Any run of images with poses in TUM form, 16-bit depth, or both."""

    @classmethod
    def _missing_(cls, value: object) -> "Dataset | None":
        return next((each for each in cls if value in OTHER_DATASET_NAMES.get(each, ())), None)


OTHER_DATASET_NAMES: dict[Dataset, tuple[str, ...]] = {
    Dataset.DYCHECK: ("dyncheck",),
    Dataset.ODYSSEY: ("pointodyssey", "point_odyssey"),
    Dataset.DYNAMIC_REPLICA: ("dynamic_replica", "dynamic_replica_data"),
}
"""Further names that are understood, as words and as folders below a data root."""


class Link(str, Enum):
    """How a picture of a raw folder comes into the prepared one."""

    COPY = "copy"
    """A file of its own."""
    HARD = "hard"
    """A second name of the same file, on the same file system."""
    SYMLINK = "symlink"
    """A reference to where the file is."""


class Pairing(str, Enum):
    """What belongs together in the lists of a raw RGB-D folder."""

    TIMESTAMP = "timestamp"
    """Rows whose time stamps are closest."""
    INDEX = "index"
    """The n-th rows of all lists, whatever their time stamps: how published numbers were made."""


class OnBad(str, Enum):
    """What to do about a file of a data set that cannot be read."""

    SKIP = "skip"
    """Name it, and go on without its frame."""
    STOP = "stop"
    """End with an error that names it."""


class Align(str, Enum):
    """How a prediction's unit is brought to the ground truth's (`eval/alignment/fit.py`)."""

    MEDIAN = "median"
    """Ratio of the medians."""
    SCALE = "scale"
    """A scale by ten reweighted steps, close to least absolute deviations."""
    SCALE_SHIFT = "scale-shift"
    """Scale and shift by 1000 small steps from the ratio of the medians, as in published tables."""
    SCALE_SHIFT_L1 = "scale-shift-l1"
    """Scale and shift of least absolute deviations, exactly: the one to trust."""
    LSTSQ = "lstsq"
    """Scale and shift of least squares."""
    METRIC = "metric"
    """None: the prediction is taken as it is."""


class PathAlign(str, Enum):
    """How an estimated camera path is brought to the true one (`eval/pose.py`)."""

    SIM3 = "sim3"
    """Rotation, translation and scale: for paths in a unit of their own."""
    SE3 = "se3"
    """Rotation and translation: scale counts as error."""
    SCALE = "scale"
    """Scale only: both begin in one world."""
    NONE = "none"
    """Nothing: the path is taken as it is."""


class DepthTask(str, Enum):
    """What is asked of predicted depth."""

    MONO = "mono"
    """Each frame by itself: one frame a pass, one alignment a frame."""
    VIDEO = "video"
    """The sequence as a whole: all frames in a pass, one alignment for all of them."""


class ProtocolName(str, Enum):
    """How predictions are made and scored (`eval/protocol.py`)."""

    STANDARD = "standard"
    """What is written in the papers, done properly."""
    ORIGINAL = "original"
    """What the scripts of PAGE-4D do."""
