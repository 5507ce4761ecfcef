import subprocess
import sys
from pathlib import Path

import pytest

import page4d_cli as page4d

ROOT = Path(__file__).parents[1]


def test_every_public_name_is_there():
    for name in page4d.__all__:
        assert getattr(page4d, name) is not None
    assert page4d.__all__ == sorted(page4d.__all__)
    assert dir(page4d) == page4d.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'reconstruct'"):
        _ = page4d.reconstruct


def test_inference_needs_no_open3d_evo_rich_or_typer():
    """A GPU box may lack them: here they cannot be imported at all."""
    program = """
import sys
for name in ("open3d", "evo", "rich", "typer"):
    sys.modules[name] = None
import page4d_cli as page4d
model = page4d.load_model("random", device="cpu")
frames = page4d.load_frames("examples/clips/scene_2000000/rgb", max_frames=1)
print(page4d.infer(model, frames).depth.shape)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "(1, 392, 518)\n", done.stderr
