import numpy as np
import pytest
import torch

from page4d_cli.core.geometry import project
from page4d_cli.data.synthetic import render, sample_scene, track_points

SIZE = (80, 60)
SEEDS = (2, 6, 7)
TIMES_S = np.tile(np.array([0.0, 0.5, 1.5, 4.0, 7.0]), (len(SEEDS), 1))
REFERENCE = 1


@pytest.fixture(scope="module")
def scenes():
    return [sample_scene(seed=seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def pixels():
    u, v = np.meshgrid(np.arange(0, SIZE[0], 3), np.arange(0, SIZE[1], 3))
    grid = np.stack([u, v], -1).reshape(1, -1, 2).astype(float)
    return np.repeat(grid, len(SEEDS), axis=0)


@pytest.fixture(scope="module")
def tracks(scenes, pixels):
    return track_points(scenes, TIMES_S, SIZE, pixels, REFERENCE)


@pytest.fixture(scope="module")
def clips(scenes):
    return render(scenes, TIMES_S, SIZE)


def test_tracks_begin_where_they_were_asked_for(tracks, pixels):
    assert np.abs(tracks.pixels[:, REFERENCE] - pixels).max() < 1e-9
    assert tracks.visible[:, REFERENCE].all()


def test_pixels_are_projections_of_the_points(tracks, scenes, clips):
    for index in range(len(scenes)):
        uv, depth = project(
            tracks.points_world[index],
            clips.intrinsics[index].double().numpy(),
            clips.extrinsics[index].double().numpy(),
        )
        in_front = depth > 0.2
        assert np.abs(uv - tracks.pixels[index])[in_front].max() < 1e-2
        assert np.isnan(tracks.pixels[index][depth <= 0]).all()


def test_points_stay_on_their_bodies_and_only_moving_ones_move(tracks, clips, pixels):
    u, v = pixels[0].astype(int).T
    for index in range(len(SEEDS)):
        assert np.array_equal(tracks.moving[index], clips.moving[index, REFERENCE].numpy()[v, u])
    way = np.linalg.norm(np.ptp(tracks.points_world, axis=1), axis=-1)
    assert tracks.moving.any() and (way[tracks.moving] > 0.02).all()
    assert way[~tracks.moving].max() < 1e-12


def test_distances_within_a_body_do_not_change(tracks, scenes):
    for index in range(len(scenes)):
        moving = tracks.points_world[index][:, tracks.moving[index]]
        if scenes[index].is_moving.sum() == 1 and moving.shape[1] > 1:
            distance = np.linalg.norm(moving[:, :, None] - moving[:, None], axis=-1)
            assert np.ptp(distance, axis=0).max() < 1e-9


def test_visible_points_have_the_depth_of_the_picture(tracks, scenes, clips):
    """Against depth that was rendered at whole pixels, near the subpixel place of the track."""
    agreed = hidden_behind = 0
    for index in range(len(scenes)):
        extrinsics = clips.extrinsics[index].double().numpy()
        _, z = project(
            tracks.points_world[index], clips.intrinsics[index].double().numpy(), extrinsics
        )
        for frame in range(TIMES_S.shape[1]):
            u, v = tracks.pixels[index, frame].T
            inside = (u > 1) & (u < SIZE[0] - 2) & (v > 1) & (v < SIZE[1] - 2)
            depth = clips.depth[index, frame].numpy()
            around = np.stack(
                [
                    depth[v[inside].astype(int) + dv, u[inside].astype(int) + du]
                    for dv in (0, 1)
                    for du in (0, 1)
                ]
            )
            seen, at = tracks.visible[index, frame][inside], z[frame][inside]
            near = (around.min(0) < at * 1.05) & (around.max(0) > at * 0.95)
            assert near[seen].mean() > 0.995
            agreed += int(near[seen].sum())
            # What is hidden lies behind all that is drawn around it, or at an edge of it.
            hidden_behind += int((around.max(0)[~seen] < at[~seen]).sum())
            assert (around.min(0)[~seen] > at[~seen] * 1.01).sum() < 3
    assert agreed > 1000 and hidden_behind > 50


def test_moving_points_seen_twice_have_the_depth_of_the_exact_ray(tracks, scenes):
    """Rendering one pixel more finely does not change what a track hits: cast at its place."""
    from page4d_cli.data.synthetic.ray_casting import cast_rays, place_bodies

    for index, scene in enumerate(scenes):
        focal = scene.intrinsics(SIZE)[0, 0]
        for frame, time_s in enumerate(TIMES_S[index]):
            chosen = tracks.visible[index, frame] & tracks.moving[index]
            if not chosen.any():
                continue
            rays = (tracks.pixels[index, frame, chosen] - np.array(SIZE) / 2) / focal
            placed = place_bodies([scene], np.array([[time_s]]), SIZE)
            depth, slot = cast_rays(placed, *torch.from_numpy(rays.T.copy())[:, None])
            pose = scene.camera.T_world_camera(np.array([time_s]))[0]
            view = np.concatenate([rays, np.ones((len(rays), 1))], -1)
            points = depth[0, :, None].numpy() * view @ pose[:, :3].T + pose[:, 3]
            expected = tracks.points_world[index, frame, chosen]
            assert np.abs(points - expected).max() < 1e-4
            assert scene.is_moving[placed.body[0, slot[0].numpy()]].all()


def test_nothing_outside_of_the_picture_is_visible(tracks):
    u, v = tracks.pixels[tracks.visible].T
    assert u.min() >= -0.5 and u.max() < SIZE[0] - 0.5
    assert v.min() >= -0.5 and v.max() < SIZE[1] - 0.5
    assert not tracks.visible.all()
