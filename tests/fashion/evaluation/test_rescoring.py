"""Rescoring: which weight is best, and for whom."""

import math

import numpy as np
import pytest

from fashion.evaluation.rescoring import search_weight, separation, with_scores
from fashion.formats import rle

SIZE = (20, 20)


def box(image_id, x, score=None, **more):
    """A square of 5 x 5 pixels as an annotation or, with a score, a result."""
    mask = np.zeros(SIZE, bool)
    mask[5:10, x : x + 5] = True
    row = {
        "image_id": image_id,
        "category_id": 1,
        "segmentation": rle.to_coco(rle.encode(mask), SIZE),
        "bbox": [x, 5, 5, 5],
    }
    return row | ({"area": 25, "iscrowd": 0} if score is None else {"score": score}) | more


@pytest.fixture
def photos():
    """Four photos of one object each; the detector is surer of what is beside it."""
    truth = {
        "images": [{"id": i, "height": 20, "width": 20} for i in range(4)],
        "categories": [{"id": 1, "name": "coat"}],
        "annotations": [box(i, 2, id=i + 1) for i in range(4)],
    }
    return truth, [row for i in range(4) for row in (box(i, 12, 0.9), box(i, 2, 0.6))]


def test_the_weight_is_taken_that_gives_the_highest_ap(photos):
    truth, detections = photos
    steps = []
    found = search_weight(
        truth,
        detections,
        lambda weight: np.tile([0.9 * (1 - weight), 0.6], 4),
        (0.0, 0.5),
        lambda: steps.append(0),
    )
    assert (
        found["photos"] == 4
        and found["ap"] == {0.0: pytest.approx(0.5), 0.5: pytest.approx(1.0)}
        and found["weight"] == 0.5
    )
    assert (
        found["held_out"] == {"before": pytest.approx(0.5), "after": pytest.approx(1.0)}
        and len(steps) == 6
    )


def test_what_helps_one_half_alone_harms_held_out_photos(photos):
    """In photos 0 and 2 the classifier is right, in 1 and 3 it is wrong: each half asks for what
    harms the other.
    """
    truth, detections = photos
    detections = (
        detections[:2]
        + [box(1, 2, 0.9), box(1, 12, 0.6)]
        + detections[4:6]
        + [box(3, 2, 0.9), box(3, 12, 0.6)]
    )
    found = search_weight(
        truth, detections, lambda weight: np.tile([0.9 - 0.5 * weight, 0.6], 4), (0.0, 1.0)
    )
    assert found["held_out"] == {
        "before": pytest.approx((0.5 + 1.0) / 2),
        "after": pytest.approx(0.5),
    }


def test_a_large_data_set_is_searched_in_a_part(photos, monkeypatch):
    monkeypatch.setattr("fashion.evaluation.rescoring.MAX_IMAGES", 2)
    assert search_weight(*photos, lambda weight: np.tile([0.9, 0.6], 4), (0.0,))["photos"] == 2


def test_only_scores_change(photos):
    _, detections = photos
    changed = with_scores(detections, np.arange(8) / 10)
    assert [row["score"] for row in changed] == [i / 10 for i in range(8)] and detections[0][
        "score"
    ] == 0.9
    assert [row | {"score": 0} for row in changed] == [row | {"score": 0} for row in detections]


def test_separation_is_the_share_of_pairs_in_order():
    assert separation([0.9, 0.4, 0.6, 0.1], [True, True, False, False]) == 0.75
    assert separation([0.5, 0.5], [True, False]) == 0.5
    assert math.isnan(separation([0.5], [True]))
