"""Packages that TensorFlow and Keras import if they are installed, and that no command uses.

Where they are installed, as on Colab and Kaggle, Keras is ready after 4.2 instead of 7.5 s of CPU
time without them, and holds 600 instead of 830 MB (Intel Xeon, Keras 3.15 on TensorFlow 2.21).
"""

import importlib.abc
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

# Packages, and the modules that catch the ImportError of a missing one. All other modules, those
# of Keras on JAX too, import the package as ever.
IMPORTERS = {
    "jax": ("keras.src.callbacks.orbax_checkpoint", "tensorflow.lite.python.util"),
    "matplotlib": (
        "keras.src.visualization.plot_bounding_box_gallery",
        "keras.src.visualization.plot_image_gallery",
    ),
    "pandas": ("keras.src.trainers.data_adapters.array_slicing",),
    "sklearn": (
        "keras.src.wrappers.fixes",
        "keras.src.wrappers.sklearn_wrapper",
        "keras.src.wrappers.utils",
    ),
}


def skip_optional_imports() -> None:
    """Lets TensorFlow and Keras start as if these packages were not installed.

    For processes that run a command, not for library users: they may give `fit` a DataFrame.
    """
    if not any(isinstance(finder, _SkipsPackages) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SkipsPackages())


class _SkipsPackages(importlib.abc.MetaPathFinder):
    """A finder that refuses a package to the modules that can do without it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> None:
        importers = IMPORTERS.get(name)
        if importers and _importer(sys._getframe(1)) in importers:
            raise ModuleNotFoundError(f"{name} is not imported by this command", name=name)


def _importer(frame: FrameType | None) -> str:
    """The module whose import statement runs."""
    while frame is not None and str(frame.f_globals.get("__name__")).startswith("importlib"):
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__"))
