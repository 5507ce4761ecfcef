"""The renderer against laws of geometry, and against intersections written another way."""

import numpy as np
import pytest
import torch

from page4d_cli.core.geometry import camera_points_from_depth, project, world_points_from_depth
from page4d_cli.data.synthetic import SceneRecipe, render, sample_scene
from page4d_cli.data.synthetic.ray_casting import cast_rays, place_bodies
from page4d_cli.data.synthetic.scene import Shape

SIZE = (80, 60)
SEEDS = range(6)
TIMES_S = np.tile(np.array([0.0, 1.3, 2.9, 6.1]), (len(SEEDS), 1))


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def clips(scenes):
    return render(scenes, TIMES_S, SIZE)


def numpy_depth(scene, time_s, size):
    """Planar depth by plain formulas in the world, one body and one ray bundle after another."""
    pose = scene.camera.T_world_camera(np.array([time_s]))[0]
    k = scene.intrinsics(size)
    u, v = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    view = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones(u.shape)], -1)
    direction = view @ pose[:, :3].T
    depth = np.full(u.shape, np.inf)
    bodies = scene.T_world_body(np.array([time_s]))[0]
    for shape, half, body in zip(scene.shapes, scene.half_size_m, bodies, strict=True):
        o, d = (pose[:, 3] - body[:, 3]) @ body[:, :3], direction @ body[:, :3]
        candidates = []
        if shape == Shape.SPHERE:
            candidates += roots((d * d).sum(-1), d @ o, o @ o - half[0] ** 2)
        elif shape == Shape.CYLINDER:
            side = (d[..., :2] ** 2).sum(-1), d[..., :2] @ o[:2], o[:2] @ o[:2] - half[0] ** 2
            for t in roots(*side):
                candidates.append(np.where(np.abs(o[2] + t * d[..., 2]) <= half[2], t, np.nan))
            for end in (-half[2], half[2]):
                t = (end - o[2]) / d[..., 2]
                radius = np.hypot(o[0] + t * d[..., 0], o[1] + t * d[..., 1])
                candidates.append(np.where(radius <= half[0], t, np.nan))
        else:
            for axis in range(3):
                for end in (-half[axis], half[axis]):
                    t = (end - o[axis]) / d[..., axis]
                    others = np.delete(np.arange(3), axis)
                    spot = np.abs(o + t[..., None] * d)[..., others]
                    candidates.append(np.where((spot <= half[others]).all(-1), t, np.nan))
        for t in candidates:
            depth = np.where((t > 0) & (t < depth), t, depth)
    return depth


def roots(a, b, c):
    with np.errstate(invalid="ignore"):
        root = np.sqrt(b * b - a * c)
    return [(-b - root) / a, (-b + root) / a]


def test_depth_equals_plain_intersections(scenes, clips):
    for index, scene in enumerate(scenes):
        for frame, time_s in enumerate(TIMES_S[index]):
            expected = numpy_depth(scene, time_s, SIZE)
            difference = np.abs(clips.depth[index, frame].numpy() / expected - 1)
            # A ray that grazes an edge may see past it; the others agree.
            assert np.quantile(difference, 0.998) < 1e-5


def on_room(scene, points):
    size = scene.half_size_m[0]
    return np.abs(np.abs(points - [0, 0, size[2]]) / size - 1).min(-1) < 1e-5


def test_all_shapes_are_seen(scenes):
    shapes = np.concatenate([scene.shapes for scene in scenes])
    assert set(shapes) == set(Shape)


def test_static_points_reproject_into_every_other_frame(scenes, clips):
    """Unproject a frame's depth, project it elsewhere, and cast the exact ray there."""
    worst, checked = 0.0, 0
    for index, scene in enumerate(scenes):
        depth, k = clips.depth[index].numpy(), clips.intrinsics[index].numpy()
        poses = clips.extrinsics[index].numpy()
        points = world_points_from_depth(depth, k, poses)
        for frame in range(len(depth)):
            is_static = ~clips.moving[index, frame].numpy()
            static = points[frame][is_static].astype(np.float64)
            of_room = on_room(scene, static)
            for other, time_s in enumerate(TIMES_S[index]):
                uv, z = project(static, k[other].astype(float), poses[other].astype(float))
                inside = (z > 0.1) & (uv > 0).all(-1) & (uv < np.array(SIZE) - 1).all(-1)
                rays = (uv[inside] - np.array(SIZE) / 2) / k[other, 0, 0]
                placed = place_bodies([scene], np.array([[time_s]]), SIZE)
                seen, hit = cast_rays(placed, *torch.from_numpy(rays.T.copy())[:, None])
                ratio = seen[0].numpy() / z[inside]
                # Nothing that was seen is seen through, but for rays along an edge.
                assert (ratio < 1 + 1e-4).mean() > 0.999
                # The room hides nothing of itself: where both frames show it, they must agree.
                both = (hit[0] == 0).numpy() & of_room[inside]
                worst = max(worst, np.abs(ratio[both] - 1).max(initial=0))
                checked += int(both.sum())
                # Of a body, the other frame may show the near side instead.
                same = np.abs(ratio - 1) < 2e-3
                assert (np.abs(ratio[same] - 1) < 1e-4).mean() > 0.99
    assert worst < 1e-4
    assert checked > 100_000


def test_color_belongs_to_the_surface(scenes):
    """Where a static point is seen twice from about as far, its colours agree."""
    size = (320, 240)
    clips = render(scenes, TIMES_S[:, :2], size)
    differences = []
    for index in range(len(scenes)):
        k, poses = clips.intrinsics[index].numpy(), clips.extrinsics[index].numpy()
        points = world_points_from_depth(clips.depth[index].numpy(), k, poses)
        static = ~clips.moving[index, 0].numpy()
        uv, z = project(points[0][static], k[1], poses[1])
        u, v = np.rint(uv).astype(int).T
        inside = (u >= 0) & (v >= 0) & (u < size[0]) & (v < size[1])
        u, v, z = u[inside], v[inside], z[inside]
        there = clips.depth[index, 1].numpy()[v, u]
        same = np.abs(there / z - 1) < 0.01
        first = clips.images[index, 0].numpy()[static][inside][same].astype(float)
        second = clips.images[index, 1].numpy()[v, u][same].astype(float)
        differences.append(np.abs(first - second).mean(-1))
        shuffled = np.random.default_rng(0).permutation(second)
        assert np.abs(first - shuffled).mean() > 12
    assert np.median(np.concatenate(differences)) < 3


def test_textures_do_not_flicker(scenes):
    """A picture is close to the mean of one drawn much finer: nothing in it is under-sampled."""
    # The pixel centres of the small picture are the corners of the large one's, half a pixel off:
    # the principal points are W/2 in both, so average around them.
    small = render(scenes, TIMES_S[:, :1], SIZE)
    factor = 5
    large = render(scenes, TIMES_S[:, :1], (SIZE[0] * factor, SIZE[1] * factor))
    fine = large.images[:, 0].float().permute(0, 3, 1, 2)
    padded = torch.nn.functional.pad(fine, (factor // 2,) * 2 + (factor // 2,) * 2)
    mean = torch.nn.functional.avg_pool2d(padded, factor, factor)
    difference = (small.images[:, 0].float().permute(0, 3, 1, 2) - mean).abs().mean(1)
    assert difference[:, 1:, 1:].median() < 2.5
    assert difference[:, 1:, 1:].mean() < 6


def test_the_moving_mask_is_of_the_bodies_that_move(scenes, clips):
    for index, scene in enumerate(scenes):
        for frame, time_s in enumerate(TIMES_S[index]):
            points = camera_points_from_depth(
                clips.depth[index, frame].numpy(), scene.intrinsics(SIZE)
            )
            pose = scene.camera.T_world_camera(np.array([time_s]))[0]
            world = points @ pose[:, :3].T + pose[:, 3]
            touched = np.zeros(world.shape[:2], bool)
            bodies = scene.T_world_body(np.array([time_s]))[0]
            solids = (scene.shapes, scene.half_size_m, bodies)
            for shape, half, body in zip(*(one[scene.is_moving] for one in solids), strict=True):
                unit = np.abs((world - body[:, 3]) @ body[:, :3]) / half
                radius = {
                    Shape.BOX: unit.max(-1),
                    Shape.SPHERE: np.linalg.norm(unit, axis=-1),
                    Shape.CYLINDER: np.maximum(np.hypot(*unit[..., :2].T).T, unit[..., 2]),
                }[shape]
                touched |= radius < 1 + 1e-4
            mask = clips.moving[index, frame].numpy()
            # A ball that rolls shares a point with the floor.
            assert (touched != mask).mean() < 0.001


def test_a_frame_does_not_depend_on_its_batch_or_on_threads(scenes, clips):
    single = render([scenes[3]], TIMES_S[3:4, 2:3], SIZE)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threaded = render(scenes[2:4], TIMES_S[2:4], SIZE)
    finally:
        torch.set_num_threads(before)
    for name in ("images", "depth", "moving", "extrinsics", "intrinsics"):
        expected = getattr(clips, name)
        assert torch.equal(getattr(single, name)[0, 0], expected[3, 2])
        assert torch.equal(getattr(threaded, name), expected[2:4])


def test_shapes_types_and_cameras(clips, scenes):
    batch, frames, (width, height) = len(scenes), TIMES_S.shape[1], SIZE
    assert clips.images.shape == (batch, frames, height, width, 3)
    assert clips.images.dtype == torch.uint8 and clips.depth.dtype == torch.float32
    assert clips.depth.isfinite().all() and clips.depth.min() > 0.3
    rotation = clips.extrinsics[..., :3].double()
    identity = rotation @ rotation.transpose(-1, -2)
    assert (identity - torch.eye(3)).abs().max() < 1e-6
    assert (torch.linalg.det(rotation) > 0.999).all()
    k = clips.intrinsics
    assert (k[..., 0, 2] == width / 2).all() and (k[..., 1, 2] == height / 2).all()
    fov = 2 * torch.atan(width / 2 / k[..., 0, 0]).rad2deg()
    assert fov.min() >= 45 and fov.max() <= 75


def test_the_field_of_view_is_along_the_longer_side(scenes):
    upright, wide = (scenes[0].intrinsics(size) for size in ((60, 80), (80, 60)))
    assert upright[0, 0] == upright[1, 1] == wide[0, 0]


def test_times_must_fit_the_scenes(scenes):
    with pytest.raises(ValueError, match=r"shape \(2, 1\), expected \(1, S\)"):
        render(scenes[:1], np.zeros((2, 1)), SIZE)


def test_a_fixed_room_looks_the_same_in_every_scene():
    recipe = SceneRecipe(room_seed=5)
    first, second = (sample_scene(recipe, seed) for seed in (1, 2))
    assert np.array_equal(first.half_size_m[0], second.half_size_m[0])
    assert np.array_equal(first.materials[0], second.materials[0])
    assert not np.array_equal(first.camera.position.centre, second.camera.position.centre)
    own = sample_scene(SceneRecipe(), 5)
    assert np.array_equal(own.materials[0], first.materials[0])
    varied = sample_scene(SceneRecipe(), 1)
    assert not np.array_equal(varied.materials[0], first.materials[0])
