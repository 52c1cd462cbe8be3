"""Attribute F1: cases counted by hand."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.attribute_f1 import attribute_f1


def rle_of(y1, x1, y2, x2):
    mask = np.zeros((20, 20), np.uint8, order="F")
    mask[y1:y2, x1:x2] = 1
    return coco_mask.encode(mask)


LEFT, RIGHT, LEFT_HALF = rle_of(0, 0, 10, 10), rle_of(0, 10, 10, 20), rle_of(0, 0, 10, 5)


def truth(*objects):
    return {
        "images": [{"id": 1, "height": 20, "width": 20}, {"id": 2, "height": 20, "width": 20}],
        "categories": [],
        "annotations": [
            {
                "id": i + 1,
                "image_id": image,
                "category_id": category,
                "segmentation": rle,
                "attribute_ids": ids,
            }
            for i, (image, category, rle, ids) in enumerate(objects)
        ],
    }


def found(image, category, rle, score, ids):
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": rle,
        "score": score,
        "attribute_ids": ids,
    }


def test_counts_are_pooled_for_micro_and_averaged_for_macro():
    result = attribute_f1(truth((1, 0, LEFT, [1, 2, 3]), (1, 0, RIGHT, [1])),
                          [found(1, 0, LEFT, 0.9, [1, 2, 9]), found(1, 0, RIGHT, 0.8, [2])])
    # Right: 1, 2 on the left. Said: 1, 2, 9, 2. Real: 1, 2, 3, 1.
    assert result["precision"] == 2 / 4 and result["recall"] == 2 / 4 and result["micro_f1"] == 4 / 8
    # F1 of 1: 2/(1+2); of 2: 2/(2+1); of 3 and 9: 0.
    assert result["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 4)
    assert result["per_attribute"][1] == {
        "f1": pytest.approx(2 / 3),
        "precision": 1.0,
        "recall": 0.5,
        "instances": 2,
        "predicted": 1,
    }
    assert (result["matched"], result["ground_truth"]) == (2, 2)


@pytest.mark.parametrize("detection", [found(1, 5, LEFT, 0.9, [1]), found(2, 0, LEFT, 0.9, [1]),
                                       found(1, 0, RIGHT, 0.9, [1])])
def test_another_category_image_or_place_does_not_match(detection):
    result = attribute_f1(truth((1, 0, LEFT, [1])), [detection])
    assert (result["matched"], result["ground_truth"], result["micro_f1"]) == (0, 1, 0.0)


def test_an_iou_of_exactly_the_threshold_matches():
    assert attribute_f1(truth((1, 0, LEFT, [1])), [found(1, 0, LEFT_HALF, 0.9, [1])])["matched"] == 1
    assert (
        attribute_f1(truth((1, 0, LEFT, [1])), [found(1, 0, LEFT_HALF, 0.9, [1])], iou_threshold=0.6)[
            "matched"
        ]
        == 0
    )


def test_the_most_certain_detection_takes_the_object():
    result = attribute_f1(
        truth((1, 0, LEFT, [1])), [found(1, 0, LEFT, 0.5, [2]), found(1, 0, LEFT_HALF, 0.9, [1])]
    )
    assert (result["matched"], result["micro_f1"]) == (1, 1.0)


def test_a_detection_takes_the_object_it_overlaps_most():
    wide = rle_of(0, 0, 10, 9)
    result = attribute_f1(truth((1, 0, LEFT_HALF, [1]), (1, 0, LEFT, [2])), [found(1, 0, wide, 0.9, [2])])
    assert result["micro_f1"] == 1.0


def test_uncertain_detections_are_left_out():
    result = attribute_f1(truth((1, 0, LEFT, [1])), [found(1, 0, LEFT, 0.3, [1])], score_threshold=0.5)
    assert result["matched"] == 0


def test_the_other_forms_of_a_mask_are_read():
    polygon = [[0, 0, 10, 0, 10, 10, 0, 10]]
    result = attribute_f1(
        truth((1, 0, polygon, [1])),
        [found(1, 0, {"size": [20, 20], "counts": [0] + [10, 10] * 9 + [10, 210]}, 0.9, [1])],
    )
    assert result["matched"] == 1


def test_garments_without_attributes_are_matched_and_add_no_counts():
    result = attribute_f1(truth((1, 0, LEFT, [])), [found(1, 0, LEFT, 0.9, [])])
    assert (result["matched"], result["micro_f1"], result["per_attribute"]) == (1, 0.0, {})


def test_nothing_detected_scores_zero():
    assert attribute_f1(truth((1, 0, LEFT, [1])), [])["micro_f1"] == 0.0
    assert attribute_f1(truth(), [])["ground_truth"] == 0
