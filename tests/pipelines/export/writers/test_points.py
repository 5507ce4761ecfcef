import numpy as np
import trimesh

from page4d_cli.core.geometry import world_points_from_depth
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
