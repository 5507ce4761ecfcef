"""Every format, read again by a program that is not ours: points land on the pixels they are of."""

import json
import shutil

import numpy as np
import pycolmap
import pytest
import trimesh
from evo.tools import file_interface
from PIL import Image
from synthetic_run import middle_intrinsics

from page4d_cli.core.enums import ExportFormat, MotionPart
from page4d_cli.core.errors import NothingLeftError, OutputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.io.run.directory import depth_file
from page4d_cli.pipelines.cloud.of_run import CloudOptions
from page4d_cli.pipelines.export.export import ExportOptions, export_run

FRAMES = 4
OPENGL = np.diag([1.0, -1.0, -1.0])


def source_picture(scene, index):
    return np.asarray(Image.open(scene.run.manifest.frames[index].source)).astype(int)


def assert_colors_are_seen(scene, points, colors, *, share=0.9, atol=40):
    """Most points, carried into frame 0 by hand, fall on source pixels of their colour."""
    extrinsics = scene.run.extrinsics()[0]
    info = scene.run.manifest.frames[0].to_info((42, 56))
    k = info.transform.intrinsics_to_source(middle_intrinsics(scene.run))
    in_camera = points @ extrinsics[:, :3].T + extrinsics[:, 3]
    in_camera, colors = in_camera[in_camera[:, 2] > 0], colors[in_camera[:, 2] > 0]
    pixels = in_camera @ k.T
    u, v = (pixels[:, :2] / pixels[:, 2:]).round().astype(int).T
    picture = source_picture(scene, 0)
    inside = (u >= 0) & (v >= 0) & (u < picture.shape[1]) & (v < picture.shape[0])
    assert inside.sum() > 500
    difference = np.abs(picture[v[inside], u[inside]] - colors[inside].astype(int)).max(-1)
    assert (difference <= atol).mean() > share


def test_ply(scene, export):
    cloud = trimesh.load(export("ply", frames=slice(0, 1)) / "cloud.ply")
    assert_colors_are_seen(scene, cloud.vertices, cloud.colors[:, :3], share=0.98, atol=20)


def test_glb_holds_the_points_and_a_frustum_with_every_cameras_field_of_view(scene, export):
    loaded = trimesh.load(export("glb", frames=slice(0, 2)) / "scene.glb")
    clouds = [g for g in loaded.geometry.values() if isinstance(g, trimesh.PointCloud)]
    frusta = [g for g in loaded.geometry.values() if isinstance(g, trimesh.path.Path3D)]
    assert len(clouds) == 1 and len(frusta) == 2
    points = clouds[0].vertices @ OPENGL
    assert_colors_are_seen(scene, points, clouds[0].colors[:, :3], share=0.7)
    centre = invert_rigid(scene.run.extrinsics()[1].astype(float))[:, 3]
    corners = np.unique(frusta[1].vertices.round(6), axis=0) @ OPENGL
    is_centre = np.linalg.norm(corners - centre, axis=1) < 1e-4
    assert is_centre.sum() == 1 and len(corners) == 5
    pose = scene.run.extrinsics()[1]
    in_camera = corners[~is_centre] @ pose[:, :3].T + pose[:, 3]
    pixels = in_camera @ middle_intrinsics(scene.run, 1).T
    found = {tuple(p) for p in (pixels[:, :2] / pixels[:, 2:]).round(2).tolist()}
    assert found == {(-0.5, -0.5), (55.5, -0.5), (55.5, 41.5), (-0.5, 41.5)}


def read_colmap(out, kind="binary"):
    model = pycolmap.Reconstruction()
    getattr(model, f"read_{kind}")(out / "colmap/sparse/0")
    return model


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_colmap_observations_are_the_source_pixels_that_show_the_points(scene, export, kind):
    model = read_colmap(export("colmap"), kind)
    assert model.num_images() == FRAMES and model.num_cameras() == 1
    model.update_point_3d_errors()
    assert model.compute_mean_reprojection_error() < 1e-3
    assert model.compute_mean_track_length() > 2
    colors_agree = []
    for image in model.images.values():
        index = image.image_id - 1
        picture = source_picture(scene, index)
        assert (image.camera.width, image.camera.height) == picture.shape[1::-1]
        assert tuple(image.camera.params[2:]) == (picture.shape[1] / 2, picture.shape[0] / 2)
        for seen in list(image.points2D)[::7]:
            column, row = np.floor(seen.xy).astype(int)
            color = model.points3D[seen.point3D_id].color.astype(int)
            colors_agree.append(np.abs(picture[row, column] - color).max() <= 40)
    assert len(colors_agree) > 500 and np.mean(colors_agree) > 0.9


def test_a_bundle_adjuster_finds_a_disturbed_camera_back(export):
    model = read_colmap(export("colmap", cloud=CloudOptions(max_points=600)))
    moved = model.images[3]
    true_pose = moved.cam_from_world()
    shift = pycolmap.Rigid3d(pycolmap.Rotation3d(), np.array([0.03, -0.02, 0.04]))
    moved.frame.set_cam_from_world(moved.camera_id, shift * true_pose)
    model.update_point_3d_errors()
    assert model.compute_mean_reprojection_error() > 0.2
    options = pycolmap.BundleAdjustmentOptions()
    options.refine_focal_length = options.print_summary = False
    config = pycolmap.BundleAdjustmentConfig()
    for number in model.images:
        config.add_image(number)
    for number in (1, 2):
        config.set_constant_rig_from_world_pose(model.images[number].frame_id)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    np.testing.assert_allclose(
        model.images[3].cam_from_world().matrix(), true_pose.matrix(), atol=1e-3
    )


def test_colmap_moving_things_are_seen_only_where_they_are(scene, export):
    """A track never joins frames in which a moving body has moved."""
    model = read_colmap(export("colmap"))
    lengths = {True: [], False: []}
    for image in model.images.values():
        for seen in image.points2D:
            column, row = (np.floor(seen.xy) / 2).astype(int)
            is_moving = scene.moving[image.image_id - 1, row - 3, column]
            lengths[bool(is_moving)].append(model.points3D[seen.point3D_id].track.length())
    assert len(lengths[True]) / len(lengths[False]) < 0.3 * scene.moving.mean()


def test_nerfstudio_has_opengl_cameras_in_an_untouched_world(scene, export):
    folder = export("nerfstudio") / "nerfstudio"
    content = json.loads((folder / "transforms.json").read_text())
    assert content["applied_transform"] == np.eye(3, 4).tolist()
    points = trimesh.load(folder / content["ply_file_path"])
    assert len(points.vertices) > 1000
    for index, frame in enumerate(content["frames"]):
        assert (frame["cx"], frame["cy"]) == (frame["w"] / 2, frame["h"] / 2)
        picture = np.asarray(Image.open(folder / frame["file_path"]))
        assert picture.shape[:2] == (frame["h"], frame["w"])
        np.testing.assert_array_equal(picture, source_picture(scene, index))
        # Nerfstudio's rays: pixel centres at .5, y up, looking along -z. What it multiplies depth
        # by is an option of its reader, never read from the file, and 1e-3 if not given.
        depth = np.asarray(Image.open(folder / frame["depth_file_path"])).astype(float) * 1e-3
        row, column = 50, 60
        x = (column + 0.5 - frame["cx"]) / frame["fl_x"]
        y = -(row + 0.5 - frame["cy"]) / frame["fl_y"]
        ray = np.array([x, y, -1.0, 1 / depth[row, column]]) * depth[row, column]
        world = np.array(frame["transform_matrix"]) @ ray
        pose, k = scene.run.extrinsics()[index], middle_intrinsics(scene.run, index)
        projected = k @ (pose @ [*world[:3], 1])
        # Source pixel (60, 50) is centred at map pixel 29.75, 25 - 3 - 0.25.
        np.testing.assert_allclose(projected[:2] / projected[2], [29.75, 21.75], atol=1e-3)


def test_depth_that_nerfstudios_maps_do_not_hold_is_left_out_and_told(scene, tmp_path):
    run = shutil.copytree(scene.run.directory, tmp_path / "run")
    path = run / depth_file("000001")
    depth = np.load(path)
    depth[:, :28] = 70
    np.save(path, depth)
    options = ExportOptions((ExportFormat.NERFSTUDIO,))
    notes = export_run(run, tmp_path / "out", options).notes
    assert any("12.5% of the pixels are deeper than 65.535" in note for note in notes)
    written = np.asarray(Image.open(tmp_path / "out/nerfstudio/depth/000001.png"))
    assert not written[:, :54].any() and written[50, 60:].all()


def test_evo_reads_the_trajectories(scene, export):
    out = export("tum", "kitti")
    expected = invert_rigid(scene.run.extrinsics().astype(float))
    tum = file_interface.read_tum_trajectory_file(out / "trajectory_tum.txt")
    np.testing.assert_allclose(tum.timestamps, scene.run.timestamps_s)
    kitti = file_interface.read_kitti_poses_file(out / "trajectory_kitti.txt")
    for read in (tum, kitti):
        np.testing.assert_allclose(np.stack(read.poses_se3)[:, :3], expected, atol=1e-6)


def test_npz_unprojects_onto_the_cloud(export):
    out = export("npz", "ply", cloud=CloudOptions(min_confidence_percentile=0))
    with np.load(out / "run.npz") as bundle:
        assert json.loads(str(bundle["conventions"]))["extrinsics"].startswith("(S, 3, 4)")
        depth, k, pose = bundle["depth"], bundle["intrinsics"], bundle["extrinsics"]
        assert bundle["confidence"].shape == depth.shape
        np.testing.assert_array_equal(bundle["stems"], [f"{i:06d}" for i in range(FRAMES)])
    v, u = np.indices(depth.shape[1:])
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(k[2]).T
    points = (rays * depth[2][..., None] - pose[2, :, 3]) @ pose[2, :, :3]
    cloud = trimesh.load(out / "cloud.ply")
    distances = trimesh.PointCloud(cloud.vertices).kdtree.query(points.reshape(-1, 3))[0]
    assert distances.max() < 1e-5


def test_depth_png_has_its_scale_beside_it(scene, export):
    folder = export("depth-png", frames=slice(1, None, 2)) / "depth"
    scale = json.loads((folder / "scale.json").read_text())["depth_png_scale"]
    assert sorted(p.name for p in folder.glob("*.png")) == ["000001.png", "000003.png"]
    depth = np.asarray(Image.open(folder / "000003.png")) / scale
    np.testing.assert_allclose(depth, scene.run.depth(3), atol=0.6 / scale)


def test_video_has_every_frame(export):
    import imageio.v3 as iio

    video = iio.imread(export("video") / "depth.mp4", plugin="pyav")
    assert video.shape[0] == FRAMES and video.shape[2] == 2 * 6 * 56  # enlarged


def test_rrd_holds_cameras_and_the_points_of_each_frame(scene, export):
    chunk = pytest.importorskip("rerun.chunk", reason="older versions cannot read in Python")
    reader = chunk.RrdReader(export("rrd") / "run.rrd")
    tables = {}
    for part in reader.stream():
        batch = part.to_record_batch()
        tables.setdefault(str(part.entity_path), []).append(batch)
    names = {"/world/camera", "/world/camera/image", "/world/camera/image/depth", "/world/points"}
    assert names <= set(tables)
    column = "Points3D:positions"
    positions = [
        np.array(row.as_py()) for batch in tables["/world/points"] for row in batch.column(column)
    ]
    assert len(positions) == FRAMES
    colors = [
        np.array(row.as_py(), np.uint32)
        for batch in tables["/world/points"]
        for row in batch.column("Points3D:colors")
    ]
    rgb = np.stack([colors[0] >> 24, colors[0] >> 16 & 255, colors[0] >> 8 & 255], -1)
    assert_colors_are_seen(scene, positions[0], rgb, share=0.98, atol=20)


DETERMINISTIC = [each.value for each in ExportFormat if each is not ExportFormat.RRD]


def test_the_same_input_gives_the_same_bytes(export):
    def contents(out):
        return {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    cloud = CloudOptions(voxel=0.05, outliers=2.0, max_points=700)
    first = contents(export(*DETERMINISTIC, cloud=cloud))
    assert len(first) > 15
    assert contents(export(*DETERMINISTIC, cloud=cloud, overwrite=True)) == first


@pytest.mark.parametrize("part", MotionPart)
def test_points_of_the_other_part_are_left_out(scene, export, with_motion, part):
    run = with_motion(scene.moving)
    all_of_them = CloudOptions(min_confidence_percentile=0)
    out = export("ply", part=part, cloud=all_of_them, run=run)
    wanted = scene.moving if part is MotionPart.MOVING else ~scene.moving
    assert len(trimesh.load(out / "cloud.ply").vertices) == wanted.sum() > 0
    listed = json.loads((out / "export.json").read_text())["formats"]
    assert listed["ply"]["part"] == part.value


@pytest.mark.parametrize(
    ("part", "words"),
    [(MotionPart.MOVING, "of what moves"), (MotionPart.STATIC, "of what stands still")],
)
def test_a_part_that_is_empty_says_so_and_writes_nothing(
    scene, export, with_motion, tmp_path, part, words
):
    everything = np.full_like(scene.moving, part is MotionPart.STATIC)
    run = with_motion(everything)
    counts = r"of 9408 pixels in 4 frames 9408 have a usable.* 0 of them are at confidence .* and "
    with pytest.raises(NothingLeftError, match=counts + words):
        export("ply", "tum", part=part, run=run)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_formats_join_and_are_replaced_with_all_their_files(export):
    out = export("depth-png")
    (out / "depth" / "mine.txt").write_text("kept")
    export("tum")
    with pytest.raises(OutputError, match=r"depth is there already; --overwrite"):
        export("depth-png")
    export("depth-png", frames=slice(0, 1), overwrite=True)
    names = {p.name for p in (out / "depth").iterdir()}
    assert names == {"000000.png", "scale.json", "mine.txt"}
    listed = json.loads((out / "export.json").read_text())["formats"]
    assert set(listed) == {"depth-png", "tum"}
    assert listed["depth-png"]["files"] == ["depth/000000.png", "depth/scale.json"]


def test_the_run_itself_is_no_place(scene):
    options = ExportOptions((ExportFormat.TUM,))
    with pytest.raises(OutputError, match="is the run itself"):
        export_run(scene.run.directory, scene.run.directory, options)
