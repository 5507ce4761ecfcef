"""The configuration of a training run: one tree of dataclasses, read from YAML.

A file states what differs from the defaults below, or from another configuration that it names as
`like`; `key=value` on the command line comes last. A key that does not exist is an error, wherever
it stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from page4d_cli.core.enums import OnBad, Precision
from page4d_cli.core.errors import InputError
from page4d_cli.core.paths import require_file
from page4d_cli.core.strict_json import Json, MistypedError, decode, encode_fields
from page4d_cli.model.config import ModelConfig
from page4d_cli.pipelines.train.data_options import DataOptions
from page4d_cli.train.augment import ColorOptions
from page4d_cli.train.losses.absolute_pose import AbsolutePoseOptions
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.places import PlacesOptions
from page4d_cli.train.parameters import GradientClipOptions, GroupOptions
from page4d_cli.train.sampling import BatchOptions
from page4d_cli.train.schedules import MaskSchedule

SHIPPED = "configs"
LIKE = "like"
"""Key of the configuration that one starts from."""
FREE = frozenset({"keep_last", "log_every", "max_bad_steps", "on_bad", "workers"})
"""Keys that may change while a run goes on: what is learned from clips that can be read stays."""


@dataclass(frozen=True)
class TrainConfig:
    """A training run. The defaults of the parts are the paper's."""

    steps: int = 1000
    """Optimiser steps of the whole run; schedules go by the share that is done."""
    steps_per_epoch: int = 100
    """After so many steps the stream of samples begins anew with another order."""
    seed: int = 42
    """Seed of everything that is drawn at random: samples, frames, colours, random weights."""
    model: ModelConfig = field(default_factory=ModelConfig)
    init_from: str | None = None
    """A name or a file of weights to start from; random weights if there is none."""
    data: DataOptions = field(default_factory=DataOptions)
    on_bad: OnBad = OnBad.STOP
    """What to do about a file on disk that cannot be read; skip puts another clip in its place."""
    batch: BatchOptions = field(default_factory=BatchOptions)
    color: ColorOptions | None = field(default_factory=ColorOptions)
    """None leaves the colours alone."""
    mask: MaskSchedule = field(default_factory=lambda: MaskSchedule(0, 0))
    loss: LossOptions = field(default_factory=LossOptions)
    dense_frames: int | None = None
    """Neighbouring frames of each clip that depth and points are learned from, others in every
    step; None is all. The dense heads are most of a small network's cost."""
    layer_scale: float | None = None
    """LayerScale that random weights start with; None is the network's own 0.01, meant for deep
    ones."""
    freeze: tuple[str, ...] = ()
    """Patterns of parameters that do not learn."""
    groups: tuple[GroupOptions, ...] = ()
    """Every parameter that learns belongs to one."""
    clip: tuple[GradientClipOptions, ...] = ()
    """Whose gradients are clipped together; every parameter that learns belongs to one."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's decay rates of the gradient's mean and of its square."""
    precision: Precision = Precision.AUTO
    """Number format of the matrix products; auto takes bf16 where it is native, else fp16 on CUDA,
    else fp32."""
    accumulate: int = 1
    """Parts that a batch is computed in."""
    checkpoint_activations: bool = False
    """Compute the blocks again on the way back instead of keeping what they computed."""
    validate_every: int = 100
    """Steps between two validations."""
    save_every: int = 100
    """Steps between two checkpoints."""
    keep_last: int = 2
    """Checkpoints that stay besides the best."""
    log_every: int = 1
    """Steps between two entries of the curves and of `log.jsonl`."""
    workers: int = 0
    """Processes of each rank that prepare batches; 0 prepares them in the training process."""
    max_bad_steps: int = 10
    """A step whose loss is not finite is skipped; so many end the run."""

    def __post_init__(self) -> None:
        least = dict.fromkeys(("steps", "steps_per_epoch", "accumulate", "keep_last"), 1)
        least |= dict.fromkeys(("validate_every", "save_every", "log_every"), 1)
        least |= {"workers": 0, "max_bad_steps": 0, "seed": 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise InputError(f"{name} is {getattr(self, name)}; give {lowest} or more")
        if self.dense_frames is not None and self.dense_frames < 1:
            raise InputError(
                f"dense_frames is {self.dense_frames}; give 1 or more, or leave it out"
            )
        for name in ("absolute_pose", "places"):
            self._check_training_head(name, getattr(self.loss, name))

    def _check_training_head(
        self, name: str, loss: AbsolutePoseOptions | PlacesOptions | None
    ) -> None:
        if loss is None:
            return
        if self.data.datasets or self.data.recipe.room_seed is None:
            raise InputError(
                f"loss.{name} needs drawn scenes in one room; give data.recipe.room_seed and no "
                "data.datasets"
            )
        if loss.layers[-1] >= self.model.depth:
            raise InputError(
                f"loss.{name}.layers ends with {loss.layers[-1]}; the network has layers 0 to "
                f"{self.model.depth - 1}"
            )


def shipped_configs() -> dict[str, str]:
    """The configurations that come with the package: name and first comment."""
    found = {}
    for entry in sorted(files("page4d_cli.assets").joinpath(SHIPPED).iterdir(), key=str):
        first = entry.read_text(encoding="utf-8").splitlines()[0]
        found[Path(entry.name).stem] = first.lstrip("# ")
    return found


def load_config(name_or_path: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a configuration.

    Args:
        name_or_path: a shipped one, or a YAML file.
        overrides: `key=value`, dots between the levels, `[0]` for the first of a list.

    Raises:
        InputError: it cannot be read, a key is unknown, or a value is not allowed.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        tree: Any = OmegaConf.create(encode_fields(TrainConfig()))
        OmegaConf.set_struct(tree, True)
        tree = OmegaConf.merge(tree, *_layers(name_or_path))
        for change in overrides:
            key, _, word = change.partition("=")
            _require_place(tree, key)
            value = OmegaConf.from_dotlist([f"value={word}"])["value"]
            # Entries of lists state what differs from their defaults; `decode` knows their keys.
            OmegaConf.update(tree, key, value, force_add="[" in key)
        merged: Any = OmegaConf.to_container(tree, resolve=True)
        return config_from_json(merged)
    except (OmegaConfBaseException, YAMLError, TypeError) as error:
        full_key = getattr(error, "full_key", None)
        reason = str(error).split("\n", 1)[0]
        where = f"key '{full_key}': " if full_key else ""
        raise InputError(f"configuration {name_or_path}: {where}{reason}") from error
    except InputError as error:
        raise InputError(f"configuration {name_or_path}: {error}") from error


def _layers(name_or_path: str, above: tuple[str, ...] = ()) -> list[Any]:
    """What a configuration states, after what those state that it is like.

    Raises:
        InputError: one cannot be read, or is like itself.
    """
    from omegaconf import OmegaConf

    if name_or_path in above:
        raise InputError(f"like: {' is like '.join((*above, name_or_path))}")
    tree: Any = OmegaConf.create(_text_of(name_or_path))
    like = tree.pop(LIKE, None) if OmegaConf.is_dict(tree) else None
    if like is None:
        return [tree]
    if not isinstance(like, str):
        raise InputError(f"like is {like!r}, expected the name of a configuration or a file")
    return [*_layers(like, (*above, name_or_path)), tree]


def _require_place(tree: Any, key: str) -> None:  # noqa: ANN401 - omegaconf has no types here
    """Refuse a key of a section that is off: what else the section needs would be unknown."""
    from omegaconf import OmegaConf

    above, _, last = key.rpartition(".")
    if above and OmegaConf.select(tree, above, default="unknown") is None:
        raise InputError(f"{above} is off; give '{above}={{{last}: ...}}'")


def config_from_json(data: Json) -> TrainConfig:
    """Check and take over what `config_to_json` gave, or a merged file.

    Raises:
        InputError: a key is unknown or mistyped, one without a default is missing, or a value is
            not allowed.
    """
    try:
        return decode(TrainConfig, data, defaults=True)
    except MistypedError as error:
        raise InputError(str(error)) from error


def config_to_json(config: TrainConfig) -> dict[str, Json]:
    """The configuration as `json.dumps` takes it."""
    return encode_fields(config)


def differences(before: TrainConfig, after: TrainConfig) -> list[str]:
    """What differs between two configurations, key by key, in words; `FREE` keys may."""
    old, new = _flat(config_to_json(before)), _flat(config_to_json(after))
    return [
        f"{key}: {old.get(key)} then, {new.get(key)} now"
        for key in sorted(old | new)
        if key not in FREE and old.get(key) != new.get(key)
    ]


def _flat(tree: Json, prefix: str = "") -> dict[str, Json]:
    if isinstance(tree, dict) and tree:
        pairs = [(f"{prefix}.{key}" if prefix else key, value) for key, value in tree.items()]
    elif isinstance(tree, list) and tree:
        pairs = [(f"{prefix}[{index}]", value) for index, value in enumerate(tree)]
    else:
        return {prefix: tree}
    return {key: leaf for name, value in pairs for key, leaf in _flat(value, name).items()}


def _text_of(name_or_path: str) -> str:
    if name_or_path in shipped_configs():
        entry = files("page4d_cli.assets") / SHIPPED / f"{name_or_path}.yaml"
        return entry.read_text(encoding="utf-8")
    try:
        return require_file(Path(name_or_path)).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(
            f"configuration '{name_or_path}' is neither shipped ({', '.join(shipped_configs())}) "
            f"nor a YAML file that can be read ({error})"
        ) from error
