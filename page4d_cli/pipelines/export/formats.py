"""The formats of `export`: who writes each, where it goes, and what it needs."""

from page4d_cli.core.enums import ExportFormat
from page4d_cli.io.formats.exr import require_openexr
from page4d_cli.io.formats.rerun import require_rerun
from page4d_cli.io.formats.usd import require_usd
from page4d_cli.pipelines.export.job import CAMERAS, DEPTH, FROM_DEPTH, PART, POINTS, FormatWriter
from page4d_cli.pipelines.export.writers import cameras, maps, points, recordings, splats

WRITERS = {
    ExportFormat.PLY: FormatWriter(points.write_cloud, "cloud.ply", FROM_DEPTH, options=POINTS),
    ExportFormat.PLY_SEQUENCE: FormatWriter(
        points.write_cloud_sequence, "clouds", FROM_DEPTH, options=POINTS
    ),
    ExportFormat.MESH: FormatWriter(
        points.write_mesh, "mesh.ply", CAMERAS | DEPTH, options=PART | {"--voxel"}
    ),
    ExportFormat.GLB: FormatWriter(points.write_scene, "scene.glb", FROM_DEPTH, options=POINTS),
    ExportFormat.COLMAP: FormatWriter(
        splats.write_colmap,
        "colmap",
        FROM_DEPTH,
        options=POINTS | {"--images"},
        names_images=True,
    ),
    ExportFormat.NERFSTUDIO: FormatWriter(
        splats.write_nerfstudio,
        "nerfstudio",
        FROM_DEPTH,
        options=POINTS | {"--images"},
        names_images=True,
    ),
    ExportFormat.DYNAMIC: FormatWriter(
        splats.write_dynamic,
        "dynamic",
        FROM_DEPTH,
        options=POINTS | {"--images"},
        names_images=True,
    ),
    ExportFormat.TUM: FormatWriter(
        cameras.write_tum_path, "trajectory_tum.txt", CAMERAS, with_pictures=False
    ),
    ExportFormat.KITTI: FormatWriter(
        cameras.write_kitti_path, "trajectory_kitti.txt", CAMERAS, with_pictures=False
    ),
    ExportFormat.NUKE: FormatWriter(cameras.write_nuke, "nuke", CAMERAS, with_pictures=False),
    ExportFormat.NPZ: FormatWriter(maps.write_npz, "run.npz", FROM_DEPTH, with_pictures=False),
    ExportFormat.DEPTH_PNG: FormatWriter(
        maps.write_depth_pngs,
        "depth",
        DEPTH,
        with_pictures=False,
        options=frozenset({"--depth-scale"}),
    ),
    ExportFormat.EXR: FormatWriter(
        maps.write_exrs,
        "exr",
        CAMERAS | DEPTH,
        with_pictures=False,
        options=frozenset({"--half", "--points"}),
        require=require_openexr,
    ),
    ExportFormat.VIDEO: FormatWriter(maps.write_depth_video, "depth.mp4", DEPTH),
    ExportFormat.USD: FormatWriter(
        recordings.write_stage, "scene.usdc", FROM_DEPTH, options=POINTS, require=require_usd
    ),
    ExportFormat.RRD: FormatWriter(
        recordings.write_rrd, "run.rrd", FROM_DEPTH, options=POINTS, require=require_rerun
    ),
}
