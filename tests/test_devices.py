"""Several devices: the same update as one device makes. Devices are counted when a backend starts, so it is a process of its own."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.modeling.devices import device_scope

ROOT = Path(__file__).parents[1]


def test_more_devices_than_there_are_is_an_error_that_says_how_many(plain_config):
    with pytest.raises(ValueError, match="GPU_COUNT is 64, but this machine shows .* Set GPU_COUNT to"):
        device_scope(plain_config(GPU_COUNT=64))


@pytest.mark.slow
def test_two_devices_make_the_update_that_one_makes(tmp_path):
    """On TensorFlow. On JAX, which takes minutes to compile this for a CPU, run this file by hand: python tests/test_devices.py 1 DIR,
    then 2 DIR, with the environment below and KERAS_BACKEND=jax."""
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "JAX_PLATFORMS": "cpu",
                                "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    for count in (1, 2):
        subprocess.run([sys.executable, __file__, str(count), str(tmp_path)], env=environment, check=True)


def main(count, folder):
    """Two epochs on photos a b a b: each of two devices sees a and b, so every mean is the one of the four together.

    TensorFlow breaks off between the epochs and goes on with a new model.
    """
    import keras
    import numpy as np
    from conftest import TINY, register_plain_backbone
    from test_backends import inputs

    from mrcnn.config import Config
    from mrcnn.modeling.build import build_detector
    from mrcnn.modeling.weight_files import load_weights, save_weights
    from mrcnn.training.fit import fit
    from mrcnn.training.run_folder import RunFolder
    from mrcnn.training.schedules import Stage

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        cpu, = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    register_plain_backbone()
    keras.utils.set_random_seed(1)
    config = Config.from_dict(TINY | {"NUM_CLASSES": 4, "GPU_COUNT": count, "IMAGES_PER_GPU": 4 // count, "JIT_COMPILE": False,
                                "GRADIENT_CLIP_NORM": 0.5})          # small enough to be at work
    batch = {name: np.concatenate([column[:2], column[:2]]) for name, column in inputs(config, 0).items() if name != "gt_attributes"}
    detector = build_detector(config)
    if count == 1:
        save_weights(detector, folder / "start.h5")
    load_weights(detector, folder / "start.h5")

    class Batches(keras.utils.PyDataset):
        sampler = type("Sampler", (), {"repeats": np.ones(4)})

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return batch

    run = RunFolder(folder / str(count))
    stages = [Stage("all", "all", 2, 0.1)]
    if keras.backend.backend() == "tensorflow":
        fit(detector, config, Batches(), [Stage("all", "all", 1, 0.1)], run)
        detector = build_detector(config)
    history = fit(detector, config, Batches(), stages, run, resume=run.last.exists())
    if count == 1:
        np.savez(folder / "one.npz", *detector.get_weights(), loss=history[-1]["loss"])
        return
    one = np.load(folder / "one.npz")
    np.testing.assert_allclose(history[-1]["loss"], one["loss"], rtol=1e-4)
    start = build_detector(config)
    load_weights(start, folder / "start.h5")
    moved = 0.0
    for i, (weight, before) in enumerate(zip(detector.get_weights(), start.get_weights(), strict=True)):
        np.testing.assert_allclose(weight, one[f"arr_{i}"], rtol=1e-3, atol=1e-5)
        moved = max(moved, np.abs(weight - before).max())
    assert moved > 1e-3


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
