"""Checks of single settings: what is allowed, what an error says, which name was meant."""

import math

import numpy as np
import pytest

from mrcnn import setting_checks as checks


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (checks.whole(), [1, 512.0, np.int64(3)], [0, 1.5, True, "1", None, math.nan, [1]]),
        (
            checks.number(0, 1),
            [0, 1, 0.5, np.float32(0.5)],
            [-0.1, 1.1, math.nan, math.inf, "0.5", False],
        ),
        (checks.switch(), [True, False, 0, 1, np.True_], [2, "yes", None, []]),
        (checks.text(), ["a"], ["", " ", 3, None]),
        (
            checks.several(checks.above_zero()),
            [(1,), [0.5, 2], np.array([1, 2])],
            [(), [0], [-1, 1], [[1], [2]], 5, "12", [[1], [1, 2]]],
        ),
        (checks.several(checks.whole(), 2), [(28, 28), [28.0, 28]], [(28,), (28, 28, 28), 28]),
        (checks.or_else(checks.number(), None, "auto"), [None, "auto", 3], ["off", -1, np.ones(2)]),
    ],
)
def test_a_rule_allows_and_refuses(rule, good, bad):
    for value in good:
        checks.check("A", value, rule)
    for value in bad:
        with pytest.raises(ValueError, match="^A must be .* Got "):
            checks.check("A", value, rule)


def test_a_long_value_is_cut_in_the_error():
    with pytest.raises(ValueError) as error:
        checks.check("A", "x" * 500, checks.whole())
    assert len(str(error.value)) < 160 and "…" in str(error.value)


def test_a_mistyped_name_is_known_and_a_name_of_ones_own_is_not():
    known = ["IMAGE_MAX_DIM", "LEARNING_RATE", "MASK_SHAPE"]
    assert checks.mistyped(
        [
            "IMAGE_MAXDIM",
            "LEARNINGRATE",
            "MASK_SHAPE",
            "EPOCHS",
            "LEARNING_RATE_HEADS",
            "LEARNING_RATE2",
        ],
        known,
    ) == {"IMAGE_MAXDIM": "IMAGE_MAX_DIM", "LEARNINGRATE": "LEARNING_RATE"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mrcnn_maks_loss", "mrcnn_mask_loss"),
        ("mask_loss", "mrcnn_mask_loss"),
        ("mask", "mrcnn_mask_loss"),
        ("mrcnn_mask", "mrcnn_mask_loss"),
        ("rpn_clas_loss", "rpn_class_loss"),
        ("class_loss", None),
        ("mrcnn_attribute_loss", None),
        ("depth_loss", None),
    ],
)
def test_a_loss_that_is_mistyped_or_shortened_has_one_meaning_or_none(name, meant):
    losses = [
        "rpn_class_loss",
        "rpn_bbox_loss",
        "mrcnn_class_loss",
        "mrcnn_bbox_loss",
        "mrcnn_mask_loss",
    ]
    assert checks.loss_meant(name, losses) == meant
