"""Options shared by several commands, declared once."""

from enum import Enum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from page4d_cli.core.enums import Dataset, Fit, MotionPart, Precision, Variant
from page4d_cli.core.errors import InputError

_MODEL = "Network"
_FRAMES = "Frames"

Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT...",
        help="Folders of images, videos, patterns or image files; '-' reads paths from stdin. "
        "Each folder and each video is one scene; images given one by one are one scene.",
        show_default=False,
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        "--weights",
        "-w",
        metavar="NAME|PATH",
        help="A name of `page4d weights list`, or a checkpoint (.safetensors, .pt).",
        rich_help_panel=_MODEL,
    ),
]
VariantOption = Annotated[
    Variant | None,
    typer.Option(
        "--variant",
        help="What a checkpoint file is, where the file itself does not say.",
        rich_help_panel=_MODEL,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda[:N]|mps",
        help="auto takes CUDA, else Apple's GPU, else the CPU.",
        rich_help_panel=_MODEL,
    ),
]
DType = Annotated[
    Precision,
    typer.Option(
        "--dtype",
        help="Number format of the matrix products; auto takes bf16 where it is native, else fp16 "
        "on CUDA, else fp32. The heads compute in fp32.",
        rich_help_panel=_MODEL,
    ),
]
FitOption = Annotated[
    Fit,
    typer.Option(
        "--fit",
        help="keep: longer side to the network's size, nothing lost. crop: width to that size, "
        "rows beyond it cut. pad: a white square around it.",
        rich_help_panel=_FRAMES,
    ),
]
Stride = Annotated[int, typer.Option(min=1, help="Take every N-th frame.", rich_help_panel=_FRAMES)]
Fps = Annotated[
    float | None,
    typer.Option(help="Take N frames a second of a video.", rich_help_panel=_FRAMES),
]
Start = Annotated[
    int, typer.Option(min=0, help="Index of the first frame to take.", rich_help_panel=_FRAMES)
]
MaxFrames = Annotated[
    int | None, typer.Option(min=1, help="Take N frames at most.", rich_help_panel=_FRAMES)
]
SkipBad = Annotated[
    bool,
    typer.Option(
        "--skip-bad", help="Leave out unreadable frames and list them.", rich_help_panel=_FRAMES
    ),
]


def parse_dataset(name: str | Dataset) -> Dataset:
    """Turn a name into a data set; another spelling that one of them has is understood."""
    try:
        return Dataset(name)
    except ValueError:
        known = ", ".join(each.value for each in Dataset)
        raise typer.BadParameter(f"{name!r} is not one of {known}") from None


DatasetName = Annotated[
    Dataset | None,
    typer.Argument(
        metavar="DATASET",
        parser=parse_dataset,
        autocompletion=lambda: [each.value for each in Dataset],
        help="A name of `page4d data list`.",
        show_default=False,
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--root",
        "--data-root",
        metavar="DIR",
        help="The data set's folder, or the one that holds it by name; else the one that "
        "PAGE4D_DATA names, else data/.",
    ),
]


_Member = TypeVar("_Member", bound=Enum)


def parse_members(option: str, text: str, kind: type[_Member]) -> tuple[_Member, ...]:
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


def parse_place(text: str) -> Path:
    """Turn what is typed for a place to write to into a path; empty it would be where one is."""
    if not text.strip():
        raise typer.BadParameter("an empty path was given; name a place, or . for where you are")
    return Path(text)


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


Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object and nothing else to stdout.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]
