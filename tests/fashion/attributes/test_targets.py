"""Targets: one image with a garment that has attributes, one that has none, a roi on the background and padding."""

import numpy as np
from keras import ops

from fashion.attributes.targets import targets_of
from mrcnn.modeling.samples import Samples
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE

TRUTH = {"gt_attributes": ops.convert_to_tensor(np.float32([[[1, 0, 1], [0, 0, 0]]]))}
SAMPLES = Samples(
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
