"""Checkpoints of every form, from files to networks and back."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from released_weights import SHAPES, released
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from page4d_cli.core.enums import Precision, Variant
from page4d_cli.core.errors import WeightsError
from page4d_cli.model import weights
from page4d_cli.model.checkpoint import read_checkpoint, save_checkpoint
from page4d_cli.model.checksum import sha256_of
from page4d_cli.model.config import ModelConfig
from page4d_cli.model.network import Page4D
from page4d_cli.model.random_weights import RANDOM_CONFIG, random_model
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.model.weights import LoadedModel, WeightsInfo, assemble, load_model, tensor_dtypes


def load(path: Path | str, **arguments: Any) -> LoadedModel:
    return load_model(path, device="cpu", precision=Precision.FP32, **arguments)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    save_checkpoint(path, state, RANDOM_CONFIG, Variant.MASK)
    return path


def images() -> Tensor:
    return torch.rand(2, 3, 42, 56, generator=torch.Generator().manual_seed(0))


# The released files ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "variant", "strength"),
    [
        ("checkpoint_nomask.pt", Variant.NOMASK, 0.0),
        ("checkpoint_mask.pt", Variant.MASK, 1.0),
    ],
)
def test_a_training_checkpoint_loads_and_its_name_decides_the_mask(
    tmp_path: Path, file: str, variant: Variant, strength: float
) -> None:
    state = {f"module.{name}": tensor for name, tensor in released().items()}
    torch.save({"model": state, "optimizer": {"lr": 1.0}, "steps": 7}, tmp_path / file)
    model = load(tmp_path / file)
    assert model.info == WeightsInfo(str(tmp_path / file), variant, tmp_path / file)
    assert model.mask_strength == strength
    assert model.notes == ()
    assert not model.training
    tensors = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_meta for tensor in tensors)
    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == SHAPES


def test_vggt_loads_without_mask_head_and_says_what_it_ignores(tmp_path: Path) -> None:
    state = {
        **released(mask_head=False),
        "track_head.a": torch.ones(2),
        "track_head.b": torch.ones(1),
    }
    torch.save(state, tmp_path / "model.pt")
    model = load(tmp_path / "model.pt")
    assert model.info.variant is Variant.VGGT
    assert model.config.spatial_mask is None
    assert model.mask_strength == 0.0
    assert model.notes == ("ignored 2 track_head tensors",)


def test_another_file_name_needs_the_variant_said(tmp_path: Path) -> None:
    torch.save(released(), tmp_path / "mine.pt")
    with pytest.raises(WeightsError, match="--variant nomask or --variant mask"):
        load(tmp_path / "mine.pt")
    assert load(tmp_path / "mine.pt", variant=Variant.MASK).mask_strength == 1.0


def test_a_said_variant_must_not_contradict_the_file(tmp_path: Path, small: Path) -> None:
    torch.save(released(), tmp_path / "checkpoint_nomask.pt")
    with pytest.raises(WeightsError, match="is the variant nomask, not mask"):
        load(tmp_path / "checkpoint_nomask.pt", variant=Variant.MASK)
    with pytest.raises(WeightsError, match="is the variant mask, not nomask"):
        load(small, variant=Variant.NOMASK)
    torch.save(released(), tmp_path / "mine.pt")
    with pytest.raises(WeightsError, match="has a spatial mask head, so it cannot be the variant"):
        load(tmp_path / "mine.pt", variant=Variant.VGGT)
    torch.save(released(mask_head=False), tmp_path / "checkpoint_mask.pt")
    with pytest.raises(WeightsError, match="has no spatial mask head, so it cannot be the variant"):
        load(tmp_path / "checkpoint_mask.pt")


def test_everything_that_does_not_fit_stands_in_one_error(tmp_path: Path) -> None:
    state = released()
    del state["camera_head.token_norm.weight"], state["depth_head.norm.bias"]
    state["surplus.weight"] = torch.ones(1)
    state["point_head.norm.bias"] = torch.ones(7)
    state["depth_head.norm.weight"] = torch.ones(2048, dtype=torch.int64)
    torch.save(state, tmp_path / "checkpoint_mask.pt")
    with pytest.raises(WeightsError) as caught:
        load(tmp_path / "checkpoint_mask.pt")
    for part in (
        "2 missing (camera_head.token_norm.weight, depth_head.norm.bias)",
        "1 unexpected (surplus.weight)",
        "point_head.norm.bias (7,) where (2048,) is expected",
        "depth_head.norm.weight of type torch.int64",
    ):
        assert part in str(caught.value)


def test_long_lists_are_shortened(tmp_path: Path) -> None:
    torch.save({"resnet.weight": torch.ones(2)}, tmp_path / "resnet.pt")
    with pytest.raises(WeightsError, match=r"1403 missing \(.*, .*, .* and 1400 more\)") as caught:
        load(tmp_path / "resnet.pt")
    assert len(str(caught.value)) < 500


def test_a_file_for_another_width_or_depth_says_so(tmp_path: Path) -> None:
    narrow = {**released(), "aggregator.camera_token": torch.zeros(1, 2, 1, 384)}
    torch.save(narrow, tmp_path / "small.pt")
    with pytest.raises(WeightsError, match="another network, width 384 where 1024 is expected"):
        load(tmp_path / "small.pt")
    shallow = {n: t for n, t in released().items() if "_blocks.23." not in n}
    torch.save(shallow, tmp_path / "shallow.pt")
    with pytest.raises(WeightsError, match="another network, 23 layers where 24 are expected"):
        load(tmp_path / "shallow.pt")


# Round trips ----------------------------------------------------------------------------------


def test_a_saved_network_comes_back_with_its_sizes_and_variant(small: Path) -> None:
    model, original = load(small), random_model(RANDOM_CONFIG, 3, mask_strength=1.0).eval()
    assert (model.config, model.info.variant) == (RANDOM_CONFIG, Variant.MASK)
    with torch.inference_mode():
        given, expected = model(images()), original(images())
    for name in ("pose_enc", "depth", "world_points"):
        assert torch.equal(given[name], expected[name])


def test_weights_are_mapped_not_copied(small: Path) -> None:
    model = load(small)
    mapped = model.aggregator.camera_token.data_ptr()
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc")
    ranges = [line.split() for line in maps.read_text().splitlines() if str(small) in line]
    bounds = [tuple(int(end, 16) for end in line[0].split("-")) for line in ranges]
    assert any(begin <= mapped < end for begin, end in bounds)


def test_a_failed_save_leaves_nothing_beside(small: Path) -> None:
    before = small.read_bytes()
    state = random_model(RANDOM_CONFIG, 4).state_dict()
    target = small.parent / "sub" / "x.safetensors"
    with pytest.raises(FileNotFoundError):
        save_checkpoint(target, state, RANDOM_CONFIG, Variant.MASK)
    directory = small.parent / "taken.safetensors"
    directory.mkdir()
    with pytest.raises(IsADirectoryError):
        save_checkpoint(directory, state, RANDOM_CONFIG, Variant.MASK)
    assert sorted(p.name for p in small.parent.iterdir()) == [small.name, directory.name]
    assert small.read_bytes() == before


def test_a_saved_file_is_as_readable_as_any_other(small: Path) -> None:
    other = small.parent / "other"
    other.touch()
    assert small.stat().st_mode == other.stat().st_mode


SAVE = """
import sys
import torch
from pathlib import Path
from page4d_cli.core.enums import Variant
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.random_weights import RANDOM_CONFIG
state = {"b": torch.ones(3), "a": torch.zeros(2, 2)}
save_checkpoint(Path(sys.argv[1]), state, RANDOM_CONFIG, Variant.MASK)
"""


def test_every_process_saves_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, path in enumerate(paths):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        subprocess.run([sys.executable, "-c", SAVE, path], env=environment, check=True)
    assert len({path.read_bytes() for path in paths}) == 1
    with safe_open(paths[0], framework="pt") as file:
        assert torch.equal(file.get_tensor("b"), torch.ones(3))
        header = file.metadata()
    assert sorted(header) == ["format", "page4d.config", "page4d.variant"]
    text = paths[0].read_bytes()
    places = [text.index(f'"{key}"'.encode()) for key in sorted(header)]
    assert places == sorted(places)


def test_tensors_that_share_memory_are_saved_alone(tmp_path: Path) -> None:
    state = random_model(RANDOM_CONFIG, 3).state_dict()
    wide = torch.rand(2, *state["aggregator.camera_token"].shape)
    state["aggregator.camera_token"] = wide[1]
    save_checkpoint(tmp_path / "x.safetensors", state, RANDOM_CONFIG, Variant.NOMASK)
    assert torch.equal(load(tmp_path / "x.safetensors").aggregator.camera_token, wide[1])


# Precision ------------------------------------------------------------------------------------


def test_only_the_aggregators_matrix_products_take_the_precision(small: Path) -> None:
    model = load_model(small, device="cpu", precision=Precision.BF16)
    low = {n for n, t in model.state_dict().items() if t.dtype == torch.bfloat16}
    assert {
        "aggregator.patch_embed.patch_embed.proj.weight",
        "aggregator.patch_embed.blocks.0.attn.qkv.bias",
        "aggregator.frame_blocks.0.mlp.fc1.weight",
        "aggregator.global_blocks.3.attn.proj.weight",
    } <= low
    for part in ("norm", "ls1", "ls2", "token", "pos_embed", "spatial_mask_head"):
        assert not any(part in name for name in low), part
    assert all(name.startswith("aggregator.") for name in low)
    assert model.runtime.dtype == torch.bfloat16
    with torch.inference_mode():
        assert model(images())["depth"].isfinite().all()


def test_a_half_precision_file_is_brought_to_what_each_part_needs(tmp_path: Path) -> None:
    state = {n: t.bfloat16() for n, t in random_model(RANDOM_CONFIG, 3).state_dict().items()}
    save_checkpoint(tmp_path / "half.safetensors", state, RANDOM_CONFIG, Variant.NOMASK)
    fp32 = load(tmp_path / "half.safetensors")
    assert {t.dtype for t in fp32.state_dict().values()} == {torch.float32}
    bf16 = load_model(tmp_path / "half.safetensors", device="cpu", precision=Precision.BF16)
    assert {n: t.dtype for n, t in bf16.state_dict().items()} == tensor_dtypes(bf16, torch.bfloat16)


# Files that are no checkpoints ----------------------------------------------------------------


class Evil:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


def test_a_pickle_that_runs_code_is_not_opened(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    torch.save({"model": {"a": torch.ones(1)}, "x": Evil(trap)}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"\(\w+\.mkdir\), which could run code .* not opened"):
        read_checkpoint(tmp_path / "evil.pt")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(trap)))
    with pytest.raises(WeightsError, match="bare pickle, which can run code"):
        read_checkpoint(tmp_path / "evil.pkl")
    assert not trap.exists()


@pytest.mark.parametrize("kind", ["small.safetensors", "small.pt"])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_truncated_file_says_so(small: Path, kind: str, share: float) -> None:
    torch.save(random_model(RANDOM_CONFIG, 3).state_dict(), small.parent / "small.pt")
    content = (small.parent / kind).read_bytes()
    cut = small.parent / f"cut-{kind}"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WeightsError, match=f"cut-{kind} is .*cut short"):
        read_checkpoint(cut)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello, this is a text file\n", "is no checkpoint; a .safetensors or .pt file is needed"),
        (b"{}", "is no checkpoint"),
        (b"PK\x03\x04 and nothing of a zip archive", "damaged"),
        (b"\xff" * 8 + b"{" + b"x" * 50, "damaged"),
    ],
)
def test_other_files_say_what_is_needed(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(tmp_path / "file.pt")


@pytest.mark.parametrize("content", [[1, 2], {}, {"model": {"a": 1}}, {"epoch": 3}, torch.ones(2)])
def test_a_file_without_a_state_dict_says_what_it_holds(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(WeightsError, match="holds no state dict"):
        read_checkpoint(tmp_path / "file.pt")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"page4d.variant": "half"}, "unknown variant 'half'"),
        ({"page4d.config": "{}"}, "description of its network"),
        ({"page4d.config": "not json"}, "description of its network"),
        (
            {"page4d.config": ModelConfig().to_json().replace('"num_heads": 16', '"num_heads": 0')},
            "description of its network cannot be used .*num_heads is 0, expected 1 to 256",
        ),
        (
            {"page4d.config": ModelConfig().to_json().replace('"depth": 24', '"depth": 100000000')},
            "depth is 100000000, expected 1 to 256",
        ),
        (
            {"page4d.config": ModelConfig().to_json().replace("518", "145000000")},
            "image_size is 145000000, expected 1 to",
        ),
    ],
)
def test_metadata_that_cannot_be_used(
    tmp_path: Path, metadata: dict[str, str], message: str
) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "x.safetensors", metadata)
    with pytest.raises(WeightsError, match=f"x.safetensors.*{message}"):
        read_checkpoint(tmp_path / "x.safetensors")


def test_a_directory_and_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a directory; name the"):
        load(tmp_path)
    with pytest.raises(WeightsError, match="neither a name nor a file; allowed: page4d, page4d-ma"):
        load(tmp_path / "absent.pt")
    with pytest.raises(WeightsError, match=r"did you mean 'vggt-1b'\?"):
        load("vggt1b")


# Names ----------------------------------------------------------------------------------------


def test_random_needs_no_file_and_says_that_its_numbers_mean_nothing() -> None:
    model = load("random")
    assert isinstance(model, Page4D)
    assert (model.info.path, model.info.sha256) == (None, None)
    assert "mean nothing" in model.notes[0]
    assert load("random", variant=Variant.MASK).mask_strength == 1.0
    with pytest.raises(WeightsError, match="nomask or mask"):
        load("random", variant=Variant.VGGT)


def test_a_name_loads_from_the_hub_and_knows_its_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save({"model": released()}, tmp_path / "checkpoint_mask.pt")
    monkeypatch.setattr(weights, "fetch", lambda file: tmp_path / file.file)
    model = load("page4d-mask")
    assert (model.info.name, model.info.variant) == ("page4d-mask", Variant.MASK)
    with pytest.raises(WeightsError, match="is the variant mask, not nomask"):
        load("page4d-mask", variant=Variant.NOMASK)


def test_the_checksum_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert sha256_of(path) == expected
    path.write_bytes(b"abcd")
    assert sha256_of(path) != expected


def test_assembling_takes_tensors_as_they_are() -> None:
    state = random_model(RANDOM_CONFIG, 0).state_dict()
    info = WeightsInfo("test", Variant.NOMASK, None)
    model = assemble(RANDOM_CONFIG, state, runtime=choose_runtime("cpu", Precision.FP32), info=info)
    name = "aggregator.camera_token"
    assert model.state_dict()[name].data_ptr() == state[name].data_ptr()
