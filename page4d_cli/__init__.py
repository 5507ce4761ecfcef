"""page4d: cameras, depth and points from a video of a moving world.

```python
import page4d_cli as page4d

model = page4d.load_model("page4d")
frames = page4d.load_frames("frames/")
prediction = page4d.infer(model, frames)
```

Names are imported when they are first used, so that `import page4d_cli` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from page4d_cli._version import __version__

if TYPE_CHECKING:
    from page4d_cli.core.enums import Fit, Head, Precision, Variant
    from page4d_cli.core.errors import Page4DError
    from page4d_cli.core.types import Frames, Prediction
    from page4d_cli.data.clip.frames import load_frames
    from page4d_cli.io.run.directory import Run, open_run
    from page4d_cli.model.network import Page4D
    from page4d_cli.model.pose_encoding import (
        extri_intri_to_pose_encoding,
        pose_encoding_to_extri_intri,
    )
    from page4d_cli.model.weights import load_model
    from page4d_cli.pipelines.infer.predict import infer

_HOMES = {
    "Fit": "core.enums",
    "Frames": "core.types",
    "Head": "core.enums",
    "Page4D": "model.network",
    "Page4DError": "core.errors",
    "Precision": "core.enums",
    "Prediction": "core.types",
    "Run": "io.run.directory",
    "Variant": "core.enums",
    "extri_intri_to_pose_encoding": "model.pose_encoding",
    "infer": "pipelines.infer.predict",
    "load_frames": "data.clip.frames",
    "load_model": "model.weights",
    "open_run": "io.run.directory",
    "pose_encoding_to_extri_intri": "model.pose_encoding",
}

__all__ = [
    "Fit",
    "Frames",
    "Head",
    "Page4D",
    "Page4DError",
    "Precision",
    "Prediction",
    "Run",
    "Variant",
    "__version__",
    "extri_intri_to_pose_encoding",
    "infer",
    "load_frames",
    "load_model",
    "open_run",
    "pose_encoding_to_extri_intri",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
