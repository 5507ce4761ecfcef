"""Check and convert checkpoints."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.core.errors import OutputError, WeightsError
from page4d_cli.core.wording import count_noun
from page4d_cli.io.whole.transaction import replacing
from page4d_cli.model.checkpoint import read_checkpoint, save_checkpoint
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.compatibility import examine, resolve_variant, skeleton
from page4d_cli.model.runtime import DTYPES
from page4d_cli.model.weights import locate, tensor_dtypes


@dataclass(frozen=True)
class CheckReport:
    """What a checkpoint holds and whether it loads."""

    path: str
    sha256: str
    bytes: int
    tensors: int
    parameters: int
    """Numbers in the tensors that the network takes."""
    dtypes: dict[str, int]
    """Tensors by number format."""
    width: int
    """Channels of the network that the file is compared with."""
    depth: int
    variant: Variant | None
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[str, ...]
    ignored: tuple[str, ...]
    non_finite: tuple[str, ...]
    """Tensors with values that are NaN or infinite, from which nothing can be computed."""
    problems: tuple[str, ...]
    """Why it cannot be used, one line each; empty if it can."""


@dataclass(frozen=True)
class Conversion:
    """A checkpoint written anew."""

    source: str
    path: str
    bytes: int
    variant: Variant
    ignored: int
    """Tensors that the network does not use, which were left out."""


def check(name_or_path: str | Path, variant: Variant | None = None) -> CheckReport:
    """Compare a checkpoint with the network that it is for.

    Args:
        name_or_path: as for `load_model`.
        variant: what the file is, where it does not say so itself.

    Raises:
        WeightsError: the file is not there or cannot be opened at all.
    """
    path = locate(name_or_path)
    checkpoint = read_checkpoint(path)
    fit = examine(checkpoint)
    problems = [] if fit.is_complete else [f"it {fit.problem()}"]
    try:
        variant = resolve_variant(checkpoint, fit, variant)
    except WeightsError as error:
        variant = None
        problems = problems or [str(error)]
    tensors = {n: tensor for n, tensor in checkpoint.tensors.items() if n not in fit.ignored}
    non_finite = tuple(name for name, tensor in tensors.items() if not _is_finite(tensor))
    if non_finite:
        problems.append(f"{count_noun(len(non_finite), 'tensor')} with values that are not finite")
    kept = tensors.values()
    return CheckReport(
        path=str(path),
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        tensors=len(kept),
        parameters=sum(tensor.numel() for tensor in kept),
        dtypes=dict(Counter(str(tensor.dtype).removeprefix("torch.") for tensor in kept)),
        width=fit.config.width,
        depth=fit.config.depth,
        variant=variant,
        missing=fit.missing,
        unexpected=fit.unexpected,
        mismatched=fit.mismatched,
        ignored=fit.ignored,
        non_finite=non_finite,
        problems=tuple(problems),
    )


def convert(
    source: str | Path,
    destination: Path,
    *,
    precision: Precision = Precision.AUTO,
    variant: Variant | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Write a checkpoint as .safetensors that state their network and variant.

    Args:
        source: as for `load_model`.
        destination: the new file.
        precision: fp32, or bf16 or fp16 for the tensors that compute in it (see `tensor_dtypes`),
            so that running the result in that precision gives the same numbers as before. auto
            keeps every tensor as it is.
        variant: what the source is, where it does not say so itself.
        overwrite: replace the destination if it exists.

    Raises:
        WeightsError: the source does not load.
        OutputError: the destination exists, or its directory does not.
        WriteError: the destination cannot be written.
    """
    _require_free(destination, overwrite=overwrite)
    path = locate(source)
    checkpoint = read_checkpoint(path)
    fit = examine(checkpoint)
    if not fit.is_complete:
        raise WeightsError(f"{path} {fit.problem()}; only weights that load can be converted")
    variant = resolve_variant(checkpoint, fit, variant)
    tensors = {n: t for n, t in checkpoint.tensors.items() if n not in fit.ignored}
    if precision is not Precision.AUTO:
        dtypes = tensor_dtypes(skeleton(fit.config), DTYPES[precision])
        tensors = {name: tensor.to(dtypes[name]) for name, tensor in tensors.items()}
    with replacing(destination) as staged:
        save_checkpoint(staged, tensors, fit.config, variant)
    return Conversion(
        str(path), str(destination), destination.stat().st_size, variant, len(fit.ignored)
    )


def _is_finite(tensor: Tensor) -> bool:
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return True
    values = tensor.float() if tensor.itemsize == 1 else tensor  # float8 is not compared here
    return all(bool(end.isfinite()) for end in values.aminmax())  # NaN is both ends; no copy


def _require_free(destination: Path, *, overwrite: bool) -> None:
    if destination.suffix != ".safetensors":
        raise OutputError(f"{destination} must end in .safetensors, the format that is written")
    if not destination.parent.is_dir():
        raise OutputError(f"{destination.parent} is no directory; create it first")
    if destination.is_dir():
        raise OutputError(f"{destination} is a directory; name a file")
    if destination.exists() and not overwrite:
        raise OutputError(f"{destination} exists; name another file, or pass --overwrite")
