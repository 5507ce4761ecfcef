import pickle
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from page4d_cli.data.synthetic import SceneRecipe, render, sample_scene
from page4d_cli.data.synthetic.scene import Shape

MANY = range(30)
LARGE = SceneRecipe(camera_travel_m=(1.0, 2.0), camera_turn_deg=(120, 160))


@pytest.fixture(scope="module")
def many():
    return [sample_scene(seed=seed) for seed in MANY]


def arrays(value):
    for field in fields(value):
        one = getattr(value, field.name)
        yield from arrays(one) if is_dataclass(one) else [np.asarray(one)]


def test_equal_seeds_give_equal_scenes_and_others_do_not():
    first, again, other = (list(arrays(sample_scene(seed=seed))) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_scene_travels_to_another_process():
    scene = sample_scene(seed=1)
    copy = pickle.loads(pickle.dumps(scene))
    assert all(np.array_equal(a, b) for a, b in zip(arrays(scene), arrays(copy), strict=True))


def test_numbers_of_bodies_and_fields_of_view(many):
    moving = [int(scene.is_moving.sum()) for scene in many]
    assert set(moving) == {1, 2, 3, 4}
    assert (
        min(len(scene.shapes) - 1 - count for scene, count in zip(many, moving, strict=True)) >= 3
    )
    fov = np.degrees([scene.fov_rad for scene in many])
    assert fov.min() >= 45 and fov.max() <= 75 and np.ptp(fov) > 15


def test_the_camera_is_in_the_open_at_any_time(many):
    times_s = np.linspace(0, 12, 101)
    for scene in many:
        centre = scene.camera.T_world_camera(times_s)[..., 3]
        local = centre - [0, 0, scene.half_size_m[0, 2]]
        assert (np.abs(local) < scene.half_size_m[0] - 0.3).all()
        bodies = scene.T_world_body(times_s)[:, 1:]
        offset = centre[:, None] - bodies[..., 3]
        inside = (np.swapaxes(bodies[..., :3], -1, -2) @ offset[..., None])[..., 0]
        outside = np.maximum(np.abs(inside) - scene.half_size_m[1:], 0)
        assert np.linalg.norm(outside, axis=-1).min() > 0.25


def test_bodies_stay_in_the_room_and_apart(many):
    times_s = np.linspace(0, 12, 49)
    for scene in many:
        bodies = scene.T_world_body(times_s)[:, 1:]
        half = scene.half_size_m[1:]
        axes = np.abs(bodies[..., :3]) * half[None, :, None]
        shapes = scene.shapes[1:, None]
        extent = np.where(
            shapes == Shape.BOX,
            axes.sum(-1),
            np.where(
                shapes == Shape.SPHERE, half, np.hypot(axes[..., 0], axes[..., 1]) + axes[..., 2]
            ),
        )
        local = bodies[..., 3] - [0, 0, scene.half_size_m[0, 2]]
        assert (np.abs(local) + extent < scene.half_size_m[0] + 1e-6).all()
        distance = np.linalg.norm(local[:, :, None] - local[:, None], axis=-1)
        touching = half.min(-1)[:, None] + half.min(-1)
        assert (distance + 1e9 * np.eye(len(half)) > touching).all()


def test_the_view_is_not_blocked(many):
    times_s = np.tile(np.linspace(0, 11, 6), (len(many), 1))
    depth = render(many, times_s, (40, 30)).depth.flatten(2)
    assert depth.min() > 0.3
    assert depth.median(-1)[0].min() > 0.9
    assert np.mean([row.median() for row in depth]) > 2.5


def test_something_moving_is_seen(many):
    times_s = np.tile(np.linspace(0, 11, 8), (len(many), 1))
    share = render(many, times_s, (40, 30)).moving.float().mean((2, 3))
    assert (share.amax(1) > 0).float().mean() > 0.9
    assert 0.01 < share.mean() < 0.3


def test_motion_is_smooth_and_periodic(many):
    step_s = 1 / 30
    times_s = np.arange(0, 12, step_s)
    for scene in many[:8]:
        for pose in (scene.camera.T_world_camera, scene.T_world_body):
            values = pose(times_s)
            assert np.abs(np.diff(values, axis=0)).max() < 4 * step_s
            assert np.abs(pose(times_s[:5] + 12) - values[:5]).max() < 1e-9


def angles_between(scene, times_s):
    rotation = scene.camera.T_world_camera(times_s)[..., :3]
    trace = np.einsum("aij,bij->ab", rotation, rotation)
    return np.degrees(np.arccos(((trace - 1) / 2).clip(-1, 1)))


def test_the_recipe_rules_how_far_the_camera_goes():
    times_s = np.linspace(0, 12, 25)
    for recipe, low, high in ((SceneRecipe(), 12, 75), (LARGE, 110, 180)):
        for seed in range(8):
            scene = sample_scene(recipe, seed)
            assert low < angles_between(scene, times_s).max() < high
            centre = scene.camera.T_world_camera(times_s)[..., 3]
            travel = np.linalg.norm(centre[:, None] - centre, axis=-1).max()
            assert recipe.camera_travel_m[0] * 0.85 < travel < recipe.camera_travel_m[1] * 1.2


def test_a_walk_round_returns_by_another_way():
    times_s = np.linspace(0, 12, 49)
    ends = {"camera_travel_m": (1.6, 1.6), "fov_deg": (60, 60)}
    walk = SceneRecipe(**ends, camera_round_m=(1.0, 1.0))
    for seed in range(6):
        centre, line = (
            sample_scene(recipe, seed).camera.T_world_camera(times_s)[..., :2, 3]
            for recipe in (walk, SceneRecipe(**ends))
        )
        assert np.abs(centre[-1] - centre[0]).max() < 1e-9
        across = [np.linalg.svd(path - path.mean(0))[1][1] / 7 * 2**1.5 for path in (centre, line)]
        assert 0.8 < across[0] < 1.2 and across[1] < 0.4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fov_deg": (75, 45)}, r"fov_deg is \(75, 45\), expected a range within 10 to 120"),
        ({"moving_bodies": (0, 2)}, "moving_bodies"),
        ({"camera_travel_m": (0, 5)}, "camera_travel_m"),
        ({"camera_round_m": (0, 5)}, "camera_round_m"),
        ({"period_s": 0.0}, "period_s"),
        ({"room_seed": -1}, "room_seed is -1"),
    ],
)
def test_a_recipe_without_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SceneRecipe(**wrong)
