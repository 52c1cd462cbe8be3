"""Targets and losses of attributes: empty objects, sums, weights, the hardest absent ones."""

import numpy as np
import pytest
from keras import ops

from fashion.attributes.losses import MAX_WEIGHT, AttributeLoss, positive_weights, targets_of
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE

LOGITS, TARGETS = np.float32([[[0, 0, 2, -2]]]), np.float32([[[1, 0, 0, 0]]])
LOG2 = np.log(2)


def softplus(x):
    return np.log1p(np.exp(x))


def value(**options):
    return np.array(AttributeLoss(**options)(LOGITS, TARGETS))


def test_a_roi_costs_the_sum_over_attributes():
    np.testing.assert_allclose(value(), [[2 * LOG2 + softplus(2) + softplus(-2)]], rtol=1e-5)


def test_only_the_hardest_absent_attributes_count():
    np.testing.assert_allclose(value(hard_negatives=1), [[LOG2 + softplus(2)]], rtol=1e-5)
    np.testing.assert_allclose(value(hard_negatives=2), [[2 * LOG2 + softplus(2)]], rtol=1e-5)
    np.testing.assert_allclose(value(hard_negatives=9), value(), rtol=1e-6)


def test_a_present_attribute_may_count_more_often():
    np.testing.assert_allclose(value(positive_weight=(3, 7, 7, 7)), value() + 2 * LOG2, rtol=1e-5)
    np.testing.assert_allclose(
        value(positive_weight=(3, 7, 7)), value() + 2 * LOG2, rtol=1e-5
    )  # the last stands for "none"


def test_rare_attributes_weigh_more():
    assert positive_weights([50, 10, 90], 100, 1) == pytest.approx((1, 9, 1 / 9))
    assert positive_weights([50, 10, 90], 100, 0.5) == pytest.approx((1, 3, 1 / 3))
    assert (
        positive_weights([0, 100], 10**6, 1)[0] == MAX_WEIGHT and positive_weights([5], 9, 0) == ()
    )


def test_what_is_no_loss_is_refused():
    with pytest.raises(ValueError, match="one of bce, focal, asymmetric. Got 'hinge'"):
        AttributeLoss("hinge")
    with pytest.raises(ValueError, match="or 0 for all. Got -1"):
        AttributeLoss(hard_negatives=-1)


# One image with a garment that has attributes, one that has none, a background RoI and padding.
TRUTH = {"gt_attributes": ops.convert_to_tensor(np.float32([[[1, 0, 1], [0, 0, 0]]]))}
SAMPLES = RoISamples(
    ops.zeros((1, 4, 4)),
    ops.convert_to_tensor(np.int32([[POSITIVE, POSITIVE, NEGATIVE, IGNORE]])),
    ops.convert_to_tensor(np.int32([[0, 1, 0, 0]])),
    TRUTH,
    4,
)


def of(empty):
    return tuple(np.array(x)[0].tolist() for x in targets_of(SAMPLES, empty))


def test_garments_without_attributes_are_taught_to_have_none():
    assert of("none") == ([[1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]], [1, 1, 1, 0])


def test_garments_without_attributes_may_be_left_out():
    assert of("exclude") == (of("none")[0], [1, 0, 1, 0])


def test_garments_without_attributes_may_have_one_more():
    assert of("background") == (
        [[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]],
        [1, 1, 1, 0],
    )
