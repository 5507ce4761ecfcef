"""Options of the commands, declared once: what is typed, what it becomes, and its help."""

import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from page4d_cli.commands.shared.flags import Flags
from page4d_cli.core.docstrings import member_docs
from page4d_cli.core.enums import Dataset, Fit, Focal, LoopSearch, MotionPart, Precision, Variant
from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import expand_home
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.fleet.choice import Devices, FleetChoice, Shard
from page4d_cli.join.choice import FocalChoice, WindowChoice
from page4d_cli.model.choice import ModelChoice

MemberT = TypeVar("MemberT", bound=Enum)
ValueT = TypeVar("ValueT")

_MODEL = "Network"
_FRAMES = "Frames"
_FLEET = "Several processes"


def in_words(kind: type[Enum]) -> str:
    """What the members of a closed choice mean, by their docstrings, for an option's help."""
    docs = member_docs(kind)
    return " ".join(f"{each.value}: {_in_a_sentence(docs[each.name])}" for each in kind)


def _in_a_sentence(text: str) -> str:
    """A text that began a sentence; names keep their capitals."""
    return text[0].lower() + text[1:] if text[1].islower() or text[1] == " " else text


def parsed_by(parse: Callable[[str], ValueT]) -> Callable[[str | ValueT], ValueT]:
    """A parser for an option whose default is a value, not text."""
    return lambda given: parse(given) if isinstance(given, str) else given


# -- frames and network


def parse_weights(text: str) -> str:
    """A name of weights, or a path; an empty one is neither."""
    if not text.strip():
        raise typer.BadParameter("no weights were named; see page4d weights list")
    return expand_home(text)


Inputs = Annotated[
    list[str],
    typer.Argument(
        parser=expand_home,
        metavar="INPUT",
        help="Folders of images, videos, patterns or image files; '-' reads paths from stdin. "
        "Each folder and each video is one scene; images given one by one are one scene.",
        show_default=False,
    ),
]
MAX_FRAMES = typer.Option(min=1, help="Take N frames at most.", rich_help_panel=_FRAMES)
_WEIGHTS = typer.Option(
    "--weights",
    "-w",
    parser=parse_weights,
    metavar="NAME|PATH",
    help="A name of `page4d weights list`, or a checkpoint (.safetensors, .pt).",
    rich_help_panel=_MODEL,
)
_VARIANT = typer.Option(
    help="What a checkpoint file is, where the file itself does not say. " + in_words(Variant),
    rich_help_panel=_MODEL,
)
VariantOption = Annotated[Variant | None, _VARIANT]
_DEVICE = typer.Option(
    metavar="auto|cpu|cuda[:N]|mps",
    help="auto takes CUDA, else Apple's GPU, else the CPU.",
    rich_help_panel=_MODEL,
)
Device = Annotated[str, _DEVICE]
_DTYPE = typer.Option(
    "--dtype",
    help="Number format of the matrix products; auto takes bf16 where it is native, else fp16 "
    "on CUDA, else fp32. The heads compute in fp32.",
    rich_help_panel=_MODEL,
)
DType = Annotated[Precision, _DTYPE]

ONE_PASS = WindowChoice()
FramesFlags = Annotated[
    FrameChoice,
    Flags(
        FrameChoice,
        fit=typer.Option(help=in_words(Fit), rich_help_panel=_FRAMES),
        size=typer.Option(
            metavar="N",
            help="Leading side of the network's pictures in pixels, a multiple of 14 from 112 to "
            "1036; by default what it was trained for.",
            show_default=False,
            rich_help_panel=_FRAMES,
        ),
        stride=typer.Option(min=1, help="Take every N-th frame.", rich_help_panel=_FRAMES),
        fps=typer.Option(help="Take N frames a second of a video.", rich_help_panel=_FRAMES),
        start=typer.Option(
            min=0, help="Index of the first frame to take.", rich_help_panel=_FRAMES
        ),
        max_frames=MAX_FRAMES,
        skip_bad=typer.Option(
            "--skip-bad",
            help="Leave out unreadable frames and list them.",
            rich_help_panel=_FRAMES,
        ),
    ),
]


def loops(panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--loops`: what becomes of places that a long video shows twice."""
    words = f"Places that a long video shows twice. {in_words(LoopSearch)}"
    return typer.Option("--loops", help=words, rich_help_panel=panel)


def focal(panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--focal`: whether the frames of a long video share a focal length."""
    words = f"Focal lengths of a long video. {in_words(Focal)}"
    return typer.Option("--focal", help=words, rich_help_panel=panel)


def drop_windows(panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--drop-windows`: whether the windows of a long video are removed."""
    words = "Remove the files of windows and loops when they are joined."
    return typer.Option("--drop-windows", help=words, rich_help_panel=panel)


WindowFlags = Annotated[
    WindowChoice,
    Flags(
        WindowChoice,
        window=typer.Option(
            metavar="N",
            help="Show the network N frames at a time and join them; by default all at once, or as "
            "many as memory has room for, 120 at most.",
            rich_help_panel=_FRAMES,
        ),
        overlap=typer.Option(
            metavar="M",
            help="Frames that neighbouring windows share; by default 30 % of a window.",
            rich_help_panel=_FRAMES,
        ),
        loops=loops(_FRAMES),
        focal=typer.Option(
            parser=parsed_by(FocalChoice.parse),
            metavar="one|free|F|FX,FY",
            help=f"The focal length if it is known, in pixels of the source: depth is corrected "
            f"for it. Else, of a long video: {in_words(Focal)}",
            rich_help_panel=_FRAMES,
        ),
    ),
]
ModelFlags = Annotated[
    ModelChoice,
    Flags(ModelChoice, weights=_WEIGHTS, variant=_VARIANT, device=_DEVICE, precision=_DTYPE),
]

FleetFlags = Annotated[
    FleetChoice,
    Flags(
        FleetChoice,
        devices=typer.Option(
            parser=parsed_by(Devices.parse),
            metavar="all|N,N,…|cpu*N",
            help="Scenes side by side, a process for each GPU named, or N on the CPU; needs "
            "pip install '.[cluster]'.",
            show_default=False,
            rich_help_panel=_FLEET,
        ),
        cluster=typer.Option(
            metavar="auto|ADDRESS",
            help="The same on all GPUs of a Ray cluster.",
            show_default=False,
            rich_help_panel=_FLEET,
        ),
        shard=typer.Option(
            parser=parsed_by(Shard.parse),
            metavar="I/N",
            help="Do the I-th of N shares only; other processes, on any machine, do the others. "
            "torchrun and accelerate launch say it themselves.",
            show_default=False,
            rich_help_panel=_FLEET,
        ),
    ),
]

# -- places


def parse_path(text: str) -> Path:
    """Turn what is typed into a path, `~` included, which shells leave where it is quoted."""
    if not text.strip():
        raise typer.BadParameter("an empty path was given; name a place, or . for where you are")
    expanded = expand_home(text)
    if expanded.startswith("~"):
        raise typer.BadParameter(
            f"{text}: there is no such user; write the folder out, or ./{text}"
        )
    return Path(expanded)


def out(help_: str, panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--out`: where a command writes."""
    return typer.Option(
        "--out", "-o", parser=parse_path, metavar="PATH", help=help_, rich_help_panel=panel
    )


def overwrite(help_: str, panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--overwrite`: what may be replaced."""
    return typer.Option("--overwrite", help=help_, rich_help_panel=panel)


def resume(help_: str, panel: str | None = None) -> Any:  # noqa: ANN401 - as typer.Option
    """`--resume`: what is kept."""
    return typer.Option("--resume", help=help_, rich_help_panel=panel)


def require_one_of(*, overwrite: bool, resume: bool) -> None:
    """Refuse both of them.

    Raises:
        InputError: both were given.
    """
    if overwrite and resume:
        raise InputError("--overwrite and --resume exclude each other; choose one")


# -- data sets


def _parse_dataset(name: str) -> Dataset:
    """Turn a name into a data set; another spelling that one of them has is understood."""
    try:
        return Dataset(name)
    except ValueError:
        known = ", ".join(each.value for each in Dataset)
        raise typer.BadParameter(f"{name!r} is not one of {known}") from None


_DATASET: dict[str, Any] = {
    "parser": parsed_by(_parse_dataset),
    "help": "A name of `page4d data list`.",
    "show_default": False,
}
DatasetName = Annotated[Dataset, typer.Argument(metavar="DATASET", **_DATASET)]
DATASET_OPTION = typer.Option("--dataset", metavar="NAME", **_DATASET)
DatasetOption = Annotated[Dataset, DATASET_OPTION]
DATA_ROOT = typer.Option(
    "--root",
    "--data-root",
    parser=parse_path,
    metavar="DIR",
    help="The data set's folder, or the one that holds it by name; else the one that PAGE4D_DATA "
    "names, else data/.",
)
DataRoot = Annotated[Path | None, DATA_ROOT]


# -- runs

Run = Annotated[
    Path,
    typer.Argument(
        parser=parse_path, metavar="RUN", help="A directory that `page4d infer` has written."
    ),
]
Runs = Annotated[
    Path,
    typer.Argument(
        parser=parse_path,
        metavar="RUN",
        help="A directory that `page4d infer` has written, or the folder of many.",
    ),
]
ALL_FRAMES = slice(None)
_INTEGER = r"(-?\d+)?"


def parse_frames(text: str) -> slice:
    """Turn `0:30:2` or `7` into a slice, as Python does."""
    match = re.fullmatch(rf"{_INTEGER}(:{_INTEGER}(?::{_INTEGER})?)?", text.strip())
    if match is None or not text.strip():
        raise InputError(f"--frames {text}: give first:end:step as in Python, such as 0:30:2, or 7")
    first, colon, end, step = match.groups()
    if colon is None:
        index = int(first)
        return slice(index, index + 1 or None)
    if step is not None and int(step) < 1:
        raise InputError(f"--frames {text}: the step is {step}; give a number from 1")
    return slice(*(None if word is None else int(word) for word in (first, end, step)))


FramesOfRun = Annotated[
    slice,
    typer.Option(
        parser=parsed_by(parse_frames),
        metavar="FIRST:END:STEP",
        help="Which frames of the run, as Python slices.",
        show_default="all",
    ),
]
StaticOnly = Annotated[
    bool,
    typer.Option("--static-only", help="Points of what stands still, as `page4d motion` tells it."),
]
MovingOnly = Annotated[
    bool,
    typer.Option("--moving-only", help="Points of what moves, as `page4d motion` tells it."),
]


def choose_part(*, static_only: bool, moving_only: bool) -> MotionPart | None:
    """The part that the two options ask for, if any."""
    if static_only and moving_only:
        raise InputError("--static-only and --moving-only together leave nothing; give one of them")
    if static_only:
        return MotionPart.STATIC
    return MotionPart.MOVING if moving_only else None


ScaleFrom = Annotated[
    str | None,
    typer.Option(
        "--scale-from",
        metavar="SOURCE",
        help="Make lengths metres by what is known: distance:IMAGE_A,IMAGE_B=1.5 (between two "
        "cameras), poses:FILE.txt (a path in TUM form), depth:DIR (a sensor's maps, named as the "
        "pictures: 16-bit PNGs, 5000 a metre, depth:DIR=1000 for millimetres, or .npy in metres), "
        "height:1.65 (of the camera, held upright, above the ground).",
        show_default=False,
    ),
]


# -- lists of words


def parse_members(option: str, text: str, kind: type[MemberT]) -> tuple[MemberT, ...]:
    """Split `depth,cloud` into members of a closed choice, in the choice's own order."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    allowed = [member.value for member in kind]
    unknown = [word for word in words if word not in allowed]
    if unknown or not words:
        given = ", ".join(unknown) or "nothing"
        raise InputError(
            f"{option} {given}: choose among {', '.join(allowed)}, with commas between"
        )
    return tuple(member for member in kind if member.value in words)


def members(option: str, kind: type[MemberT]) -> Callable[[str | Any], Any]:
    """The parser of an option that takes members of a closed choice."""
    return parsed_by(lambda text: parse_members(option, text, kind))


# -- what is said

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else to stdout.")
]
Markdown = Annotated[
    bool,
    typer.Option(
        "--markdown",
        help="Print a table for documents: layouts, where to get each, licence, size.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]
