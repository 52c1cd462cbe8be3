"""TensorFlow and JAX: the same weights give the same losses, the same update and the same
predictions.

A process has one backend, so each runs this file as a script:   KERAS_BACKEND=jax python
tests/test_backends.py FOLDER gates
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


SETTINGS = {
    "gates": {"NECK_GATE": "cbam"},
    "cascade": {"CASCADE_STAGES": 3, "MASK_SHAPE": [56, 56], "DETECTION_NMS": "soft_gaussian"},
}


@pytest.mark.full
@pytest.mark.parametrize("settings", SETTINGS)
def test_both_backends_sample_lose_learn_and_detect_the_same(settings, tmp_path):
    """TensorFlow goes first and leaves the weights that JAX starts from. The second step's losses
    depend on every gradient of the first.
    """
    found = {}
    for backend in ("tensorflow", "jax"):
        environment = os.environ | {
            "KERAS_BACKEND": backend,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
            "JAX_PLATFORMS": "cpu",
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        }
        subprocess.run(
            [sys.executable, __file__, str(tmp_path), settings],
            cwd=ROOT,
            env=environment,
            check=True,
        )
        found[backend] = dict(np.load(tmp_path / f"{backend}.npz"))
    one, other = found["tensorflow"], found["jax"]
    assert one.keys() == other.keys() and other["detection valid"].any()
    assert {name.split()[0] for name in one} == {"sample", "loss", "step", "detection"}
    for name, column in one.items():
        np.testing.assert_allclose(other[name], column, rtol=1e-3, atol=1e-3, err_msg=name)


def inputs(config, attributes):
    """Three images with 3, 1 and no objects."""
    rng, (height, width) = np.random.default_rng(7), config.image_hw
    low = rng.uniform(0, 30, (3, config.MAX_GT_INSTANCES, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 30, low.shape)], axis=2).astype(np.float32)
    real = np.arange(config.MAX_GT_INSTANCES) < np.array([[3], [1], [0]])
    return {
        "images": rng.normal(size=(3, height, width, 3)).astype(np.float32),
        "windows": np.tile(np.float32([0, 0, height, width]), (3, 1)),
        "seed": np.int32([0, 1, 2]),
        "gt_class_ids": (real * rng.integers(1, config.NUM_CLASSES, real.shape)).astype(np.int32),
        "gt_boxes": boxes,
        "gt_mask_frames": boxes,
        "gt_masks": (rng.random((*real.shape, 28, 28)) < 0.5).astype(np.uint8),
        "gt_attributes": (rng.random((*real.shape, attributes)) < 0.3).astype(np.float32),
    }


def main(folder, settings):
    import keras
    from conftest import TINY, register_plain_backbone

    from fashion.attributes.head import AttributeHead
    from fashion.attributes.losses import AttributeLoss
    from mrcnn.config import Config
    from mrcnn.inference.compiled import compiled
    from mrcnn.modeling.build import build_detector
    from mrcnn.weights.layer_files import load_weights, save_weights

    register_plain_backbone()
    keras.utils.set_random_seed(1)
    config = Config.from_dict(
        TINY
        | {
            "NUM_CLASSES": 4,
            "DETECTION_MIN_CONFIDENCE": 0.0,
            "DETECTION_ALL_CLASSES": True,
        }
        | SETTINGS[settings]
    )
    head = AttributeHead(
        5,
        "attention",
        channels=8,
        num_classes=4,
        groups=[0, 0, 1, 1, 2],
        loss=AttributeLoss("asymmetric"),
    )
    detector, batch = build_detector(config, [head]), inputs(config, 5)
    if keras.backend.backend() == "tensorflow":
        save_weights(detector, folder / "weights.h5")
    load_weights(detector, folder / "weights.h5")

    def training(batch):
        outputs = detector(batch, training=True)
        return outputs["samples"], detector.compute_losses(batch, outputs)

    samples, losses = compiled(training, detector, xla=False)(batch)
    found = compiled(detector, detector, xla=False)(
        {name: batch[name] for name in ("images", "windows")}
    )
    # Two steps take TensorFlow less time than tracing them; that a graph makes the same ones is a
    # fact of test_devices.py.
    how = {"jit_compile": True} if keras.backend.backend() == "jax" else {"run_eagerly": True}
    detector.compile(keras.optimizers.SGD(0.01, momentum=0.9), **how)
    detector.optimizer.build(detector.trainable_variables)
    steps = [detector.train_on_batch(batch, return_dict=True) for _ in range(2)]
    arrays = {
        f"{kind} {name}": np.asarray(value)
        for kind, values in [
            ("sample", samples),
            ("loss", losses),
            ("detection", found),
            ("step 1", steps[0]),
            ("step 2", steps[1]),
        ]
        for name, value in values.items()
    }
    np.savez(folder / f"{keras.backend.backend()}.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
