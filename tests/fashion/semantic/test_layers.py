"""Pooling that can be undone, with a pencil, and under XLA."""

import keras
import numpy as np
from keras import layers, ops

from fashion.semantic.layers import pool, unpool
from mrcnn.inference.compiled import compiled

FIELD = np.float32([[1, 2, 5, 5], [4, 3, 5, 5], [0, 0, -1, -2], [0, 7, -3, -4]]).reshape(1, 4, 4, 1)


def pooled_and_back(field):
    x = ops.convert_to_tensor(field)
    values, places = pool(x)
    return values, places, unpool(values, places)


def test_the_maximum_of_each_window_and_its_place():
    values, places, _ = pooled_and_back(FIELD)
    assert np.array(values)[0, :, :, 0].tolist() == [[4, 5], [7, -1]]
    assert np.array(places)[0, :, :, 0].tolist() == [[2, 0], [3, 0]]  # of four equal ones the first


def test_unpooling_puts_each_value_back_and_zeros_around_it():
    _, _, back = pooled_and_back(FIELD)
    assert np.array(back)[0, :, :, 0].tolist() == [
        [0, 0, 5, 0],
        [4, 0, 0, 0],
        [0, 0, -1, 0],
        [0, 7, 0, 0],
    ]


def test_channels_are_pooled_each_by_itself():
    two = np.concatenate([FIELD, -FIELD], axis=-1)
    values, places, _ = pooled_and_back(two)
    assert np.array(values)[0, :, :, 1].tolist() == [[-1, -5], [0, 4]] and np.array(places)[
        0, 1, 1
    ].tolist() == [0, 3]


def test_values_are_those_of_max_pooling_and_come_back_to_their_places():
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 3)).astype(np.float32)
    values, _, back = pooled_and_back(x)
    assert np.array_equal(values, layers.MaxPooling2D(2)(x))
    back = np.array(back)
    assert np.array_equal(back[back != 0], x[back != 0]) and np.count_nonzero(back) == x.size / 4


def test_a_network_computes_the_same_and_under_xla_too():
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 2)).astype(np.float32)
    image = keras.Input((4, 4, 2))
    model = keras.Model(image, unpool(*pool(image)))
    step = compiled(lambda images: model(images), model, xla=True)
    expected = np.array(pooled_and_back(x)[2])
    assert np.array_equal(np.array(model(x)), expected)
    assert np.array_equal(np.array(step(ops.convert_to_tensor(x))), expected)


def test_the_slope_goes_back_to_the_maximum_alone():
    """Also of four equal pixels, where a plain maximum would share it."""
    import tensorflow as tf

    x = tf.Variable(FIELD)
    with tf.GradientTape() as tape:
        total = ops.sum(pool(x)[0])
    assert tape.gradient(total, x).numpy()[0, :, :, 0].tolist() == [
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
    ]
