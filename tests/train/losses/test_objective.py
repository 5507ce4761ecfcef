"""The objective: the original's numbers, and what must hold for any batch."""

import json

import pytest
import torch
from support import ORACLE
from train_support import encode, oracle_case, perfect, replace, toy_batch

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.objective import compute_losses
from page4d_cli.train.losses.options import LossOptions
from page4d_cli.train.losses.predictions import DensePrediction, Predictions
from page4d_cli.train.losses.quirks import Quirks
from page4d_cli.train.normalise import normalise

ORIGINAL = LossOptions.original()
EXPECTED = json.loads((ORACLE / "losses.json").read_text())
GEOMETRY = [f"loss_{term}_{of}" for of in ("depth", "point") for term in ("conf", "reg", "grad")]
MAPS = ("depth", "points")
EVERY_OPTION = [
    LossOptions(),
    ORIGINAL,
    *(LossOptions(quirks=Quirks(**{name: True})) for name in vars(Quirks())),
]


@pytest.mark.parametrize(
    ("case", "flags"),
    [
        ("all", {}),
        ("abandon_pose_of_scene_0", {"supervise_pose": [False, True]}),
        ("abandon_geometry_of_scene_0", {"supervise_geometry": [False, True]}),
    ],
)
def test_oracle(case, flags):
    predictions, batch, target = oracle_case()
    batch = replace(batch, **{name: torch.tensor(flag) for name, flag in flags.items()})
    losses = compute_losses(predictions, batch, target, ORIGINAL)
    assert_terms(losses, EXPECTED[case], 1e-5)
    assert losses.objective.item() == losses.terms["objective"].item()


def test_shipped_weights():
    weights, options = EXPECTED["weights"], LossOptions()
    assert options.camera.weight == weights["camera"]
    for given, expected in ((options.depth, weights["depth"]), (options.point, weights["point"])):
        assert {name: getattr(given, name) for name in expected} == expected


TOY = {
    "loss_camera": 0.4210,
    "loss_T": 0.1684,
    "loss_R": 0.1684,
    "loss_FL": 0.1684,
    "loss_conf_depth": 0.0184112,
    "loss_reg_depth": 0.1,
    "loss_grad_depth": 0.0,
    "loss_conf_point": 0.2077808,
    "loss_reg_point": 0.1732051,
    "loss_grad_point": 0.0,
    "objective": 2.6043975,
}
TOY_WITHOUT_GEOMETRY = {**TOY, **dict.fromkeys(GEOMETRY, 0.0), "objective": 2.1050}


@pytest.mark.parametrize("options", EVERY_OPTION)
def test_toy_scene(options):
    """All samples and pixels being alike, no quirk shows."""
    predictions, batch = toy_case()
    batch = replace(batch, supervise_pose=torch.tensor([True, False]))
    assert_terms(compute_losses(predictions, batch, encode(batch), options), TOY, 2e-6)


def test_toy_scene_with_one_sample_without_geometry():
    predictions, batch = toy_case()
    batch = replace(
        batch,
        supervise_pose=torch.tensor([True, False]),
        supervise_geometry=torch.tensor([True, False]),
    )
    original = compute_losses(predictions, batch, encode(batch), ORIGINAL)
    assert_terms(original, TOY_WITHOUT_GEOMETRY, 2e-6)
    assert_terms(compute_losses(predictions, batch, encode(batch)), TOY, 2e-6)


@pytest.mark.parametrize("options", [LossOptions(), ORIGINAL])
def test_toy_scene_with_slanted_depth(options):
    predictions, batch = toy_case()
    slanted = batch.depth + 0.05 * torch.arange(56)
    depth = DensePrediction(slanted[..., None], predictions.depth.confidence)
    losses = compute_losses(replace(predictions, depth=depth), batch, encode(batch), options)
    expected = {"loss_reg_depth": 1.3250, "loss_conf_depth": 0.7534112}
    expected["loss_grad_depth"] = 0.1685268
    assert_terms(losses, expected, 2e-6)


@pytest.mark.parametrize("options", EVERY_OPTION)
def test_nothing_is_to_be_learned_from_a_perfect_prediction(random_batch, options):
    batch = normalise(random_batch).batch
    predictions = perfect(batch)
    losses = compute_losses(predictions, batch, encode(batch), options)
    for name in ("loss_camera", "loss_reg_depth", "loss_reg_point", "loss_grad_depth"):
        assert losses.terms[name] == 0
    losses.objective.backward()
    for one in (*predictions.pose_encodings, predictions.depth.values, predictions.points.values):
        torch.testing.assert_close(one.grad, torch.zeros_like(one), atol=1e-6, rtol=0)


@pytest.mark.parametrize("supervised", [(True, True), (True, False)])
def test_sample_without_geometry_changes_nothing(random_batch, supervised):
    """What is predicted for it, or true of it, does not matter, and it gets no gradient."""
    batch = replace(normalise(random_batch).batch, supervise_geometry=torch.tensor(supervised))
    losses, gradients = evaluate(batch, noise_of_second=0.1)
    other, _ = evaluate(batch, noise_of_second=0.7)
    alike = [losses.terms[name] == other.terms[name] for name in GEOMETRY]
    assert not any(alike) if supervised[1] else all(alike)
    assert all((gradients[name][1] != 0).any() == supervised[1] for name in MAPS)
    assert all((gradients[name][0] != 0).any() for name in MAPS)


def test_samples_count_alike_whatever_their_number_of_pixels(random_batch):
    batch = normalise(random_batch).batch
    few = batch.valid.clone()
    few[1, :, 14:] = False
    sparse = replace(batch, valid=few)
    alone = [
        compute_terms(replace(sparse, supervise_geometry=torch.tensor(flags)))
        for flags in ((True, False), (False, True))
    ]
    both = compute_terms(sparse)
    for name in GEOMETRY:
        assert both[name].item() == pytest.approx((alone[0][name] + alone[1][name]).item() / 2)


def test_ranks_average_to_the_whole_batch(random_batch):
    """Every sample taking part, two processes learn what one with both samples learns."""
    batch = normalise(random_batch).batch
    _, gradients = evaluate(batch, noise_of_second=0.3)
    parts = []
    for rank in range(2):
        alone = {name: value[rank : rank + 1] for name, value in vars(batch).items()}
        shares = values_of(batch, noise_of_second=0.3)
        own = {name: one[rank : rank + 1].detach().requires_grad_() for name, one in shares.items()}
        mine = replace(batch, **alone)
        compute_losses(assemble(own), mine, encode(mine)).objective.backward()
        parts.append({name: one.grad / 2 for name, one in own.items()})
    for name, expected in gradients.items():
        torch.testing.assert_close(torch.cat([part[name] for part in parts]), expected)


def test_pooled_pixels_let_the_dense_sample_outweigh_the_sparse_one(random_batch):
    batch = normalise(random_batch).batch
    few = batch.valid.clone()
    few[1, :, 2:] = False
    options = LossOptions(quirks=Quirks(pixels_pooled=True))
    losses, _ = evaluate(replace(batch, valid=few), noise_of_second=3.0, options=options)
    even, _ = evaluate(replace(batch, valid=few), noise_of_second=3.0)
    assert losses.terms["loss_reg_depth"] < 0.5 * even.terms["loss_reg_depth"]


@pytest.mark.parametrize("options", EVERY_OPTION)
@pytest.mark.parametrize(
    "emptied",
    [("valid",), ("supervise_pose",), ("supervise_geometry",), ("valid", "supervise_pose")],
)
def test_gradients_are_finite_where_nothing_is_left(random_batch, emptied, options):
    nothing = {name: torch.zeros_like(getattr(random_batch, name)) for name in emptied}
    batch = normalise(replace(random_batch, **nothing)).batch
    losses, gradients = evaluate(batch, noise_of_second=0.2, options=options)
    assert losses.objective.isfinite()
    assert all(one.isfinite().all() for one in gradients.values())
    if set(emptied) & {"valid", "supervise_geometry"}:
        assert all(losses.terms[name] == 0 for name in GEOMETRY)
        assert all((gradients[name] == 0).all() for name in MAPS)


def test_no_scale_leaves_rotation_and_focal_length_to_learn(random_batch):
    valid = torch.zeros_like(random_batch.valid)
    batch = normalise(replace(random_batch, valid=valid)).batch
    losses, _ = evaluate(batch, noise_of_second=0.2)
    assert losses.terms["loss_T"] == 0
    assert losses.terms["loss_R"] > 0 < losses.terms["loss_FL"]
    original, _ = evaluate(batch, noise_of_second=0.2, options=ORIGINAL)
    assert original.terms["loss_camera"] == 0


def test_an_empty_first_frame_costs_the_cameras_only_in_the_original(random_batch):
    valid = random_batch.valid.clone()
    valid[:, 0] = False
    batch = normalise(replace(random_batch, valid=valid)).batch
    losses, _ = evaluate(batch, noise_of_second=0.2)
    assert losses.terms["loss_T"] > 0
    original, _ = evaluate(batch, noise_of_second=0.2, options=ORIGINAL)
    assert original.terms["loss_camera"] == 0


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", ["depth", "world_points"])
def test_non_finite_target_is_left_out_and_counted(random_batch, name, value):
    batch = normalise(random_batch).batch
    pixel = tuple(batch.valid[1].nonzero()[7])
    without = batch.valid.clone()
    without[1][pixel] = False
    damaged = getattr(batch, name).clone()
    damaged[1][pixel] = value
    losses, gradients = evaluate(replace(batch, **{name: damaged}), noise_of_second=0.2)
    expected, _ = evaluate(replace(batch, valid=without), noise_of_second=0.2)
    assert_terms(losses, {name: term.item() for name, term in expected.terms.items()}, 1e-6)
    assert losses.non_finite_targets.tolist() == [0, 1 if name == "depth" else 3]
    assert losses.non_finite_predictions.tolist() == [0, 0]
    assert all(one.isfinite().all() for one in gradients.values())


def test_what_stands_at_invalid_pixels_does_not_matter(random_batch):
    batch = normalise(random_batch).batch
    depth = torch.where(batch.valid, batch.depth, torch.nan)
    points = torch.where(batch.valid[..., None], batch.world_points, torch.nan)
    losses, gradients = evaluate(
        replace(batch, depth=depth, world_points=points), noise_of_second=0.2
    )
    assert losses.terms == evaluate(batch, noise_of_second=0.2)[0].terms
    assert losses.non_finite_targets.tolist() == [0, 0]
    assert all(one.isfinite().all() for one in gradients.values())


def test_non_finite_camera_is_left_out_and_counted(random_batch):
    batch = normalise(random_batch).batch
    extrinsics = batch.extrinsics.clone()
    extrinsics[1, 2, 0, 3] = torch.nan
    losses, gradients = evaluate(replace(batch, extrinsics=extrinsics), noise_of_second=0.2)
    assert losses.objective.isfinite()
    assert losses.non_finite_targets.tolist() == [0, 1]
    assert all(one.isfinite().all() for one in gradients.values())
    unsupervised = replace(batch, extrinsics=extrinsics, supervise_pose=torch.tensor([True, False]))
    assert evaluate(unsupervised, noise_of_second=0.2)[0].non_finite_targets.tolist() == [0, 0]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e20, 1e38])
@pytest.mark.parametrize("options", [LossOptions(), ORIGINAL])
def test_diverged_sample_does_not_poison_the_others(random_batch, value, options):
    batch = normalise(random_batch).batch
    losses, gradients = evaluate(batch, noise_of_second=value, options=options)
    assert losses.objective.isfinite()
    assert all(term.isfinite() for term in losses.terms.values())
    assert all(one.isfinite().all() for one in gradients.values())
    assert all((gradients[name][0] != 0).any() for name in MAPS)
    counts = losses.non_finite_predictions.tolist()
    everything = sum(one[1].numel() for one in gradients.values())
    assert counts == [0, 0 if value in (1e20, 1e38) else everything]


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e20])
@pytest.mark.parametrize("name", ["points", "depth", "points_confidence", "depth_confidence"])
def test_diverged_pixel_does_not_poison_its_neighbours(random_batch, name, value):
    batch = normalise(random_batch).batch
    pixel = (1, *batch.valid[1].nonzero()[50])
    values = values_of(batch, noise_of_second=0.2)
    with torch.no_grad():
        values[name][pixel] = value
    losses = compute_losses(assemble(values), batch, encode(batch))
    losses.objective.backward()
    assert all(one.grad.isfinite().all() for one in values.values())
    if value == 1e20:
        assert losses.non_finite_predictions.tolist() == [0, 0]
        return
    assert losses.non_finite_predictions.tolist() == [0, 3 if name == "points" else 1]
    without = batch.valid.clone()
    without[pixel] = False
    expected, _ = evaluate(replace(batch, valid=without), noise_of_second=0.2)
    of = "point" if name.startswith("points") else "depth"
    terms = [f"loss_{term}_{of}" for term in ("conf", "reg", "grad")]
    assert_terms(losses, {term: expected.terms[term].item() for term in terms}, 1e-6)


def test_far_targets_are_masked_not_bent(random_batch):
    batch = normalise(random_batch).batch
    points = batch.world_points.clone()
    points[:, :, :, :14] = torch.tensor([150.0, 30, 60])
    points[..., 0] += 5 * batch.depth  # ties would fall to the quantile
    far = replace(batch, world_points=points)
    predictions = perfect(far)
    assert compute_losses(predictions, far, encode(far)).terms["loss_reg_point"] == 0
    options = LossOptions(quirks=Quirks(far_targets_clamped=True))
    assert compute_losses(predictions, far, encode(far), options).terms["loss_reg_point"] > 10


def test_heads_that_were_not_run_have_no_terms(random_batch):
    batch = normalise(random_batch).batch
    whole = perfect(batch)
    losses = compute_losses(Predictions(depth=whole.depth), batch, encode(batch))
    assert set(losses.terms) == {*GEOMETRY[:3], "objective"}
    cameras = compute_losses(Predictions(whole.pose_encodings), batch, encode(batch))
    assert set(cameras.terms) == {"loss_camera", "loss_T", "loss_R", "loss_FL", "objective"}
    with pytest.raises(ValueError, match="no prediction"):
        Predictions()


def test_the_networks_outputs_are_understood(oracle_model, random_batch):
    batch = normalise(random_batch).batch
    predictions = Predictions.from_outputs(oracle_model(batch.images))
    losses = compute_losses(predictions, batch, encode(batch))
    assert set(losses.terms) == set(EXPECTED["all"])
    assert losses.objective.isfinite()


def test_shapes_that_do_not_fit_are_refused(random_batch):
    whole, target = perfect(random_batch), encode(random_batch)
    flat = DensePrediction(random_batch.depth, whole.depth.confidence)
    with pytest.raises(
        ValueError, match=r"depth.values has shape \(2, 3, 28, 42\), expected .*1\)"
    ):
        compute_losses(replace(whole, depth=flat), random_batch, target)
    with pytest.raises(ValueError, match=r"target_pose_encoding has shape \(2, 3, 7\)"):
        compute_losses(whole, random_batch, target[..., :7])


@pytest.mark.parametrize("options", EVERY_OPTION)
def test_never_waits_for_the_device(random_batch, options):
    """A tensor on the meta device holds no numbers: whatever asks for one fails."""
    batch = random_batch.to("meta")
    target = torch.empty(2, 3, 9, device="meta")
    maps = [torch.empty(*batch.depth.shape, n, device="meta", requires_grad=True) for n in (1, 3)]
    confidence = torch.empty(batch.depth.shape, device="meta", requires_grad=True)
    predictions = Predictions(
        [torch.empty_like(target, requires_grad=True)],
        *(DensePrediction(values, confidence) for values in maps),
    )
    losses = compute_losses(predictions, normalise(batch).batch, target, options)
    losses.objective.backward()
    with pytest.raises((RuntimeError, NotImplementedError)):
        losses.objective.item()


def toy_case():
    """Stages off by 0.1 … 0.4, maps off by 0.1, confidence 2."""
    batch = normalise(toy_batch()).batch
    exact, confidence = encode(batch), torch.full_like(batch.depth, 2)
    predictions = Predictions(
        tuple(exact + offset for offset in (0.1, 0.2, 0.3, 0.4)),
        DensePrediction(batch.depth[..., None] + 0.1, confidence),
        DensePrediction(batch.world_points + 0.1, confidence),
    )
    return predictions, batch


def values_of(batch, *, noise_of_second):
    """Noisy predictions; a noise that is huge or no number is constant."""
    generator = torch.Generator().manual_seed(5)
    values = {
        "camera": torch.nan_to_num(encode(batch)),
        "points": torch.nan_to_num(batch.world_points),
        "depth": torch.nan_to_num(batch.depth)[..., None],
        "points_confidence": 1 + torch.rand(batch.depth.shape, generator=generator),
        "depth_confidence": 1 + torch.rand(batch.depth.shape, generator=generator),
    }
    for name, exact in values.items():
        noise = torch.rand(exact.shape, generator=generator)
        noise[0] *= 0.1
        noise[1] = noise_of_second * noise[1] if abs(noise_of_second) < 10 else noise_of_second
        values[name] = (exact + noise).requires_grad_()
    return values


def assemble(values):
    return Predictions(
        (values["camera"],),
        DensePrediction(values["depth"], values["depth_confidence"]),
        DensePrediction(values["points"], values["points_confidence"]),
    )


def evaluate(batch, *, noise_of_second, options=None):
    """Losses and gradients of noisy predictions."""
    values = values_of(batch, noise_of_second=noise_of_second)
    losses = compute_losses(assemble(values), batch, encode(batch), options)
    losses.objective.backward()
    return losses, {name: value.grad for name, value in values.items()}


def compute_terms(batch):
    return evaluate(batch, noise_of_second=0.3)[0].terms


def assert_terms(losses, expected, tolerance):
    given = {name: losses.terms[name].item() for name in expected}
    assert given == pytest.approx(expected, abs=tolerance, rel=tolerance)


def test_maps_of_some_frames_are_compared_with_those_frames(random_batch):
    target = encode(random_batch)
    whole = perfect(random_batch)
    frames = slice(1, 3)
    some = replace(
        whole,
        depth=DensePrediction(whole.depth.values[:, frames], whole.depth.confidence[:, frames]),
        points=DensePrediction(whole.points.values[:, frames], whole.points.confidence[:, frames]),
    )
    losses = compute_losses(some, random_batch, target, dense_frames=frames)
    assert losses.terms["loss_reg_depth"] < 1e-6 and losses.terms["loss_reg_point"] < 1e-6
    shifted = compute_losses(some, random_batch, target, dense_frames=slice(0, 2))
    assert shifted.terms["loss_reg_depth"] > 0.1
    with pytest.raises(ValueError, match=r"depth\.values has shape"):
        compute_losses(some, random_batch, target)


def test_a_weight_of_zero_leaves_a_loss_out_and_one_must_be_left():
    predictions, batch, target = oracle_case()
    off = {name: replace(getattr(LossOptions(), name), weight=0.0) for name in ("depth", "point")}
    losses = compute_losses(predictions, batch, target, LossOptions(**off))
    assert losses.terms.keys() == {"loss_camera", "loss_T", "loss_R", "loss_FL", "objective"}
    assert losses.objective.item() == pytest.approx(5 * losses.terms["loss_camera"].item())
    with pytest.raises(InputError, match="every loss has weight 0"):
        LossOptions(camera=replace(LossOptions().camera, weight=0.0), **off)
