"""Reading the tensors of a .pth file, in PyTorch's format of today or of before 1.6, without PyTorch, or running its pickle's code."""
import pickle
import zipfile
from collections import OrderedDict

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4"}


def read_torch_file(path):
    """{name: array} of a state dict. Raises ValueError if the file is of another format, or wants more than tensors rebuilt."""
    with open(path, "rb") as file:
        try:
            state = _read_zip(file) if zipfile.is_zipfile(file) else _read_old(file)
            return {name: _array(tensor) for name, tensor in state.items()}
        except Exception as error:                              # a pickle that is none can fail in any way
            raise ValueError(f"{path} is not a state dict as PyTorch stores it: {error}.") from error


def _read_zip(file):
    with zipfile.ZipFile(file) as archive:
        pickled, storages = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None), {}
        if pickled is None:
            raise ValueError("it is a .zip file without a data.pkl")
        state = _Unpickler(archive.open(pickled), storages).load()
        for key, storage in storages.items():
            storage["data"] = np.frombuffer(archive.read(pickled.removesuffix(".pkl") + f"/{key}"), storage["dtype"])
    return state


def _read_old(file):
    storages = {}
    file.seek(0)

    def load():
        return _Unpickler(file, storages).load()

    if load() != MAGIC or load() != PROTOCOL:
        raise ValueError("the magic number is another")
    load()                                              # sizes of C types on the machine that wrote it
    state = load()
    for key in load():
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        storage["data"] = np.fromfile(file, storage["dtype"], count)
        if len(storage["data"]) < count:
            raise EOFError("it ends within a tensor, so it may be cut off; fetch it again")
    return state


class _Unpickler(pickle.Unpickler):
    """Knows ordered dicts, storages and the function that makes a tensor of one; refuses everything else."""

    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: {"storage": storage, "offset": offset, "shape": shape, "strides": strides}
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"it wants {module}.{name}, which a file of weights has no need of")

    def persistent_load(self, identity):
        _, dtype, key, *_ = identity
        return self.storages.setdefault(key, {"dtype": dtype})


def _array(tensor):
    data, shape, strides = tensor["storage"]["data"][tensor["offset"]:], tensor["shape"], tensor["strides"]
    if sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) >= len(data):      # as_strided would read what lies behind
        raise ValueError(f"a tensor of shape {tuple(shape)} is larger than its storage")
    return np.lib.stride_tricks.as_strided(data, shape, [s * data.itemsize for s in strides]).copy()
