"""From a name or a path to a network that is ready to run."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.core.errors import WeightsError
from page4d_cli.core.paths import expand_home
from page4d_cli.model.checkpoint import read_checkpoint
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.compatibility import examine, resolve_variant
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.hub import cached_path, fetch
from page4d_cli.model.named_weights import RANDOM, WEIGHTS, BundledFile, HubFile
from page4d_cli.model.network import Page4D
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model
from page4d_cli.model.runtime import Runtime, choose_runtime, give_back_dropped_blocks

RANDOM_SEED = 0
MASK_STRENGTH: Mapping[Variant, float] = MappingProxyType(
    {Variant.NOMASK: 0.0, Variant.MASK: 1.0, Variant.VGGT: 0.0}
)
"""The mask's strength at inference."""
MIXED_PRECISION = (
    "aggregator.patch_embed.",
    "aggregator.frame_blocks.",
    "aggregator.global_blocks.",
)
"""The parts whose matrix products run in the chosen precision; everything else stays in fp32."""


@dataclass(frozen=True)
class WeightsInfo:
    """Where a network's weights come from."""

    name: str
    """The weights as they were asked for: a name of the table or a path."""
    variant: Variant
    path: Path | None
    """None if there is no file."""

    @property
    def sha256(self) -> str | None:
        """Checksum of the file, computed when first asked for: seconds for gigabytes."""
        return None if self.path is None else sha256_of(self.path)


class LoadedModel(Page4D):
    """The network with its weights, in evaluation mode, that knows where they come from.

    Args:
        config: sizes.
        runtime: the device and precision it was loaded for.
        info: where its weights come from; the variant there decides the mask.
        notes: what the user should be told about the loading.
    """

    def __init__(
        self, config: ModelConfig, *, runtime: Runtime, info: WeightsInfo, notes: tuple[str, ...]
    ) -> None:
        super().__init__(config, mask_strength=MASK_STRENGTH[info.variant])
        self.runtime = runtime
        self.info = info
        self.notes = notes


def load_model(
    name_or_path: str | Path = "page4d",
    *,
    variant: Variant | str | None = None,
    device: str = "auto",
    precision: Precision | str = Precision.AUTO,
) -> LoadedModel:
    """Load a network; the file is mapped into memory and never copied as a whole.

    Args:
        name_or_path: a name of the table, whose file is downloaded if it is not in the Hub's cache,
            or a .safetensors or .pt file.
        variant: what the file is, where it does not say so itself.
        device: auto, cpu, mps, cuda, or cuda:N.
        precision: number format of the aggregator's matrix products.

    Raises:
        WeightsError: the weights are not there, cannot be read, or are not for this network.
        DeviceError: this machine lacks the device or the precision.
    """
    runtime = choose_runtime(device, Precision(precision))
    if runtime.device.type == "cpu":
        give_back_dropped_blocks()
    variant = None if variant is None else Variant(variant)
    entry = WEIGHTS.get(str(name_or_path))
    if entry is not None and entry.source is None:
        return _load_random(variant, runtime)
    path = locate(name_or_path)
    checkpoint = read_checkpoint(path)
    fit = examine(checkpoint)
    if not fit.is_complete:
        raise WeightsError(
            f"{path} {fit.problem()}; `page4d weights check` lists everything that differs"
        )
    stated = variant or (entry.variant if entry is not None else None)
    info = WeightsInfo(str(name_or_path), resolve_variant(checkpoint, fit, stated), path)
    notes = [f"ignored {len(fit.ignored)} track_head tensors"] if fit.ignored else []
    if entry is not None and entry.note is not None:
        notes.append(entry.note)
    return assemble(fit.config, checkpoint.tensors, runtime=runtime, info=info, notes=tuple(notes))


def config_of(name_or_path: str | Path) -> ModelConfig:
    """Sizes of the network that weights are for, known without a download.

    Raises:
        WeightsError: there is no such name or file, or the file cannot be read.
    """
    entry = WEIGHTS.get(str(name_or_path))
    if entry is None or isinstance(entry.source, BundledFile):
        return examine(read_checkpoint(locate(name_or_path))).config
    if entry.source is None:
        return RANDOM_CONFIG
    return ModelConfig(spatial_mask=None) if entry.variant is Variant.VGGT else ModelConfig()


def image_size_of(name_or_path: str | Path) -> int:
    """Longer side of the pictures that weights are made for, known without a download.

    Raises:
        WeightsError: there is no such name or file, or the file cannot be read.
    """
    return config_of(name_or_path).image_size


def local_file(name_or_path: str | Path) -> Path | None:
    """The file of a name or a path, if there is one on this machine."""
    entry = WEIGHTS.get(str(name_or_path))
    if entry is None:
        path = Path(expand_home(str(name_or_path)))
        return path if path.is_file() else None
    if isinstance(entry.source, HubFile):
        return cached_path(entry.source)
    return None if entry.source is None else entry.source.path


def locate(name_or_path: str | Path) -> Path:
    """The file of a name or a path; downloads it if it is not in the Hub's cache.

    Raises:
        WeightsError: there is no such name or file, or it cannot be downloaded.
    """
    entry = WEIGHTS.get(str(name_or_path))
    if entry is not None and entry.source is None:
        raise WeightsError(
            f"the weights {name_or_path} have no file, the program makes them; name other weights"
        )
    if entry is not None and entry.source is not None:
        source = entry.source
        return source.path if isinstance(source, BundledFile) else fetch(source)
    path = Path(expand_home(str(name_or_path)))
    if not path.exists():
        close = difflib.get_close_matches(str(name_or_path), WEIGHTS, n=1)
        guess = f"; did you mean '{close[0]}'?" if close else ";"
        raise WeightsError(
            f"weights '{name_or_path}' are neither a name nor a file{guess} "
            f"allowed: {', '.join(WEIGHTS)}, or the path of a .safetensors or .pt file"
        )
    return path


def assemble(
    config: ModelConfig,
    tensors: Mapping[str, Tensor],
    *,
    runtime: Runtime,
    info: WeightsInfo,
    notes: tuple[str, ...] = (),
) -> LoadedModel:
    """Give tensors to a network, each brought to its device and precision on its own.

    Args:
        config: sizes.
        tensors: every tensor of that network, and perhaps more. Those that are right already are
            taken as they are, not copied.
        runtime: device and precision.
        info: where the tensors come from.
        notes: what the user should be told.
    """
    with torch.device("meta"):
        model = LoadedModel(config, runtime=runtime, info=info, notes=notes)
    dtypes = tensor_dtypes(model, runtime.dtype)
    model.load_state_dict(
        {name: tensors[name].to(runtime.device, dtype) for name, dtype in dtypes.items()},
        assign=True,
    )
    return model.eval()


def tensor_dtypes(model: Page4D, dtype: torch.dtype) -> dict[str, torch.dtype]:
    """The number format of every tensor of a network that runs in `dtype`.

    Only linear layers and convolutions of the aggregator take it; norms, scales, tokens, the mask
    head and the other heads stay in fp32.
    """
    dtypes = dict.fromkeys(model.state_dict(), torch.float32)
    for name, module in model.named_modules():
        if name.startswith(MIXED_PRECISION) and isinstance(module, (nn.Linear, nn.Conv2d)):
            dtypes |= {f"{name}.{parameter}": dtype for parameter, _ in module.named_parameters()}
    return dtypes


def _load_random(variant: Variant | None, runtime: Runtime) -> LoadedModel:
    if variant is Variant.VGGT:
        raise WeightsError("the weights random have a mask head; their variant is nomask or mask")
    entry = WEIGHTS[RANDOM]
    info = WeightsInfo(RANDOM, variant or entry.variant, None)
    tensors = random_model(RANDOM_CONFIG, RANDOM_SEED).state_dict()
    notes = () if entry.note is None else (entry.note,)
    return assemble(RANDOM_CONFIG, tensors, runtime=runtime, info=info, notes=notes)
