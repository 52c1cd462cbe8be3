"""Greedy matching, by pencil: boxes in a row, of which each detection takes the free one that it overlaps most."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import compressed, grouped, matches


def item(x, score=1.0, **more):
    return {"image_id": 7, "category_id": 3, "bbox": [x, 0, 10, 10], "score": score, **more}


@pytest.mark.parametrize(("threshold", "wanted"), [(0.5, [(1, 0)]), (0.3, [(1, 0), (3, 20)])])
def test_the_surest_chooses_first_and_nothing_twice(threshold, wanted):
    """The second best lies on an object that is taken; at IoU 7/13 and 1/3 the others overlap theirs."""
    found = [item(3, 0.9) | {"name": 1}, item(2, 0.8) | {"name": 2}, item(25, 0.7) | {"name": 3}]
    pairs = list(matches(found, [item(0), item(20)], None, threshold, "bbox"))
    assert [(detection["name"], o["bbox"][0]) for detection, o in pairs] == wanted


def test_crowds_and_unsure_detections_are_in_no_group():
    truth = {"annotations": [item(0), item(1, iscrowd=1), item(2)]}
    objects, found = grouped(truth, [item(0, 0.4), item(1, 0.5)], 0.5)
    assert [o["bbox"][0] for o in objects[7, 3]] == [0, 2] and [
        o["bbox"][0] for o in found[7, 3]
    ] == [1]


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
