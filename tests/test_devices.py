"""Several devices: the same update as one device makes. Devices are counted when a backend starts,
so it is a process of its own."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.modeling.devices import device_scope, replicas

ROOT = Path(__file__).parents[1]


def test_with_fewer_devices_than_asked_for_one_takes_the_whole_batch_and_a_warning_says_so(
    plain_config, caplog
):
    config = plain_config(GPU_COUNT=64)
    with device_scope(config) as scope:
        assert scope is None
    assert (
        "GPU_COUNT is 64, and this machine shows" in caplog.text and "batch of 128" in caplog.text
    )
    assert replicas(config) == 1


@pytest.mark.full
def test_two_devices_make_the_update_that_one_makes(tmp_path):
    """On TensorFlow. On JAX, which takes minutes to compile this for a CPU, run this file by hand:
    python tests/test_devices.py DIR,
    with the environment below and KERAS_BACKEND=jax."""
    environment = os.environ | {
        "KERAS_BACKEND": "tensorflow",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    subprocess.run([sys.executable, __file__, str(tmp_path)], env=environment, check=True)


def main(folder):
    """Two epochs on photos a b a b: each of two devices sees a and b, so every mean is the one of
    the four together.

    TensorFlow trains on one device without a graph and unbroken; on two in graphs, is broken off
    between the epochs and goes on with a
    new model.
    """
    import keras
    import numpy as np
    from conftest import TINY, register_plain_backbone
    from test_backends import inputs

    from mrcnn.config import Config
    from mrcnn.modeling.build import build_detector
    from mrcnn.modeling.detector import Detector
    from mrcnn.training.fit_detector import fit_detector
    from mrcnn.training.run_folder import RunFolder
    from mrcnn.training.stages import Stage
    from mrcnn.weights.layer_files import load_weights, save_weights

    tensorflow = keras.backend.backend() == "tensorflow"
    if tensorflow:
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
    register_plain_backbone()
    keras.utils.set_random_seed(1)

    def config(count):
        return Config.from_dict(
            TINY
            | {
                "NUM_CLASSES": 4,
                "GPU_COUNT": count,
                "IMAGES_PER_GPU": 4 // count,
                "JIT_COMPILE": False,
                "GRADIENT_CLIP_NORM": 0.5,
            }
        )  # small enough to be at work

    batch = {
        name: np.concatenate([column[:2], column[:2]])
        for name, column in inputs(config(1), 0).items()
        if name != "gt_attributes"
    }

    class Batches(keras.utils.PyDataset):
        sampler = type("Sampler", (), {"repeats": np.ones(4)})

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return batch

    class BreakOff(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    def started(count):
        detector = build_detector(config(count))
        if count == 1:
            save_weights(detector, folder / "start.h5")
        load_weights(detector, folder / "start.h5")
        return detector

    stages, one, compiling = [Stage("all", "all", 2, 0.1)], started(1), Detector.compile
    before = one.get_weights()
    if tensorflow:
        Detector.compile = functools.partialmethod(compiling, run_eagerly=True)
    wanted = fit_detector(one, config(1), Batches(), stages, RunFolder(folder / "1"))
    Detector.compile = compiling
    two, run = started(2), RunFolder(folder / "2")
    if tensorflow:
        try:
            fit_detector(two, config(2), Batches(), stages, run, callbacks=[BreakOff()])
        except KeyboardInterrupt:
            two = build_detector(config(2))
    history = fit_detector(two, config(2), Batches(), stages, run, resume=run.last.exists())
    assert len(history) == len(wanted) == 2
    np.testing.assert_allclose(history[-1]["loss"], wanted[-1]["loss"], rtol=1e-4)
    moved = 0.0
    for weight, other, start in zip(two.get_weights(), one.get_weights(), before, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-5)
        moved = max(moved, np.abs(weight - start).max())
    assert moved > 1e-3


if __name__ == "__main__":
    main(Path(sys.argv[1]))
