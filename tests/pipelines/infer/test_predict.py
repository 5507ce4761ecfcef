from dataclasses import replace

import numpy as np
import pytest
import torch

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import OutOfMemoryError
from page4d_cli.pipelines.infer import predict as module
from page4d_cli.pipelines.infer.predict import infer


def test_equals_the_networks_own_forward(model, frames):
    prediction = infer(model, frames)
    with torch.inference_mode():
        result = model(torch.from_numpy(frames.as_float()))
    np.testing.assert_allclose(prediction.depth, result["depth"][0, ..., 0], rtol=1e-5)
    np.testing.assert_allclose(prediction.depth_confidence, result["depth_conf"][0], rtol=1e-5)
    np.testing.assert_allclose(prediction.points, result["world_points"][0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prediction.extrinsics[:, :, 3], result["pose_enc"][0, :, :3])


def test_frames_may_be_turned_around(model, frames):
    backwards = replace(frames, images=frames.images[::-1], infos=frames.infos[::-1])
    copied = replace(backwards, images=backwards.images.copy())
    np.testing.assert_array_equal(infer(model, backwards).depth, infer(model, copied).depth)


def test_only_the_heads_asked_for(model, frames):
    model.depth_head = model.camera_head = None
    prediction = infer(model, frames, heads={Head.POINT})
    assert prediction.points is not None
    assert prediction.depth is None and prediction.extrinsics is None


def test_a_single_frame_will_do(model, picture_folder):
    from page4d_cli.data.clip.frames import load_frames

    prediction = infer(model, load_frames(picture_folder(count=1)))
    assert prediction.depth.shape == (1, 140, 518)


def test_progress_counts_every_layer_and_frame(model, frames):
    steps = []
    infer(model, frames, progress=lambda *step: steps.append(step))
    assert [s for s in steps if s[0] == "attention layers"] == [
        ("attention layers", done, 4) for done in (1, 2, 3, 4)
    ]
    for what in ("depth maps", "point maps"):
        assert [s for s in steps if s[0] == what] == [(what, 1, 2), (what, 2, 2)]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("where", ["encode", "decode"])
def test_too_little_memory_is_explained(model, frames, monkeypatch, error, where):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(model, where, fail)
    with pytest.raises(OutOfMemoryError, match=r"2 frames of 518×140 do not fit.*--max-frames"):
        infer(model, frames)


def test_a_head_takes_half_as_many_frames_where_all_do_not_fit(model, frames, monkeypatch):
    whole = infer(model, frames, heads={Head.DEPTH})
    decode, asked = model.decode, []

    def small(encoding, head, chosen):
        asked.append(chosen)
        if chosen.stop - chosen.start > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(encoding, head, chosen)

    monkeypatch.setattr(model, "decode", small)
    monkeypatch.setitem(module.FRAMES_AT_ONCE, "cpu", 2)
    np.testing.assert_array_equal(infer(model, frames, heads={Head.DEPTH}).depth, whole.depth)
    assert asked == [slice(0, 2), slice(0, 1), slice(1, 2)]


def test_other_errors_are_left_alone(model, frames, monkeypatch):
    def fail(*_args, **_kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(model, "encode", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        infer(model, frames)


def test_every_device_has_a_chunk_size():
    assert module.FRAMES_AT_ONCE.keys() == {"cuda", "mps", "cpu"}
