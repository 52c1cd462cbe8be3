"""What happens when modules are imported: defects of `sys.path`, and code around other modules."""

import abc
import functools
import importlib.abc
import importlib.machinery
import logging
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import ClassVar

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


class LoadingFinder(importlib.abc.MetaPathFinder):
    """Finds one module as Python would, and runs code around its loading.

    Attributes:
        module: Name of the module.
    """

    module: ClassVar[str]

    @classmethod
    def register(cls) -> None:
        """Puts a finder into `sys.meta_path`, unless it is there or the module is loaded."""
        is_there = any(isinstance(finder, cls) for finder in sys.meta_path)
        if not is_there and cls.module not in sys.modules:
            sys.meta_path.insert(0, cls())

    @abc.abstractmethod
    def load(self, load: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
        """Loads the module.

        Args:
            load: Loads it as Python would.
            module: The empty module.
        """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`.

        Args:
            fullname: The module that is imported.
            path: Of the package it is in.
            target: A module that is reloaded.

        Returns:
            The spec of the module, or None for other ones.
        """
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            load = functools.partial(self.load, spec.loader.exec_module)
            spec.loader.exec_module = load  # type: ignore[method-assign]
        return spec
