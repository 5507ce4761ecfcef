"""Dynamic scenes made by rule, with exact ground truth: drawn by seed, rendered at any time.

`sample_scene` draws a scene, `render` its frames, `track_points` follows points on its surfaces.
"""

from page4d_cli.data.synthetic.recipe import SceneRecipe
from page4d_cli.data.synthetic.render import RenderedClips, render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.data.synthetic.scene import SyntheticScene
from page4d_cli.data.synthetic.tracks import Tracks, track_points

__all__ = [
    "RenderedClips",
    "SceneRecipe",
    "SyntheticScene",
    "Tracks",
    "render",
    "sample_scene",
    "track_points",
]
