import numpy as np
import pytest
import trimesh

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import NothingLeftError
from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.io.formats.mesh import SeenSurface, fuse
from page4d_cli.pipelines.cloud.of_run import CloudOptions


def test_a_sequence_has_the_cloud_of_each_frame_by_its_name(scene, export):
    out = export("ply-sequence", "npz", cloud=CloudOptions(min_confidence_percentile=0))
    names = [path.name for path in sorted((out / "clouds").iterdir())]
    assert names == [f"{index:06d}.ply" for index in range(4)]
    with np.load(out / "run.npz") as bundle:
        k, poses = bundle["intrinsics"], bundle["extrinsics"]
    for index in range(4):
        cloud = trimesh.load(out / f"clouds/{index:06d}.ply")
        world = world_points_from_depth(
            scene.run.depth(index).astype(float), k[index], poses[index]
        )
        np.testing.assert_allclose(cloud.vertices, world.reshape(-1, 3), atol=1e-5)
        difference = cloud.colors[:, :3].astype(int) - scene.images[index].reshape(-1, 3)
        assert np.abs(difference).mean() < 5


def test_the_clouds_of_a_sequence_share_a_number_of_points(export):
    out = export("ply-sequence", cloud=CloudOptions(max_points=100))
    counts = [len(trimesh.load(path).vertices) for path in sorted((out / "clouds").iterdir())]
    assert sum(counts) == 100 and min(counts) > 15


def plane(slope, seen_from):
    """The picture of a plane z = 2 + slope · x, from a camera that has moved along x."""
    k = np.array([[20.0, 0, 19.5], [0, 20, 14.5], [0, 0, 1]])
    rays_x = (np.arange(40) - 19.5) / 20
    depth = np.broadcast_to((2 + slope * seen_from) / (1 - slope * rays_x), (30, 40))
    pose = np.column_stack([np.eye(3), [-seen_from, 0, 0]])
    image = np.full((30, 40, 3), (200, 100, 50), np.uint8)
    return SeenSurface(depth.astype(np.float32), image, k, pose)


def test_what_two_frames_see_becomes_one_surface_that_faces_them():
    mesh = fuse([plane(0.3, 0.0), plane(0.3, 0.5)], 0.05)
    x, _, z = mesh.vertices.T
    np.testing.assert_allclose(z, 2 + 0.3 * x, atol=0.05)  # a voxel
    corners = mesh.vertices[mesh.triangles].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    towards = normals[:, 2] < 0
    assert areas[towards].sum() > 0.999 * areas.sum()
    assert np.abs(mesh.colors.astype(int) - (200, 100, 50)).max() <= 2
    width, height, _ = mesh.extent
    assert 4.0 < width < 6.5 and 2.5 < height < 5.5
    again = fuse([plane(0.3, 0.0), plane(0.3, 0.5)], 0.05)
    for one, other in zip(vars(mesh).values(), vars(again).values(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_pixels_without_depth_make_no_surface():
    seen = plane(0.0, 0.0)
    seen.depth[:, 20:] = np.nan
    mesh = fuse([seen], 0.05)
    assert len(mesh.triangles) and mesh.vertices[:, 0].max() < 0.15
    seen.depth[:] = np.nan
    assert fuse([seen], 0.05).triangles.shape == (0, 3)


def test_the_mesh_is_the_surface_of_what_stands_still(scene, with_motion, export_run_of, tmp_path):
    run = with_motion(scene.moving)
    exported = export_run_of("mesh", run=run)
    detail = exported.details["mesh"]
    loaded = trimesh.load(tmp_path / "out/mesh.ply", process=False)
    assert len(loaded.faces) == detail["triangles"] > 1000
    np.testing.assert_allclose(loaded.extents, detail["extent"], rtol=1e-6)
    truth = {
        part: trimesh.load(export_part(export_run_of, run, part, tmp_path)).vertices
        for part in MotionPart
    }
    to_static, to_moving = (
        trimesh.PointCloud(truth[part]).kdtree.query(loaded.vertices)[0] for part in MotionPart
    )
    assert np.percentile(to_static, 95) < 2 * detail["voxel"]
    assert (to_moving < to_static).mean() < 0.02


def export_part(export_run_of, run, part, tmp_path):
    everything = CloudOptions(min_confidence_percentile=0)
    export_run_of("ply", run=run, part=part, cloud=everything, overwrite=True)
    return (tmp_path / "out/cloud.ply").rename(tmp_path / f"{part.value}.ply")


def test_a_mesh_of_nothing_says_so(scene, with_motion, export_run_of, tmp_path):
    run = with_motion(np.ones_like(scene.moving))
    with pytest.raises(NothingLeftError, match="4 frames gave no surface with --voxel 0"):
        export_run_of("mesh", run=run)
    assert not (tmp_path / "out").exists()
