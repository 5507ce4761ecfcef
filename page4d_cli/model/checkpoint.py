"""Checkpoint files: reading them memory-mapped and without running their code, and writing them."""

import json
import os
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from page4d_cli.core.enums import Variant
from page4d_cli.core.errors import WeightsError
from page4d_cli.core.paths import require_file
from page4d_cli.model.config import ModelConfig

CONFIG_KEY = "page4d.config"
VARIANT_KEY = "page4d.variant"
PREFIX = "module."
"""Put before every name by distributed training."""
DAMAGE = (
    RuntimeError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    OSError,
)
"""What `torch.load` raises on bytes that are not what it wrote."""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file, whose bytes are read when they are used."""

    path: Path
    tensors: Mapping[str, Tensor]
    """On the CPU, by their names without `module.`."""
    config: ModelConfig | None = None
    """Sizes that the file states; None for the released ones."""
    variant: Variant | None = None
    """Variant that the file states."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Open a .safetensors or .pt file; its content decides which of the two it is.

    A .pt file is a state dict or a dict with a state dict under `model`, whose other entries
    (optimizer and the like) are not read.

    Raises:
        WeightsError: there is no such file, it is damaged, no checkpoint, or unsafe to open.
    """
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return Checkpoint(path, _without_prefix(_read_torch(path)))
    if head[8:9] == b"{":
        return _read_safetensors(path)
    if head.startswith(b"\x80"):
        raise WeightsError(
            f"{path} is a bare pickle, which can run code when it is opened, and was not opened; "
            "save its state dict again with torch.save or as .safetensors"
        )
    raise WeightsError(f"{path} is no checkpoint; a .safetensors or .pt file is needed")


def save_checkpoint(
    path: Path, state_dict: Mapping[str, Tensor], config: ModelConfig, variant: Variant
) -> None:
    """Write .safetensors that say what network they are for.

    Args:
        path: a new file.
        state_dict: the network's tensors.
        config: the network's sizes.
        variant: whether the mask is on at inference.

    Raises:
        OSError: the file cannot be written; what there is of it stays.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {name: _standalone(tensor) for name, tensor in state_dict.items()}
    metadata = {"format": "pt", CONFIG_KEY: config.to_json(), VARIANT_KEY: variant.value}
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise OSError(str(error)) from error
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    _sort_metadata(path)
    path.chmod(mode)  # safetensors would let nobody else read the file


def _sort_metadata(path: Path) -> None:
    """Order the texts of a header by key; safetensors orders them anew in each process."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        file.seek(8)
        file.write(text.ljust(length))


def _head(path: Path) -> bytes:
    """The first bytes of a file that can be read."""
    if path.is_dir():
        raise WeightsError(f"{path} is a directory; name the .safetensors or .pt file in it")
    if path.exists() and not path.is_file():
        raise WeightsError(f"{path} is no file; name a .safetensors or .pt file")
    try:
        with require_file(path).open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise WeightsError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise WeightsError(f"{path} is empty; copy or download it again")
    return head


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is damaged or cut short ({error}); copy or download it again"
        ) from error
    config, variant = metadata.get(CONFIG_KEY), metadata.get(VARIANT_KEY)
    if variant is not None and variant not in [member.value for member in Variant]:
        raise WeightsError(f"{path} states an unknown variant '{variant}'")
    return Checkpoint(
        path,
        _without_prefix(tensors),
        None if config is None else _parse_config(path, config),
        None if variant is None else Variant(variant),
    )


def _parse_config(path: Path, text: str) -> ModelConfig:
    try:
        return ModelConfig.from_json(text)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of `torch.save`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TorchScript, which is refused right after
            content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds more than tensors{_refused(error)}, which could run code when it is "
            "opened, and was not opened; whoever trusts it can save its state dict alone"
        ) from error
    except DAMAGE as error:
        raise WeightsError(
            f"{path} is cut short, damaged or no PyTorch checkpoint; copy or download it again"
        ) from error
    state_dict = content.get("model", content) if isinstance(content, dict) else content
    if not _is_state_dict(state_dict):
        raise WeightsError(
            f"{path} holds no state dict ({_contents(content)}); "
            "a dict of tensors, or one under the key 'model', is needed"
        )
    return dict(state_dict)


def _is_state_dict(value: Any) -> bool:  # noqa: ANN401 - whatever the file holds
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) for name in value)
        and all(isinstance(tensor, Tensor) for tensor in value.values())
    )


def _contents(content: Any) -> str:  # noqa: ANN401 - whatever the file holds
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    keys = [str(key) for key in content]
    return f"a dict of {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}" if keys else "{}"


def _refused(error: pickle.UnpicklingError) -> str:
    """The name in PyTorch's long refusal."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    return f" ({found[1]})" if found else ""


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    if not all(name.startswith(PREFIX) for name in tensors):
        return tensors
    return {name.removeprefix(PREFIX): tensor for name, tensor in tensors.items()}


def _standalone(tensor: Tensor) -> Tensor:
    """The tensor in memory of its own, as safetensors wants it; copied only if need be."""
    tensor = tensor.detach().contiguous()
    whole = tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if whole else tensor.clone()
