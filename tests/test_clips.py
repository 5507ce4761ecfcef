"""The bundled clips are what `page4d synth --family tiny` draws, and so is their ground truth."""

from pathlib import Path

import numpy as np
import pytest

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.rendered.scene_folder import read_scene_folder
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes
from page4d_cli.pipelines.train.config import load_config

EXAMPLES = Path(__file__).parents[1] / "examples"
CLIPS, WALK = EXAMPLES / "clips", EXAMPLES / "walk"


@pytest.mark.parametrize("seed", [2_000_000, 2_000_001])
def test_a_bundled_clip_can_be_drawn_again(seed, tmp_path):
    recipe = load_config("tiny").data.recipe
    options = SynthOptions(frames=8, size=(112, 84), seed=seed, fps=1.0, recipe=recipe)
    folder = write_scenes(tmp_path, options)[0].out
    bundled, drawn = (read_scene_folder(place) for place in (CLIPS / folder.name, folder))
    assert len(bundled) == len(drawn) == 8
    np.testing.assert_allclose(bundled.T_camera_world, drawn.T_camera_world, atol=1e-9)
    np.testing.assert_array_equal(bundled.timestamps_s, np.arange(8))
    for index in range(8):
        # Another machine may round a pixel at an edge to the other side.
        close = np.isclose(bundled.read_depth(index), drawn.read_depth(index), rtol=1e-4)
        assert close.mean() > 0.995
        difference = np.abs(bundled.read_image(index).astype(int) - drawn.read_image(index))
        assert difference.mean() < 0.5


def test_the_bundled_walk_is_small_can_be_drawn_again_and_comes_back(tmp_path):
    options = SynthOptions(
        frames=3,
        size=(168, 126),
        seed=2_000_103,
        layout=SynthLayout.COMPACT,
        fps=10.0,
        recipe=load_config(str(WALK / "walk.yaml")).data.recipe,
    )
    folder = write_scenes(tmp_path, options)[0].out
    bundled, drawn = (read_scene_folder(place) for place in (WALK / folder.name, folder))
    files = [path for path in (WALK / folder.name).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2.5e6
    assert len(bundled) == 120
    np.testing.assert_allclose(bundled.T_camera_world[:3], drawn.T_camera_world, atol=1e-9)
    for index in range(3):
        close = np.isclose(bundled.read_depth(index), drawn.read_depth(index), atol=0.0015)
        assert close.mean() > 0.995
        difference = np.abs(bundled.read_image(index).astype(int) - drawn.read_image(index))
        assert difference.mean() < 1
    # Ten seconds later it is where it began, after having been far away.
    assert np.abs(bundled.T_camera_world[100:] - bundled.T_camera_world[:20]).max() < 1e-9
    centres = invert_rigid(bundled.T_camera_world)[..., 3]
    assert np.linalg.norm(centres - centres[0], axis=1).max() > 1.5
