"""Defects of `sys.path` when a script imports this package, repaired or reported."""

import logging
import os
import sys

log = logging.getLogger(__name__)

# A module that every copy of this package has, and Matterport's has not.
OURS = os.path.join("data", "dataset.py")


def use_text_only() -> None:
    """Converts paths in `sys.path` to text, now and when TensorFlow is imported.

    Notebooks append a pathlib.Path. Python ignores it, and the import of TensorFlow fails with
    "argument of type 'PosixPath' is not iterable".
    """
    _to_text()
    if not any(isinstance(finder, _TextForTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, _TextForTensorFlow())


def warn_of_older_copies() -> list[str]:
    """Warns of folders on `sys.path` that hold another mrcnn, such as a clone of Matterport's.

    Returns:
        Those folders, in the order of `sys.path`.
    """
    own = os.path.dirname(os.path.abspath(__file__))
    found = []
    for entry in sys.path:
        folder = os.path.join(os.path.abspath(entry), "mrcnn") if isinstance(entry, str) else ""
        if (
            folder in ("", own)
            or folder in found
            or not os.path.isfile(os.path.join(folder, "model.py"))
        ):
            continue
        if not os.path.isfile(os.path.join(folder, OURS)):
            found.append(folder)
    if found:
        log.warning(
            "An older mrcnn lies on sys.path: %s. This process uses the one in %s; whether another "
            "does, depends on the order. Remove the line that adds that folder.",
            ", ".join(found),
            own,
        )
    return found


def _to_text() -> None:
    if any(type(entry) is not str for entry in sys.path):
        sys.path[:] = [
            os.fsdecode(entry) for entry in sys.path if isinstance(entry, (str, bytes, os.PathLike))
        ]


class _TextForTensorFlow:
    """A finder that finds nothing: it is asked before TensorFlow is loaded."""

    def find_spec(self, name, path=None, target=None):
        if name in ("tensorflow", "keras"):
            _to_text()
        return None
