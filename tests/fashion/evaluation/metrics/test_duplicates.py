"""Duplicates: two predictions of one object."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.metrics.duplicates import duplicates
from fashion.evaluation.metrics.registry import Inputs


def masked(category, x, width, score=None, image=1):
    """A mask of full height from column x on, 20 pixels wide at most."""
    mask = np.zeros((10, 100), np.uint8, order="F")
    mask[:, x : x + width] = 1
    row = {"image_id": image, "category_id": category, "segmentation": coco_mask.encode(mask)}
    return row | ({"iscrowd": 0, "area": 10 * width} if score is None else {"score": score})


def count(objects, detections, **options):
    truth = {
        "images": [{"id": i, "height": 10, "width": 100} for i in (1, 2)],
        "categories": [{"id": 1, "name": "dress"}, {"id": 2, "name": "skirt"}],
        "annotations": [row | {"id": n} for n, row in enumerate(objects, start=1)],
    }
    return duplicates(Inputs(truth, detections, **options))


def test_the_less_confident_of_two_masks_is_a_duplicate_whatever_its_category():
    numbers = count(
        [masked(1, 0, 20)],
        [masked(1, 0, 20, 0.9), masked(2, 0, 15, 0.8), masked(1, 0, 15, 0.7)],
    )
    assert numbers == {
        "per_image": 1.0,
        "share": pytest.approx(2 / 3),
        "duplicates": 2,
        "predictions": 3,
    }


def test_other_images_small_overlaps_and_unsure_predictions_do_not_count():
    first = masked(1, 0, 20, 0.9)
    assert count([], [first, masked(1, 0, 20, 0.8, image=2)])["duplicates"] == 0
    assert count([], [first, masked(1, 11, 20, 0.8)])["duplicates"] == 0
    assert count([], [first, masked(1, 0, 20, 0.4)])["duplicates"] == 0
    assert count([], [first, masked(1, 0, 20, 0.4)], score_threshold=0.3)["duplicates"] == 1


def test_two_predictions_that_match_objects_of_their_own_are_no_duplicates():
    two = [masked(1, 0, 20, 0.9), masked(2, 0, 15, 0.8)]
    assert count([masked(1, 0, 20), masked(2, 0, 15)], two)["duplicates"] == 0
    assert count([masked(1, 0, 20)], two)["duplicates"] == 1


def test_without_predictions():
    assert count([masked(1, 0, 20)], []) == {
        "per_image": 0,
        "share": -1,
        "duplicates": 0,
        "predictions": 0,
    }
