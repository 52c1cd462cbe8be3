"""Makes imgaug 0.4.0, whose last release is older than NumPy 2, work with it.

Three places are patched: `np.sctypes` while imgaug is imported, `np.complex` in noise parameters,
and the float64 maps of elastic transformations, which OpenCV refuses.
"""

import functools
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

# NumPy is imported where it is used: `import mrcnn` registers the finder and needs nothing else.


def import_imgaug() -> types.ModuleType:
    """Imports imgaug under NumPy 2.

    Returns:
        The module; `import_imgaug().augmenters` is the usual `iaa`.
    """
    mend_imgaug()
    import imgaug

    return imgaug


def mend_imgaug() -> None:
    """Lets a plain `import imgaug` work from now on, anywhere in the process.

    Costs nothing until imgaug is imported. Where this package is installed, `mrcnn.startup` does so
    from the start of every Python.
    """
    is_installed = any(isinstance(finder, ImgaugFinder) for finder in sys.meta_path)
    if "imgaug" not in sys.modules and not is_installed:
        sys.meta_path.insert(0, ImgaugFinder())


class ImgaugFinder(importlib.abc.MetaPathFinder):
    """Finds imgaug as Python would, and patches it while it is loaded."""

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
            The spec of imgaug, or None for other modules.
        """
        if fullname != "imgaug":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            load = functools.partial(_load_patched, spec.loader.exec_module)
            spec.loader.exec_module = load  # type: ignore[method-assign]
        return spec


def _load_patched(load: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
    import numpy as np

    is_missing = not hasattr(np, "sctypes")
    if is_missing:  # for the time of the import only: other packages test for it
        np.sctypes = {  # type: ignore[attr-defined]
            "float": [np.float16, np.float32, np.float64, np.longdouble],
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        }
    try:
        load(module)
    finally:
        if is_missing:
            vars(np).pop("sctypes", None)
    module.parameters.np = _NumpyWithComplex("numpy")
    _make_elastic_maps_float32(module.augmenters.geometric.ElasticTransformation)


class _NumpyWithComplex(types.ModuleType):
    """NumPy as imgaug's parameters expect it."""

    complex = complex

    def __getattr__(self, name: str) -> Any:
        import numpy as np

        return getattr(np, name)


def _make_elastic_maps_float32(elastic: Any) -> None:
    import numpy as np

    shift_maps = elastic._generate_shift_maps.__func__

    def float32_shift_maps(cls, *args, **kwargs):
        dx, dy = shift_maps(cls, *args, **kwargs)
        return dx.astype(np.float32), dy.astype(np.float32)

    elastic._generate_shift_maps = classmethod(float32_shift_maps)
