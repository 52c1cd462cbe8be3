"""Makes imgaug 0.4.0, whose last release is older than NumPy 2, work with it.

Three places are patched: `np.sctypes` while imgaug is imported, `np.complex` in noise parameters,
and the float64 maps of elastic transformations, which OpenCV refuses.
"""

import types
from collections.abc import Callable
from typing import Any

from mrcnn.import_path import LoadingFinder

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
    ImgaugFinder.register()


class ImgaugFinder(LoadingFinder):
    """Finds imgaug as Python would, and patches it while it is loaded."""

    module = "imgaug"

    def load(self, load: Callable[[types.ModuleType], None], module: types.ModuleType) -> None:
        """See `LoadingFinder`.

        Args:
            load: Loads it as Python would.
            module: The empty module.
        """
        _load_patched(load, module)


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
