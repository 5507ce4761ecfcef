"""The error tree. Each message says what was given, what is allowed, and what to do next.

```
Page4DError            exit status 1: the work was well asked for and failed
├── WriteError         a file could not be written (disk full, permission withdrawn)
├── OutOfMemoryError   the device has too little memory for the clip
├── NothingLeftError   every point or frame was filtered away
├── RefusedError       a refinement was no better, and asked to be strict
└── InputError         exit status 2: what was given cannot be used
    ├── FramesError    images, videos and lists of them
    ├── DatasetError   a data set's folders, lists and ground truth
    ├── WeightsError   checkpoints and their names
    ├── DeviceError    a device or precision that this machine does not have
    ├── OutputError    a place that cannot be written to, or that holds something already
    ├── RunError       a run directory that is incomplete or malformed
    └── EvaluationError  a sequence that cannot be scored
```

A bug in page4d is none of these: it keeps its traceback.
"""

from typing import ClassVar


class Page4DError(Exception):
    """Root of everything that page4d raises on purpose."""

    exit_code: ClassVar[int] = 1


class WriteError(Page4DError):
    """A file could not be written although its place was accepted."""


class OutOfMemoryError(Page4DError):
    """The device ran out of memory."""


class NothingLeftError(Page4DError):
    """The filters that were asked for leave nothing to write."""


class RefusedError(Page4DError):
    """Cameras could not be made better, and that was to be an error."""


class InputError(Page4DError):
    """What was given cannot be used."""

    exit_code: ClassVar[int] = 2


class FramesError(InputError):
    """Frames cannot be read, or make no clip together."""


class DatasetError(InputError):
    """A data set is not where or not what it was said to be."""


class WeightsError(InputError):
    """A checkpoint is absent, damaged, or made for another network."""


class DeviceError(InputError):
    """The device or the precision asked for does not exist on this machine."""


class OutputError(InputError):
    """The output place cannot be used as it is."""


class RunError(InputError):
    """A run directory cannot be read."""


class EvaluationError(InputError):
    """A prediction cannot be scored against its ground truth; the message says why."""
