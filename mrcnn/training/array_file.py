"""Reading the arrays of a .pkl file, as Detectron and Detectron2 publish weights, without running its pickle's code."""
import pickle
from collections import OrderedDict

import numpy as np

# What a pickled array asks for; NumPy has moved the first two since such files were written.
REBUILDS = {("multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0], ("multiarray", "scalar"): np.float32(0).__reduce__()[0]}
KNOWN = {("numpy", "ndarray"): np.ndarray, ("numpy", "dtype"): np.dtype, ("collections", "OrderedDict"): OrderedDict,
         ("_codecs", "encode"): lambda text, _: text.encode("latin1")}


def read_array_file(path):
    """{name: array} of a pickled dict of arrays, or of the one under its key "model" (Detectron2) or "blobs" (Detectron, Caffe2).

    What is no array is left out. Raises ValueError if the file is of another format, or wants more than arrays rebuilt.
    """
    with open(path, "rb") as file:
        try:
            content = _Unpickler(file, encoding="latin1").load()        # written by Python 2
            content = content.get("model", content.get("blobs", content))
            return {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
        except Exception as error:                              # a pickle that is none can fail in any way
            raise ValueError(f"{path} is not a pickled dict of arrays: {error}.") from error


class _Unpickler(pickle.Unpickler):
    """Knows arrays; refuses everything else."""

    def find_class(self, module, name):
        package, _, last = module.rpartition(".")
        if package in ("numpy.core", "numpy._core") and (last, name) in REBUILDS:
            return REBUILDS[last, name]
        if (module, name) in KNOWN:
            return KNOWN[module, name]
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which a file of weights has no need of")
