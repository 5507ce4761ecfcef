"""Layers of a real (random) network, drawn."""

import gc
import json
import weakref
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from page4d_cli.core.enums import FeatureKind, Reduction, Variant
from page4d_cli.core.errors import InputError, OutputError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.model import weights as model_weights
from page4d_cli.model.checkpoint import save_checkpoint
from page4d_cli.model.choice import ModelChoice
from page4d_cli.model.config import (
    CameraHeadConfig,
    DPTConfig,
    ModelConfig,
    PatchEmbedConfig,
    SpatialMaskConfig,
)
from page4d_cli.model.random_weights import random_model
from page4d_cli.model.weights import load_model
from page4d_cli.pipelines.features import files
from page4d_cli.pipelines.features.layers import reduced_layers
from page4d_cli.pipelines.features.options import FeatureOptions
from page4d_cli.pipelines.features.visualize import visualize_features


def config(depth=4, mask=True):
    return ModelConfig(
        image_size=56,
        width=16,
        depth=depth,
        num_heads=2,
        patch_embed=PatchEmbedConfig(width=16, depth=1, num_heads=2),
        camera_head=CameraHeadConfig(trunk_depth=1, num_heads=2),
        dpt_head=DPTConfig(features=8, out_channels=(8, 8, 8, 8), layers=(0, 1, 2, 3)),
        spatial_mask=SpatialMaskConfig(1, 2, 3, hidden=4) if mask else None,
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name, sizes, variant in (
        ("mask", config(), Variant.MASK),
        ("vggt", config(mask=False), Variant.VGGT),
        ("deep", config(depth=12), Variant.NOMASK),
    ):
        state = random_model(sizes, 0, layer_scale=0.5).state_dict()
        save_checkpoint(folder / f"{name}.safetensors", state, sizes, variant)
    return {path.stem: str(path) for path in folder.iterdir()}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    rng = np.random.default_rng(0)
    for index in range(3):
        Image.fromarray(rng.integers(0, 255, (42, 56, 3), dtype=np.uint8)).save(
            folder / f"{index}.png"
        )
    return str(folder)


def draw(pictures, out, weights, compare=None, **options):
    choices = [
        None if name is None else ModelChoice(name, device="cpu") for name in (weights, compare)
    ]
    return visualize_features(
        [pictures], out, model=choices[0], compare=choices[1], options=FeatureOptions(**options)
    )


def test_every_layer_and_half_of_every_frame_by_the_originals_names(pictures, weights, tmp_path):
    draw(pictures, tmp_path / "f", weights["mask"])
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert names == {"features.json"} | {
        f"{frame}_{kind}_feature_{layer}.png"
        for frame in range(3)
        for kind in ("frame", "global")
        for layer in range(4)
    }
    with Image.open(tmp_path / "f" / "0_frame_feature_0.png") as picture:
        assert picture.size == (4 * 12, 3 * 12)


def test_the_maps_are_the_halves_of_the_layers(pictures, weights):
    model = random_model(config(), 0, layer_scale=0.5).eval()
    frames = load_frames(pictures, size=56)
    options = FeatureOptions(layers=(0, 3), statistics=True)
    layers = reduced_layers(model_on_cpu(weights), frames, options)
    reduced = {layer.index: layer for layer in layers if layer.maps}
    images = torch.from_numpy(frames.as_float())[None]
    with torch.inference_mode():
        for layer in model.aggregator.iterate(images):
            if layer.index not in reduced:
                continue
            expected = layer.frame_tokens[0, :, 5:].mean(-1).reshape(3, 3, 4)
            found = reduced[layer.index].maps[FeatureKind.FRAME]
            np.testing.assert_allclose(found, expected, atol=1e-4)
            expected = layer.global_tokens[0, :, 5:].mean(-1).reshape(3, 3, 4)
            np.testing.assert_allclose(
                reduced[layer.index].maps[FeatureKind.GLOBAL], expected, atol=1e-4
            )
    assert set(reduced) == {0, 3}


def model_on_cpu(weights, name="mask"):
    return load_model(weights[name], device="cpu", precision="fp32")


def live_layers(model, frames):
    """How many halves of a layer are held, each time a layer is given out."""
    options = FeatureOptions(reduction=Reduction.PCA, statistics=True)
    size = len(frames) * (5 + 3 * 4) * model.config.width * 4
    return [len(held_memory(size)) for _ in reduced_layers(model, frames, options)]


def held_memory(size):
    """Memory of so many bytes that tensors lie in. Not the tensors: a view would hold all of it."""
    tensors = (each for each in gc.get_objects() if type(each) is torch.Tensor)
    storages = (each.untyped_storage() for each in tensors)
    return {storage.data_ptr() for storage in storages if storage.nbytes() == size}


def test_no_two_layers_are_in_memory(pictures, weights):
    """Whatever the depth: each is let go before the next one is computed."""
    frames = load_frames(pictures, size=56)
    of_4 = live_layers(model_on_cpu(weights), frames)
    of_12 = live_layers(model_on_cpu(weights, "deep"), frames)
    assert of_4 == [2] * 4 and of_12 == [2] * 12  # both halves of one layer


def test_the_mask_is_that_of_the_head_whichever_layers_are_drawn(pictures, weights):
    model, frames = model_on_cpu(weights), load_frames(pictures, size=56)
    layers = list(reduced_layers(model, frames, FeatureOptions(layers=(0,), mask=True)))
    assert [(one.index, set(one.maps), one.mask is None) for one in layers] == [
        (0, set(FeatureKind), True),
        (1, set(), False),  # the network stops here
    ]
    images = torch.from_numpy(frames.as_float())[None]
    with torch.inference_mode():
        source = list(model.aggregator.iterate(images))[1].frame_tokens
        expected = model.aggregator.mask_values(source, (3, 4)).reshape(3, 3, 4)
    np.testing.assert_allclose(layers[1].mask, expected, atol=1e-6)


def test_the_network_stops_after_the_last_layer(pictures, weights):
    model, frames = model_on_cpu(weights), load_frames(pictures, size=56)
    ran = []
    for index, block in enumerate(model.aggregator.frame_blocks):
        block.register_forward_hook(lambda *_, index=index: ran.append(index))
    steps = []
    options = FeatureOptions(layers=(1,))
    list(reduced_layers(model, frames, options, progress=lambda *step: steps.append(step)))
    assert ran == [0, 1] and steps == [("layers", 1, 2), ("layers", 2, 2)]


def test_the_two_networks_are_never_in_memory_together(pictures, weights, tmp_path, monkeypatch):
    loaded = []

    def load(*arguments, **options):
        gc.collect()
        assert all(model() is None for model in loaded)
        model = load_model(*arguments, **options)
        loaded.append(weakref.ref(model))
        return model

    monkeypatch.setattr(model_weights, "load_model", load)
    draw(pictures, tmp_path / "f", weights["mask"], weights["vggt"], layers=(1,))
    assert len(loaded) == 2


def test_a_page_shows_all_layers_of_both_networks(pictures, weights, tmp_path, monkeypatch):
    """Every picture is drawn in a colour of its own, and all colours are on the page."""
    colors = {}

    def draw_flat(map_, size, *_):
        key = map_.tobytes()
        colors.setdefault(key, (255, 50 + 5 * len(colors), 255))
        return np.full((size[1], size[0], 3), colors[key], np.uint8)

    monkeypatch.setattr(files, "draw_map", draw_flat)
    one = ModelChoice(weights["mask"], device="cpu")
    other = ModelChoice(weights["vggt"], device="cpu")
    options = FeatureOptions(sheet=True)
    first = str(Path(pictures) / "0.png")
    visualize_features([first], tmp_path / "f", model=one, compare=other, options=options)
    with Image.open(tmp_path / "f" / "0_comparison.png") as page:
        seen = {tuple(color) for color in np.asarray(page).reshape(-1, 3)}
    assert len(colors) == 4 * 2 * 2 and set(colors.values()) <= seen
    with Image.open(tmp_path / "f" / "0_sheet.png") as page:
        seen = {tuple(color) for color in np.asarray(page).reshape(-1, 3)}
    assert len(set(colors.values()) & seen) == 4 * 2


def test_a_video_has_every_frame(pictures, weights, tmp_path):
    draw(pictures, tmp_path / "f", weights["mask"], layers=(2,), video=True)
    with av.open(str(tmp_path / "f" / "frame_feature_2.mp4")) as video:
        frames = list(video.decode(video=0))
    assert len(frames) == 3 and (frames[0].width, frames[0].height) == (4 * 12, 3 * 12)


def test_a_clip_that_fails_among_several_is_told_and_leaves_nothing(pictures, weights, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "0.png").write_bytes(b"")
    model = ModelChoice(weights["mask"], device="cpu")
    out = tmp_path / "out"
    good, failed = visualize_features([pictures, str(bad)], out, model=model)
    assert good.error is None and (good.out / "features.json").exists()
    assert "0.png is empty" in failed.error and failed.written is None
    assert sorted(path.name for path in out.iterdir()) == [".pieces", good.out.name]


def test_ctrl_c_leaves_nothing(pictures, weights, tmp_path):
    def interrupt(_what, done, _total):
        if done == 3:
            raise KeyboardInterrupt

    model = ModelChoice(weights["mask"], device="cpu")
    observer = Observer(progress=interrupt)
    with pytest.raises(KeyboardInterrupt):
        visualize_features([pictures], tmp_path / "made" / "f", model=model, observer=observer)
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_asked_for(pictures, weights, tmp_path):
    draw(
        pictures,
        tmp_path / "f",
        weights["mask"],
        layers=(2, 0),
        kinds=(FeatureKind.GLOBAL,),
        statistics=True,
        mask=True,
        sheet=True,
        video=True,
        scale=3,
    )
    names = {path.name for path in (tmp_path / "f").iterdir()}
    of_frames = [f"{i}_{end}.png" for i in range(3) for end in ("mask", "mask_overlay", "sheet")]
    layers = [f"{i}_global_feature_{n}.png" for i in range(3) for n in (0, 2)]
    videos = [f"global_feature_{n}.mp4" for n in (0, 2)]
    assert names == {*of_frames, *layers, *videos, "statistics.npz", "features.json"}
    summary = json.loads((tmp_path / "f" / "features.json").read_text())
    assert summary["layers"] == [0, 2] and set(summary["files"]) == names - {"features.json"}
    assert np.load(tmp_path / "f" / "statistics.npz")["mean"].shape == (1, 2, 3)


def test_two_networks_stand_side_by_side(pictures, weights, tmp_path):
    draw(pictures, tmp_path / "f", weights["mask"], weights["vggt"], layers=(1,))
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert {"0_comparison.png", "compare", "0_frame_feature_1.png"} <= names
    assert (tmp_path / "f" / "compare" / "0_frame_feature_1.png").exists()


def test_what_cannot_be_drawn_is_refused_before_any_work(pictures, weights, tmp_path):
    for error, message, arguments in (
        (InputError, "layers 4: the network has layers 0 to 3", {"layers": (4,)}),
        (WeightsError, "have no spatial mask head", {"mask": True, "weights": "vggt"}),
        (WeightsError, "have 4 layers and .* have 12", {"compare": weights["deep"]}),
    ):
        chosen = weights[arguments.pop("weights", "mask")]
        with pytest.raises(error, match=message):
            draw(pictures, tmp_path / "f", chosen, **arguments)
    for message, options in (
        ("scale is 0", {"scale": 0}),
        ("no such map; give one of its, for instance viridis", {"cmap": "virids"}),
        ("pca has colours of its own", {"cmap": "viridis", "reduction": Reduction.PCA}),
    ):
        with pytest.raises(InputError, match=message):
            FeatureOptions(**options)
    assert not (tmp_path / "f").exists()


def test_an_output_that_is_there_is_kept(pictures, weights, tmp_path):
    draw(pictures, tmp_path / "f", weights["mask"], layers=(0, 1))
    (tmp_path / "f" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        draw(pictures, tmp_path / "f", weights["mask"])
    draw(pictures, tmp_path / "f", weights["mask"], layers=(1,), overwrite=True)
    names = {path.name for path in (tmp_path / "f").iterdir()}
    assert "mine.txt" in names and "0_frame_feature_1.png" in names
    assert "0_frame_feature_0.png" not in names


def test_a_failure_leaves_nothing(pictures, weights, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(Exception, match="No space left"):
        draw(pictures, tmp_path / "f", weights["mask"])
    assert list(tmp_path.iterdir()) == []
