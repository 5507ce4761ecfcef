"""Would every tensor be on its device, in its number format? Tried without the device.

PyTorch's fake tensors know device, shape and number format, and hold no numbers. With them the
network runs as if on a device that this machine lacks, while every operation is looked at: that
nothing of it is on the host, that nothing asks the device for a number, that matrix products are
in the format that was chosen, and everything else in fp32.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.heads.uv_position import sine_cosine
from page4d_cli.model.layers.rotary import rotary_table
from page4d_cli.model.network import Page4D
from page4d_cli.model.runtime import DTYPES, Runtime
from page4d_cli.model.weights import MIXED_PRECISION, WeightsInfo, assemble

PLACES = (("cuda", Precision.BF16), ("cuda", Precision.FP16), ("mps", Precision.FP32))
"""What `choose_runtime` takes by itself on new and on old CUDA devices, and on MPS."""

_PRODUCTS = {
    *("mm", "addmm", "bmm", "baddbmm", "matmul", "linear", "conv2d", "conv_transpose2d"),
    *("convolution", "_convolution", "scaled_dot_product_attention"),
    *("_scaled_dot_product_flash_attention", "_scaled_dot_product_efficient_attention"),
    *("_scaled_dot_product_cudnn_attention", "_scaled_dot_product_attention_math_for_mps"),
}
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Placement:
    """How the network would run on a kind of device."""

    device: str
    """cuda or mps."""
    precision: Precision
    operations: int
    """Operations of the forward pass that were looked at."""
    products: int
    """Matrix products and convolutions among them."""
    problems: tuple[str, ...]
    """What is on the host, waits for the device, or has another number format than it should."""

    @property
    def holds(self) -> bool:
        """Whether everything is where it should be."""
        return not self.problems


@dataclass
class OperationWatch(TorchDispatchMode):
    """Looks at every operation; to be entered within `FakeTensorMode`."""

    device: torch.device
    dtype: torch.dtype
    """Number format of the aggregator's matrix products."""
    operations: int = 0
    products: int = 0
    problems: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    """Names of the modules that are computing, the innermost last."""

    def __post_init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401 - torch's signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Compute, and note what is wrong."""
        name = func.overloadpacket.__name__
        if name in ("_local_scalar_dense", "item"):
            return self._number(args[0])
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        given = _tensors((args, kwargs))
        for tensor in (*given, *_tensors(result)):
            self._check_place(name, tensor)
            self._check_format(name, tensor)
        if name in _PRODUCTS:
            self.products += 1
            for tensor in given:
                self._check_product(name, tensor)
        return result

    @contextmanager
    def following(self, model: nn.Module, prefix: str = "") -> Iterator[None]:
        """Know which module of the network is computing.

        Args:
            model: the network.
            prefix: before the network's names in the names of its modules.
        """
        hooks = []
        for name, module in model.named_modules():
            own = name.removeprefix(prefix) + "."
            hooks.append(module.register_forward_pre_hook(lambda *_, own=own: self._enter(own)))
            hooks.append(module.register_forward_hook(lambda *_: self._leave(), always_call=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _enter(self, name: str) -> None:
        self.modules.append(name)

    def _leave(self) -> None:
        self.modules.pop()

    def _number(self, tensor: Tensor) -> float | int:
        """A stand-in for what would be read."""
        if tensor.device.type == self.device.type:
            self._tell("a number is read from the device")
        return 1.0 if tensor.is_floating_point() else 1

    def _check_place(self, name: str, tensor: Tensor) -> None:
        if tensor.device.type not in (self.device.type, "meta") and tensor.ndim:
            self._tell(f"{name} has a tensor {tuple(tensor.shape)} on {tensor.device}")

    def _check_format(self, name: str, tensor: Tensor) -> None:
        half = tensor.dtype in (torch.float16, torch.bfloat16)
        if half and not self._is_mixed():
            self._tell(f"{name} computes in {tensor.dtype}")
        if self.device.type == "mps" and tensor.dtype is torch.float64 and tensor.ndim:
            self._tell(f"{name} computes in float64, which MPS lacks")

    def _check_product(self, name: str, tensor: Tensor) -> None:
        expected = self.dtype if self._is_mixed() else torch.float32
        if tensor.is_floating_point() and tensor.dtype is not expected:
            self._tell(f"{name} multiplies {tensor.dtype}, not {expected}")

    def _is_mixed(self) -> bool:
        return any(name.startswith(MIXED_PRECISION) for name in self.modules)

    def _tell(self, problem: str) -> None:
        innermost = self.modules[-1].rstrip(".") if self.modules else ""
        where = f"in {innermost}: " if innermost else ""
        if len(self.problems) < _MOST_PROBLEMS and where + problem not in self.problems:
            self.problems.append(where + problem)


def check_placement(
    config: ModelConfig,
    device: str,
    precision: Precision,
    *,
    frames: int = 2,
    size: tuple[int, int] = (56, 42),
) -> Placement:
    """Run a network of any size with its mask and all heads, on fake tensors.

    Args:
        config: sizes; the largest network needs no memory here.
        device: cuda or mps.
        precision: number format of the aggregator's matrix products.
        frames: S.
        size: (W, H).
    """
    place, dtype = torch.device(device, 0), DTYPES[precision]
    watch = OperationWatch(place, dtype)
    with fake_device():
        model = _fake_model(config, Runtime(place, dtype, "not here"))
        images = torch.empty(1, frames, 3, size[1], size[0], device=place)
        try:
            with torch.inference_mode():
                with OperationWatch(place, dtype):
                    model(images)  # fills the tables that are kept per shape, from the host
                with watch, watch.following(model):
                    outputs = model(images)
        except RuntimeError as error:  # fake tensors that meet, or whose numbers are asked for
            watch.problems.append(str(error).splitlines()[0])
        else:
            watch.problems += _wrong_outputs(outputs, place)
    problems = tuple(watch.problems)
    return Placement(device, precision, watch.operations, watch.products, problems)


@contextmanager
def fake_device() -> Iterator[None]:
    """Tensors that are made within have no numbers, and may be on any device."""
    try:
        with FakeTensorMode(), _KernelsOfTheDevice():
            yield
    finally:  # what is kept per shape must not be fake for those who compute
        rotary_table.cache_clear()
        sine_cosine.cache_clear()


class _KernelsOfTheDevice(TorchFunctionMode):
    """What PyTorch asks of the device even for fake tensors: attention, and all sorts on MPS."""

    def __torch_function__(
        self,
        func: Any,  # noqa: ANN401 - torch's signature
        types: Any,  # noqa: ANN401
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Take another way to the same shapes."""
        kwargs = kwargs or {}
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if func is Tensor.to and any(_is_mps(argument) for argument in args[1:]):
            dtype = next((one for one in args[1:] if isinstance(one, torch.dtype)), args[0].dtype)
            return torch.empty(args[0].shape, device=args[1], dtype=dtype)
        if func is nn.functional.scaled_dot_product_attention:
            return _attend(*args, **kwargs)
        if first is None or first.device.type != "mps":
            return func(*args, **kwargs)
        if func is Tensor.__getitem__:
            index = tree_map_only(Tensor, lambda one: torch.empty_like(one, device="meta"), args[1])
            shape = torch.empty(first.shape, device="meta")[index].shape
            return torch.empty(shape, device=first.device, dtype=first.dtype)
        if func is Tensor.__setitem__:
            return None
        if func is Tensor.__invert__:
            return first.bitwise_not()
        if func is Tensor.contiguous:
            return first.clone(memory_format=torch.contiguous_format)
        return func(*args, **kwargs)


def _attend(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """By the device's own kernel, which PyTorch does not find where the device is not there."""
    if query.device.type == "mps":
        mps = torch.ops.aten._scaled_dot_product_attention_math_for_mps
        return cast(Tensor, mps(query, key, value, attn_mask)[0])
    if attn_mask is not None:
        attn_mask = attn_mask.expand(*query.shape[:-1], key.shape[-2])
    efficient = torch.ops.aten._scaled_dot_product_efficient_attention
    return cast(Tensor, efficient(query, key, value, attn_mask, torch.is_grad_enabled())[0])


def _is_mps(argument: object) -> bool:
    return isinstance(argument, torch.device) and argument.type == "mps"


def _fake_model(config: ModelConfig, runtime: Runtime) -> Page4D:
    """A network as `load_model` gives it, from weights on the host."""
    with torch.device("meta"):
        shapes = Page4D(config).state_dict()
    weights = {name: torch.empty(tensor.shape) for name, tensor in shapes.items()}
    info = WeightsInfo("fake", Variant.MASK, None)
    return assemble(config, weights, runtime=runtime, info=info)


def _wrong_outputs(outputs: dict[str, Any], device: torch.device) -> list[str]:
    return [
        f"{name} comes as {tensor.dtype} on {tensor.device}"
        for name, value in outputs.items()
        for tensor in _tensors(value)
        if tensor.device.type != device.type or tensor.dtype is not torch.float32
    ]


def _tensors(tree: Any) -> list[Tensor]:  # noqa: ANN401 - anything nested
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
