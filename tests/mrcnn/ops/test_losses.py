"""Losses: by hand, against NumPy, and without a single row that counts."""

import numpy as np
import pytest
from keras import ops

from mrcnn.ops.losses import (
    asymmetric_loss,
    binary_cross_entropy,
    dice_loss,
    focal_loss,
    iou_loss,
    masked_mean,
    seesaw_shift,
    smooth_l1,
    softmax_cross_entropy,
)


def test_the_mean_is_over_the_rows_that_count(run):
    assert run(masked_mean, [[1.0, 5.0], [9.0, 7.0]], [[1.0, 0.0], [1.0, 0.0]]).item() == 5


def test_the_mean_of_none_is_0(run):
    assert run(masked_mean, [1e30, 2.0], [0.0, 0.0]).item() == 0


def test_unsure_logits_cost_the_logarithm_of_the_number_of_classes(run):
    loss = run(softmax_cross_entropy, np.zeros((1, 3, 5)), np.int32([[0, 4, 2]]), np.ones((1, 3)))
    np.testing.assert_allclose(loss, np.log(5), rtol=1e-6)


def test_softmax_cross_entropy_agrees_with_numpy(run, rng):
    logits, targets = rng.normal(size=(2, 6, 4)), rng.integers(0, 4, (2, 6)).astype(np.int32)
    used = (rng.random((2, 6)) < 0.5).astype(np.float32)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    each = -np.log(np.take_along_axis(p, targets[..., None], -1)[..., 0])
    np.testing.assert_allclose(
        run(softmax_cross_entropy, logits, targets, used), each[used > 0].mean(), rtol=1e-5
    )


def test_smooth_l1_is_a_parabola_up_to_1_and_a_line_beyond(run):
    predicted = [[0.5, 0.0, 0.0, 0.0], [-3.0, 1.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]]
    loss = run(smooth_l1, predicted, np.zeros((3, 4)), [1.0, 1.0, 0.0])
    np.testing.assert_allclose(loss, (0.125 / 4 + (2.5 + 0.5) / 4) / 2, rtol=1e-6)


def test_binary_cross_entropy_agrees_with_its_definition(run, rng):
    logits, targets = rng.normal(size=(3, 7)), (rng.random((3, 7)) < 0.5).astype(np.float32)
    p = 1 / (1 + np.exp(-logits))
    expected = -targets * np.log(p) - (1 - targets) * np.log(1 - p)
    np.testing.assert_allclose(run(binary_cross_entropy, logits, targets), expected, atol=1e-5)


def test_huge_logits_stay_finite(run):
    np.testing.assert_allclose(
        run(binary_cross_entropy, [1e4, -1e4, 1e4, -1e4], [1.0, 1.0, 0.0, 0.0]), [0, 1e4, 1e4, 0]
    )
    assert run(softmax_cross_entropy, [[1e4, -1e4]], np.int32([1]), [1.0]).item() == 2e4


def test_the_gradient_at_an_unsure_logit_is_a_half(gradient):
    """A logit of exactly 0 is what a dead feature gives; a formula with a kink there has the wrong
    gradient.
    """
    for target, expected in ((0.0, 0.5), (1.0, -0.5)):
        assert (
            gradient(
                lambda x, t=target: ops.sum(binary_cross_entropy(x, t * ops.ones_like(x))),
                np.zeros(1, np.float32),
            )
            == expected
        )


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, used: softmax_cross_entropy(x, ops.zeros(3, "int32"), used),
        lambda x, used: smooth_l1(x, ops.zeros((3, 4)), used),
    ],
)
def test_without_rows_that_count_there_is_no_gradient(gradient, rng, loss):
    got = gradient(lambda x: loss(x, ops.zeros(3)), rng.normal(size=(3, 4)).astype(np.float32))
    np.testing.assert_array_equal(got, np.zeros((3, 4)))


def test_half_precision_predictions_give_a_float32_loss():
    logits, used = ops.ones((3, 4), "bfloat16"), ops.ones(3)
    for loss in (
        softmax_cross_entropy(logits, ops.zeros(3, "int32"), used),
        smooth_l1(logits, ops.zeros((3, 4)), used),
        binary_cross_entropy(logits, ops.zeros((3, 4))),
    ):
        assert "float32" in str(loss.dtype)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.5, 0.0), (0.75, 0.5)])
def test_focal_loss_agrees_with_its_definition(run, rng, alpha, gamma):
    logits, targets = rng.normal(0, 3, size=(3, 7)), (rng.random((3, 7)) < 0.5).astype(np.float32)
    p_t = np.where(targets == 1, sigmoid(logits), 1 - sigmoid(logits))
    expected = -np.where(targets == 1, alpha, 1 - alpha) * (1 - p_t) ** gamma * np.log(p_t)
    np.testing.assert_allclose(
        run(lambda a, b: focal_loss(a, b, alpha, gamma), logits, targets),
        expected,
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("positive", "negative", "margin"), [(0.0, 4.0, 0.05), (1.0, 2.0, 0.0), (0.0, 0.0, 0.0)]
)
def test_asymmetric_loss_agrees_with_its_definition(run, rng, positive, negative, margin):
    logits, targets = rng.normal(0, 3, size=(3, 7)), (rng.random((3, 7)) < 0.5).astype(np.float32)
    p = sigmoid(logits)
    p_m = np.maximum(p - margin, 0)
    expected = np.where(
        targets == 1, -((1 - p) ** positive) * np.log(p), -(p_m**negative) * np.log(1 - p_m)
    )
    got = run(lambda a, b: asymmetric_loss(a, b, positive, negative, margin), logits, targets)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("loss", [focal_loss, asymmetric_loss])
def test_losses_of_the_extreme_are_finite_and_have_gradients(run, loss):
    tf = pytest.importorskip("tensorflow")
    logits = tf.Variable([[-200.0, 200.0, 0.0, -200.0, 200.0]])
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(loss(logits, np.float32([[1, 1, 1, 0, 0]])))
    assert np.isfinite(float(value)) and np.isfinite(tape.gradient(value, logits).numpy()).all()


def test_the_worst_mistakes_teach_without_a_margin_too(gradient):
    """Where p is 1 in float32, the slope of -p^2 log(1 - p) is that of -log(1 - p), which is the
    logit's.
    """
    got = gradient(
        lambda x: ops.sum(asymmetric_loss(x, ops.zeros_like(x), 0.0, 2.0, 0.0)),
        np.float32([20.0, 60.0]),
    )
    np.testing.assert_allclose(got, [1.0, 1.0], rtol=1e-4)


def test_what_is_right_already_counts_little(run):
    easy, hard = run(focal_loss, [[3.0, -3.0]], np.float32([[1, 1]]))[0]
    assert easy < 0.001 and hard > 0.6
    below, above = run(asymmetric_loss, [[-4.0, 1.0]], np.float32([[0, 0]]))[0]
    assert below == 0 < above  # a probability of 0.018 is within the margin


def test_smoothing_spreads_a_share_of_the_target_over_all_classes(run, rng):
    logits, targets = rng.normal(size=(5, 4)), rng.integers(0, 4, 5).astype(np.int32)
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    smooth = 0.9 * np.eye(4)[targets] + 0.1 / 4
    expected = -(smooth * log_p).sum(-1).mean()
    loss = run(lambda *x: softmax_cross_entropy(*x, smoothing=0.1), logits, targets, np.ones(5))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_dice_by_hand(run):
    half = np.float32([[1, 1], [0, 0]])
    sure = 100 * (2 * half - 1)
    np.testing.assert_allclose(run(dice_loss, sure, half), 0, atol=1e-6)
    np.testing.assert_allclose(run(dice_loss, -sure, half), 1 - 1 / 5, rtol=1e-5)
    # p is 1/2 everywhere: 2 * (2 * .5) + 1 over 4 * .25 + 2 + 1.
    np.testing.assert_allclose(run(dice_loss, 0 * half, half), 1 - 3 / 4, rtol=1e-5)
    np.testing.assert_allclose(run(dice_loss, np.full((2, 2), -100.0), 0 * half), 0, atol=1e-6)


def test_a_box_loss_counts_valid_rows(run):
    boxes = [[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]]
    predicted = [[0.0, 0.0, 2.0, 1.0], [5.0, 5.0, 6.0, 6.0]]
    loss = run(iou_loss, predicted, boxes, [1.0, 0.0])
    np.testing.assert_allclose(loss, 0.5, rtol=1e-6)


def test_seesaw_shifts_logits_by_hand(run):
    # Background, a frequent and a rare class, which all score alike.
    counts, logits = np.float32([0, 100, 10]), np.zeros((3, 3), np.float32)
    shift = run(
        lambda *x: seesaw_shift(*x, mitigation=0.8, compensation=2.0),
        logits,
        np.int32([0, 1, 2]),
        counts,
    )
    # Only an object of the frequent class spares the rare one: by (10 / 100)^0.8.
    np.testing.assert_allclose(shift, [[0, 0, 0], [0, 0, 0.8 * np.log(0.1)], [0, 0, 0]], rtol=1e-5)


def test_seesaw_punishes_a_class_that_scores_higher_than_the_true_one(run):
    counts, logits = np.float32([0, 10, 10]), np.float32([[3.0, 0.0, 1.5]])
    shift = run(
        lambda *x: seesaw_shift(*x, mitigation=0.8, compensation=2.0), logits, np.int32([1]), counts
    )
    np.testing.assert_allclose(shift, [[0, 0, 2.0 * 1.5]], rtol=1e-5)
