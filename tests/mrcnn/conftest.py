"""What the tests of the library share: seeded random numbers, gradients on any backend, a batch for
a small network, and numbers
recorded from Matterport's own code."""

import importlib
import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.weights.torch_files import MAGIC, PROTOCOL

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "legacy"


@pytest.fixture(scope="session")
def reference():
    """The folder of the recorded numbers."""
    if not REFERENCE.is_dir():
        pytest.skip(
            "the recorded numbers are not beside this repository (../shared/reference/legacy)"
        )
    return REFERENCE


@pytest.fixture(scope="session")
def components(reference):
    """What Matterport's functions returned, one by one: {name: array}."""
    with np.load(reference / "golden_components.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def script(reference):
    """script(name) -> one of the programs that draw the inputs of the recorded numbers, as a
    module."""
    names = {path.stem for path in reference.glob("*.py")}

    def load(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(reference)
            module = importlib.import_module(name)
        for other in names & set(sys.modules):
            del sys.modules[other]
        return module

    return load


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def random_boxes(rng):
    """random_boxes(*shape, size=100) -> (*shape, 4) float32 yxyx, sides from 2 to size / 2, inside
    size x size."""

    def make(*shape, size=100):
        side = rng.uniform(2, size / 2, (*shape, 2))
        low = rng.uniform(0, 1, (*shape, 2)) * (size - side)
        return np.concatenate([low, low + side], axis=-1).astype(np.float32)

    return make


@pytest.fixture
def gradient():
    """gradient(function, array) -> the gradient of a scalar function, zeros where nothing depends
    on the array."""

    def of(function, array):
        array = ops.convert_to_tensor(array)
        if keras.backend.backend() == "jax":
            import jax

            return np.asarray(jax.grad(function)(array))
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(array)
            value = function(array)
        return np.asarray(tape.gradient(value, array, unconnected_gradients="zero"))

    return of


@pytest.fixture(scope="session")
def batch_of():
    """batch_of(config, objects=(2, 0)) -> network inputs for training: so many random objects in
    each image."""

    def make(config, objects=(2, 0)):
        rng = np.random.default_rng(5)
        b, m, (height, width) = len(objects), config.MAX_GT_INSTANCES, config.image_hw
        batch = {
            "images": rng.normal(size=(b, height, width, 3)).astype(np.float32),
            "windows": np.tile(np.float32([0, 0, height, width]), (b, 1)),
            "seed": np.arange(b, dtype=np.int32),
            "gt_class_ids": np.zeros((b, m), np.int32),
            "gt_boxes": np.zeros((b, m, 4), np.float32),
            "gt_masks": np.zeros((b, m, *config.MINI_MASK_SHAPE), np.uint8),
        }
        for i, count in enumerate(objects):
            low = rng.uniform(0, height / 2, (count, 2))
            batch["gt_boxes"][i, :count] = np.concatenate(
                [low, low + rng.uniform(height / 6, height / 2, (count, 2))], axis=1
            )
            batch["gt_class_ids"][i, :count] = rng.integers(1, config.NUM_CLASSES, count)
            batch["gt_masks"][i, :count] = rng.random((count, *config.MINI_MASK_SHAPE)) > 0.4
        return batch | {"gt_mask_frames": batch["gt_boxes"].copy()}

    return make


# ---- PyTorch's files, written by hand


class Named:
    """Pickled as module.name, whatever that is."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Storage:
    def __init__(self, kind, key, values):
        self.kind, self.key, self.values = kind, key, values


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.content = storage, offset, shape, strides


class Call:
    """Unpickles by calling module.name(*arguments)."""

    def __init__(self, module, name, *arguments):
        self.function, self.arguments = Named(module, name), arguments


class Writer(pickle._Pickler):
    def persistent_id(self, item):
        if isinstance(item, Storage):
            return ("storage", Named("torch", item.kind), item.key, "cpu", len(item.values), None)

    def save(self, item, save_persistent_id=True):
        if isinstance(item, Named):
            self.write(pickle.GLOBAL + f"{item.module}\n{item.name}\n".encode())
        elif isinstance(item, Tensor):
            self.save_reduce(
                Named("torch._utils", "_rebuild_tensor_v2"), (*item.content, False, OrderedDict())
            )
        elif isinstance(item, Call):
            self.save_reduce(item.function, item.arguments)
        else:
            super().save(item, save_persistent_id)

    def save_reduce(self, function, arguments, *rest, **options):
        if not isinstance(function, Named):
            return super().save_reduce(function, arguments, *rest, **options)
        self.save(function)
        self.save(arguments)
        self.write(pickle.REDUCE)


def write(path, state, storages=(), magic=MAGIC):
    file = io.BytesIO()
    for part in (magic, PROTOCOL, {"little_endian": True}, state, [s.key for s in storages]):
        Writer(file, 2).dump(part)
    for storage in storages:
        file.write(len(storage.values).to_bytes(8, "little") + storage.values.tobytes())
    path.write_bytes(file.getvalue())
    return path


def write_zip(path, state, storages=()):
    """As PyTorch has written since 1.6."""
    pickled = io.BytesIO()
    Writer(pickled, 2).dump(state)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled.getvalue())
        archive.writestr("net/version", "3\n")
        for storage in storages:
            archive.writestr(f"net/data/{storage.key}", storage.values.tobytes())
    return path


def write_arrays(path, arrays, writer=write):
    """{name: float32 array}, each in a storage of its own."""
    storages = [
        Storage("FloatStorage", str(i), array.astype("<f4").ravel())
        for i, array in enumerate(arrays.values())
    ]
    tensors = [
        Tensor(storage, 0, array.shape, tuple(n // 4 for n in np.zeros(array.shape, "<f4").strides))
        for storage, array in zip(storages, arrays.values(), strict=True)
    ]
    return writer(path, OrderedDict(zip(arrays, tensors, strict=True)), storages)


@pytest.fixture(scope="session")
def torch_files():
    """What writes such files: write(path, state, storages), write_zip, write_arrays(path, arrays);
    and what a state consists of."""
    return SimpleNamespace(
        write=write,
        write_zip=write_zip,
        write_arrays=write_arrays,
        Storage=Storage,
        Tensor=Tensor,
        Call=Call,
    )
