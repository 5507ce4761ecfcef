"""What tells data from other data at the same paths, without reading all of it."""

import hashlib

from page4d_cli.data.clip.fingerprint import fingerprint_of_files
from page4d_cli.data.sets.recorded import RecordedSequence


def fingerprint(sequence: RecordedSequence) -> str:
    """Checksum over a sequence: its pictures, its maps, and the poses and stamps themselves.

    Raises:
        FramesError: a file is not there.
    """
    digest = hashlib.sha256()
    for files in (sequence.frames, sequence.depth_files or ()):
        digest.update(fingerprint_of_files(files).encode())
    for array in (sequence.timestamps_s, sequence.T_camera_world, sequence.T_world_recorded):
        digest.update(b"none" if array is None else array.tobytes())
    return digest.hexdigest()[:16]
