"""Fused updates: Keras' own optimisers are the oracle, for every setting that we use."""

import keras
import numpy as np
import pytest

from mrcnn.training.fused_updates import fused

SETTINGS = {
    "sgd": (keras.optimizers.SGD, {"momentum": 0.9}),
    "sgd without momentum": (keras.optimizers.SGD, {}),
    "nesterov": (keras.optimizers.SGD, {"momentum": 0.9, "nesterov": True}),
    "decay": (keras.optimizers.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    "clipped": (keras.optimizers.SGD, {"momentum": 0.9, "global_clipnorm": 1.0}),
    "clipped one by one": (keras.optimizers.SGD, {"momentum": 0.9, "clipnorm": 1.0}),
    "adamw": (keras.optimizers.AdamW, {"weight_decay": 0.1, "global_clipnorm": 1.0}),
    "adam": (keras.optimizers.Adam, {"global_clipnorm": 1.0}),
    "accumulating": (keras.optimizers.AdamW, {"gradient_accumulation_steps": 2}),
    "averaging": (keras.optimizers.SGD, {"use_ema": True, "ema_momentum": 0.5}),
    "amsgrad": (keras.optimizers.AdamW, {"amsgrad": True}),
}
# Of a step, 0.1: TensorFlow's kernel takes 1 - beta_2 in float32, which is 1.3e-5 off 0.001.
TOLERANCE = {
    keras.optimizers.SGD: {"rtol": 1e-5, "atol": 1e-6},
    keras.optimizers.Adam: {"rtol": 1e-4, "atol": 1e-5},
    keras.optimizers.AdamW: {"rtol": 1e-4, "atol": 1e-5},
}


def trained(optimizer, how, steps=5):
    """Values of the weights and of the optimiser's variables after some steps."""
    rng = np.random.default_rng(3)
    variables = [
        keras.Variable(rng.normal(size=shape).astype(np.float32), name=name)
        for name, shape in (("kernel", (3, 4)), ("bias", (4,)), ("gamma", (2,)))
    ]
    gradients = [
        [rng.normal(size=v.shape).astype(np.float32) for v in variables] for _ in range(steps)
    ]
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma"])
    optimizer.build(variables)
    apply = how(lambda *g: optimizer.apply(list(g), variables))
    for step in gradients:
        apply(*(keras.ops.convert_to_tensor(g) for g in step))
    return [np.asarray(v) for v in (*variables, *optimizer.variables)], [
        v.path for v in optimizer.variables
    ]


def eager(function):
    return function


def graph(function):
    import tensorflow as tf

    return tf.function(function, autograph=False)


def compiled(function):
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=True)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's kernels")
@pytest.mark.parametrize("how", [eager, graph, pytest.param(compiled, marks=pytest.mark.slow)])
@pytest.mark.parametrize("setting", SETTINGS)
def test_updates_and_state_are_those_of_keras(setting, how):
    base, options = SETTINGS[setting]
    expected, names = trained(base(0.1, name="optimizer", **options), eager)
    found, own_names = trained(fused(base)(0.1, name="optimizer", **options), how)
    assert own_names == names  # so a checkpoint of either fits the other
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **TOLERANCE[base])


def test_a_gradient_that_is_not_finite_spoils_every_weight_as_in_keras():
    optimizer, variable = (
        fused(keras.optimizers.SGD)(0.1, global_clipnorm=1.0),
        keras.Variable(np.ones(2, np.float32)),
    )
    optimizer.apply([keras.ops.convert_to_tensor(np.float32([np.inf, 1]))], [variable])
    assert np.isnan(np.asarray(variable)).all()


def test_a_fused_optimizer_is_one_of_keras():
    optimizer = fused(keras.optimizers.AdamW)(0.1)
    assert isinstance(optimizer, keras.optimizers.AdamW) and optimizer.name.startswith(
        keras.optimizers.AdamW(0.1).name[:6]
    )
