"""imgaug under NumPy 2: its last release is older, and is mended while it is loaded."""

import functools
import importlib.abc
import importlib.machinery
import sys
import types

import numpy as np


def import_imgaug():
    """Import imgaug 0.4.0 under NumPy 2 and return it; `import_imgaug().augmenters` is the usual `iaa`.

    imgaug's last release is older than NumPy 2 and fails in three places, see `mend_imgaug`.
    """
    mend_imgaug()
    import imgaug

    return imgaug


def mend_imgaug():
    """See to it that a plain `import imgaug`, anywhere in the process, works from now on, and costs nothing until then. Where this
    package is installed, `mrcnn.startup` does so from the start of every Python.

    Mended are `np.sctypes` at import (lent for that moment only), `np.complex` in noise parameters, and elastic maps that became
    float64, which OpenCV refuses.
    """
    if "imgaug" not in sys.modules and not any(
        isinstance(finder, ImgaugFinder) for finder in sys.meta_path
    ):
        sys.meta_path.insert(0, ImgaugFinder())


class ImgaugFinder(importlib.abc.MetaPathFinder):
    """Finds imgaug where it lies, and has it mended while it is loaded."""

    def find_spec(self, fullname, path, target=None):
        spec = (
            importlib.machinery.PathFinder.find_spec(fullname, path, target)
            if fullname == "imgaug"
            else None
        )
        if spec is not None:
            spec.loader.exec_module = functools.partial(_load_mended, spec.loader.exec_module)
        return spec


def _load_mended(load, module):
    lent = not hasattr(np, "sctypes")
    if lent:
        np.sctypes = {
            "float": [np.float16, np.float32, np.float64, np.longdouble],
            "int": [np.int8, np.int16, np.int32, np.int64],
            "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        }
    try:
        load(module)
    finally:
        if lent:
            vars(np).pop("sctypes", None)
    module.parameters.np = _NumpyWithComplex("numpy")
    _make_elastic_maps_float32(module.augmenters.geometric.ElasticTransformation)


class _NumpyWithComplex(types.ModuleType):
    """NumPy as imgaug's parameters knew it."""

    complex = complex

    def __getattr__(self, name):
        return getattr(np, name)


def _make_elastic_maps_float32(elastic):
    shift_maps = elastic._generate_shift_maps.__func__

    def float32_shift_maps(cls, *args, **kwargs):
        dx, dy = shift_maps(cls, *args, **kwargs)
        return dx.astype(np.float32), dy.astype(np.float32)

    elastic._generate_shift_maps = classmethod(float32_shift_maps)
