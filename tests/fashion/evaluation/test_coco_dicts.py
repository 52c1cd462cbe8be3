"""Masks in COCO's three ways of writing."""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.coco_dicts import compressed


def test_all_forms_are_one_mask():
    square = np.zeros((10, 12), np.uint8)
    square[2:6, 3:9] = 1
    packed = coco_mask.encode(np.asfortranarray(square))
    counts = np.diff(
        np.flatnonzero(np.diff(np.concatenate([[0], square.T.ravel(), [0]]))), prepend=0
    ).tolist()
    counts = [*counts, square.size - sum(counts)]
    for form in ([[3, 2, 9, 2, 9, 6, 3, 6]], {"size": [10, 12], "counts": counts}, packed):
        np.testing.assert_array_equal(coco_mask.decode(compressed(form, (10, 12))), square)
    assert compressed(packed, None) is packed
