"""Recipes, their optimisers and their loss."""

import dataclasses

import keras
import numpy as np
import pytest

from fashion.classify.recipes import (
    RECIPES,
    Recipe,
    averaged_weights,
    cross_entropy,
    make_optimizer,
)


def test_the_reports_recipe_has_nothing_that_the_report_had_not():
    plain = RECIPES["report"]
    assert (
        plain.epochs == (10, 50)
        and plain.held_out == 0.2
        and plain.rate == 1e-3
        and plain.shape == "constant"
    )
    assert not any(
        (
            plain.smoothing,
            plain.weight_decay,
            plain.mirror,
            plain.shift,
            plain.erase,
            plain.average,
            plain.both_sides,
        )
    )


def test_all_images_are_the_only_difference():
    best, on_all = (dataclasses.asdict(RECIPES[name]) for name in ("best", "best-all"))
    assert {key for key in best if best[key] != on_all[key]} == {"held_out", "summary"}


def test_a_cosine_has_one_end():
    with pytest.raises(ValueError, match="give one number of epochs"):
        Recipe("", epochs=(10, 50), shape="cosine")


LABELS, LOGITS = np.array([2, 0], np.uint8), np.array([[0.5, -1, 2], [1, 3, -2]], np.float32)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None]])
def test_without_smoothing_it_is_keras_sparse_cross_entropy(labels):
    expected = keras.ops.sparse_categorical_crossentropy(LABELS, LOGITS, from_logits=True)
    assert np.asarray(cross_entropy()(labels, LOGITS)) == pytest.approx(
        np.asarray(expected), abs=1e-6
    )


def test_smoothing_is_keras_label_smoothing():
    theirs = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=0.1, reduction=None
    )
    expected = np.asarray(theirs(np.eye(3, dtype=np.float32)[LABELS], LOGITS))
    assert np.asarray(cross_entropy(0.1)(LABELS, LOGITS)) == pytest.approx(expected, abs=1e-6)


def one_weight(recipe, steps=1, epochs=1):
    """A model of one weight that is 1, without inputs that matter, and its optimiser."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")]
    )
    model.compile(make_optimizer(recipe, steps, epochs), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def test_the_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient():
    model = one_weight(RECIPES["report"])
    for gradient, expected in ((5.0, 0.999), (5.0, 0.998)):
        model.optimizer.apply([keras.ops.full((1, 1), gradient)], model.trainable_variables)
        assert float(model.trainable_variables[0][0, 0]) == pytest.approx(expected, abs=1e-5)


def test_averages_are_lent_and_taken_back():
    """Two steps of 0.1 down from 1: the average is 0.9, then 0.75 * 0.9 + 0.25 * 0.8."""
    model = one_weight(Recipe("", rate=0.1, average=0.75))
    for _ in range(2):
        model.optimizer.apply([keras.ops.ones((1, 1))], model.trainable_variables)
    weight = model.trainable_variables[0]
    with averaged_weights(model):
        assert float(weight[0, 0]) == pytest.approx(0.875, abs=1e-4)
    assert float(weight[0, 0]) == pytest.approx(0.8, abs=1e-4)


def test_the_end_of_fit_leaves_the_weights_alone():
    model = one_weight(Recipe("", rate=0.1, average=0.75))
    model.fit(np.ones((4, 1)), np.zeros((4, 1)), batch_size=2, verbose=0)
    own = float(model.trainable_variables[0][0, 0])
    with averaged_weights(model):
        assert float(model.trainable_variables[0][0, 0]) > own + 0.01


def test_without_averages_the_weights_stay():
    model = one_weight(RECIPES["report"])
    with averaged_weights(model):
        assert float(model.trainable_variables[0][0, 0]) == 1


def test_the_rate_rises_for_the_warmup_and_falls_to_a_hundredth():
    """Ten epochs of four steps, two of them to warm up."""
    rate = make_optimizer(
        Recipe("", (10,), rate=0.01, warmup=2.0, shape="cosine"), 4, 10
    )._learning_rate
    assert [float(rate(step)) for step in (0, 3, 7, 24, 40)] == pytest.approx(
        [0.01 / 8, 0.005, 0.01, 0.01 * 0.505, 0.0001], rel=0.02
    )


def test_decay_shrinks_kernels_and_spares_biases():
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones"),
        ]
    )
    optimizer = make_optimizer(Recipe("", rate=0.1, weight_decay=0.5), 1, 1)
    optimizer.build(model.trainable_variables)
    optimizer.apply(
        [keras.ops.zeros_like(v) for v in model.trainable_variables], model.trainable_variables
    )
    assert [float(np.ravel(v)[0]) for v in model.trainable_variables] == pytest.approx([0.95, 1.0])
