"""Losses of label maps: by hand, against Keras' own, and what teaches nothing."""

import keras
import numpy as np
import pytest
from keras import ops

from fashion.semantic.losses import (
    IGNORED,
    dice_loss,
    lovasz_loss,
    median_frequency_weights,
    pixel_loss,
)
from mrcnn.inference.compiled import compiled

# Probabilities 3/4 and 1/4 of two classes.
ROW = np.log(np.float32([[[[3, 1], [1, 3]]]]))  # (1, 1, 2, 2)


def loss_of(logits, labels, **settings):
    return float(
        pixel_loss(
            ops.convert_to_tensor(np.float32(logits)),
            ops.convert_to_tensor(np.uint8(labels)),
            **settings,
        )
    )


def random_case(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, 3, 4, 5)).astype(np.float32), rng.integers(0, 5, (2, 3, 4))


def test_cross_entropy_by_hand():
    assert loss_of(ROW, [[[0, 0]]]) == pytest.approx(-(np.log(3 / 4) + np.log(1 / 4)) / 2, rel=1e-5)


def test_focal_loss_by_hand():
    """What has 3/4 counts (1/4)^2, what has 1/4 counts (3/4)^2."""
    by_hand = -((1 / 4) ** 2 * np.log(3 / 4) + (3 / 4) ** 2 * np.log(1 / 4)) / 2
    assert loss_of(ROW, [[[0, 0]]], gamma=2.0) == pytest.approx(by_hand, rel=1e-5)


def test_cross_entropy_is_that_of_keras_and_focal_loss_too():
    logits, labels = random_case()
    hot = np.eye(5, dtype=np.float32)[labels]
    assert loss_of(logits, labels) == pytest.approx(
        float(keras.losses.CategoricalCrossentropy(from_logits=True)(hot, logits)), rel=1e-5
    )
    focal = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=1.5, from_logits=True)
    assert loss_of(logits, labels, gamma=1.5) == pytest.approx(float(focal(hot, logits)), rel=1e-4)


def test_gamma_0_is_cross_entropy():
    logits, labels = random_case()
    assert loss_of(logits, labels, gamma=0.0) == loss_of(logits, labels)
    assert loss_of(logits, labels, gamma=1e-6) == pytest.approx(loss_of(logits, labels), rel=1e-4)


def test_weights_of_classes_weigh_the_mean_as_well():
    """Pixels of 3/4 and 1/4, of the classes 0 and 1: weights 1 and 3 make a mean of four."""
    logits, labels = np.log(np.float32([[[[3, 1], [3, 1]]]])), [[[0, 1]]]
    assert loss_of(logits, labels, class_weights=[1, 3]) == pytest.approx(
        -(np.log(3 / 4) + 3 * np.log(1 / 4)) / 4, rel=1e-5
    )
    assert loss_of(logits, labels, class_weights=[2, 2]) == pytest.approx(
        loss_of(logits, labels), rel=1e-5
    )


@pytest.mark.parametrize(
    "settings", [{}, {"gamma": 2.0}, {"class_weights": [1.0, 2.0, 1.0, 1.0, 1.0]}]
)
def test_the_border_teaches_nothing(settings):
    import tensorflow as tf

    logits, labels = random_case()
    labels[0] = IGNORED
    assert loss_of(logits, labels, **settings) == pytest.approx(
        loss_of(logits[1:], labels[1:], **settings), rel=1e-5
    )
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        loss = pixel_loss(variable, ops.convert_to_tensor(labels), **settings)
    slope = tape.gradient(loss, variable).numpy()
    assert (slope[0] == 0).all() and (slope[1] != 0).all()


def test_a_batch_of_border_alone_costs_nothing_and_a_sure_pixel_no_more():
    assert loss_of(ROW, [[[IGNORED, IGNORED]]], gamma=2.0) == 0
    assert loss_of([[[[90, -90]]]], [[[0]]], gamma=0.5) == pytest.approx(0, abs=1e-6)


def test_xla_computes_the_same():
    logits, labels = random_case()
    labels[0, 0] = IGNORED
    step = compiled(
        lambda a, b: pixel_loss(a, b, gamma=2.0, class_weights=[1, 2, 3, 4, 5]), None, xla=True
    )
    found = float(step(ops.convert_to_tensor(logits), ops.convert_to_tensor(np.uint8(labels))))
    assert found == pytest.approx(
        loss_of(logits, labels, gamma=2.0, class_weights=[1, 2, 3, 4, 5]), rel=1e-5
    )


def test_the_class_of_median_frequency_weighs_1():
    """Frequencies 0.8, 0.2, 0.1 where they occur: the median is 0.2."""
    assert median_frequency_weights(
        np.array([80, 10, 5, 0]), np.array([100, 50, 50, 0])
    ).tolist() == pytest.approx([0.25, 1, 2, 0])
    with pytest.raises(ValueError, match="no pixel has a label"):
        median_frequency_weights(np.zeros(2), np.zeros(2))


def probabilities_of(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def lovasz_by_the_book(logits, labels):
    """The mean over the present classes of the sum of sorted errors times the steps of 1 - IoU."""
    used = labels.ravel() != IGNORED
    probabilities = probabilities_of(logits).reshape(-1, logits.shape[-1])[used]
    labels, losses = labels.ravel()[used], []
    for k in np.unique(labels):
        real = labels == k
        error = np.abs(real - probabilities[:, k])
        wrong, loss, before = np.zeros(len(real), bool), 0.0, 0.0
        for i in np.argsort(-error, kind="stable"):
            wrong[i] = True
            shared, union = (real & ~wrong).sum(), (real | wrong).sum()
            loss, before = loss + error[i] * (1 - shared / union - before), 1 - shared / union
        losses.append(loss)
    return np.mean(losses)


@pytest.mark.parametrize("seed", range(3))
def test_lovasz_equals_its_definition(seed):
    logits, labels = random_case(seed)
    labels[0, 0] = IGNORED
    labels[labels == 3] = 1  # a class that does not occur
    assert float(lovasz_loss(logits, np.uint8(labels))) == pytest.approx(
        lovasz_by_the_book(logits, labels), rel=1e-5
    )


def test_dice_equals_its_definition():
    logits, labels = random_case()
    labels[labels == 3], labels[1, 1] = 1, IGNORED
    used = labels.ravel() != IGNORED
    p, of_labels = probabilities_of(logits).reshape(-1, 5)[used], labels.ravel()[used]
    dice = [
        2 * p[of_labels == k, k].sum() / (p[:, k].sum() + (of_labels == k).sum())
        for k in np.unique(of_labels)
    ]
    assert float(dice_loss(logits, np.uint8(labels))) == pytest.approx(1 - np.mean(dice), rel=1e-5)


@pytest.mark.parametrize("loss", [dice_loss, lovasz_loss])
def test_losses_of_regions_end_at_0_for_the_truth_and_at_1_for_its_opposite(loss):
    labels = np.uint8([[[0, 1], [1, 0]]])
    logits = 40 * np.eye(2, dtype=np.float32)[labels]
    assert float(loss(logits, labels)) == pytest.approx(0, abs=1e-6)
    assert float(loss(-logits, labels)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("loss", [dice_loss, lovasz_loss])
def test_a_batch_without_labels_teaches_nothing(loss):
    logits, _ = random_case()
    assert float(loss(logits, np.full((2, 3, 4), IGNORED, np.uint8))) == 0
