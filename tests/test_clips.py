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


def assert_drawn_again(bundled, drawn):
    np.testing.assert_allclose(
        bundled.T_camera_world[: len(drawn)], drawn.T_camera_world, atol=1e-9
    )
    np.testing.assert_array_equal(bundled.timestamps_s[: len(drawn)], drawn.timestamps_s)
    for index in range(len(drawn)):
        # Another machine may round a pixel at an edge to the other side.
        close = np.isclose(bundled.read_depth(index), drawn.read_depth(index), atol=0.0015)
        assert close.mean() > 0.995
        difference = np.abs(bundled.read_image(index).astype(int) - drawn.read_image(index))
        assert difference.mean() < 1


def bytes_in(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("seed", [2_000_000, 2_000_001])
def test_a_bundled_clip_can_be_drawn_again(seed, tmp_path):
    options = SynthOptions(
        frames=3,
        size=(448, 336),
        seed=seed,
        layout=SynthLayout.COMPACT,
        fps=2.0,
        recipe=load_config("tiny").data.recipe,
    )
    folder = write_scenes(tmp_path, options)[0].out
    bundled = read_scene_folder(CLIPS / folder.name)
    assert len(bundled) == 16
    assert_drawn_again(bundled, read_scene_folder(folder))


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
    bundled = read_scene_folder(WALK / folder.name)
    assert len(bundled) == 120
    assert bytes_in(WALK / folder.name) < 2.5e6
    assert_drawn_again(bundled, read_scene_folder(folder))
    # Ten seconds later it is where it began, after having been far away.
    assert np.abs(bundled.T_camera_world[100:] - bundled.T_camera_world[:20]).max() < 1e-9
    centres = invert_rigid(bundled.T_camera_world)[..., 3]
    assert np.linalg.norm(centres - centres[0], axis=1).max() > 1.5
