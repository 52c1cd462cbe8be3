"""Bins: one detection of each kind, their prices by hand, and the definitions in plain loops."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.average_precision import FALSE
from fashion.evaluation.errors.error_types import (
    FALSE_TYPES,
    TYPES,
    classify_errors,
    cost_of_errors,
    missed_objects,
)
from fashion.evaluation.errors.overlaps import read_overlaps


def analysed(gt, said, score_threshold=0.5):
    overlaps = read_overlaps(gt, said)
    binned = classify_errors(overlaps)
    return overlaps, binned, cost_of_errors(overlaps, binned, score_threshold)


def kinds(overlaps, binned):
    """Place of a detection in the list -> its kind."""
    return {
        int(place): FALSE_TYPES[reason] if reason >= 0 else "right"
        for place, reason in zip(overlaps.place, binned.error)
    }


def test_every_kind_of_error(one_of_each):
    overlaps, binned, _ = analysed(*one_of_each)
    assert kinds(overlaps, binned) == {
        0: "right",
        1: "duplicate",
        2: "class",
        3: "location",
        4: "both",
        5: "background",
    }
    # "class" and "location" errors are about the shoes; a "both" error is about no object.
    assert missed_objects(overlaps, binned).tolist() == [False, False, False, True, True]


def test_the_price_of_every_kind(one_of_each):
    *_, prices = analysed(*one_of_each)
    assert prices["ap50"] == pytest.approx(
        1 / 3
    )  # shirt 1, the false ones after it do no harm; shoe 0; scarf 0
    assert prices["ap50_per_category"] == pytest.approx([1, 0, 0])
    gains = {row["bin"]: row["ap50_gain"] for row in prices["bins"]}
    # The detections of shoes are then: true 0.85, false 0.8, 0.7, 0.6. One of two objects, so 51
    # recalls have precision 1.
    assert gains["class"] == pytest.approx(51 / 101 / 3)
    assert gains["location"] == pytest.approx(51 / 101 / 3)  # right 0.8, wrong 0.7, 0.6
    assert (
        gains["both"] == gains["duplicate"] == gains["background"] == gains["false detections"] == 0
    )
    assert gains["missed"] == pytest.approx((1 + 0) / 2 - 1 / 3)  # no scarf is left
    assert gains["not found"] == pytest.approx(1 - 1 / 3)
    assert (
        [row["count"] for row in prices["bins"]]
        == [1, 1, 1, 1, 1, 2, 5, 4]
        == [row["sure"] for row in prices["bins"]]
    )
    scarf = [row["per_category"][2] for row in prices["bins"] if row["bin"] == "missed"]
    assert scarf == [{"count": 2, "ap50_gain": None}]


def test_sure_counts_are_those_of_sure_detections_alone(one_of_each):
    gt, said = one_of_each
    *_, prices = analysed(gt, said, score_threshold=0.82)
    *_, alone = analysed(gt, [row for row in said if row["score"] >= 0.82])
    assert {row["bin"]: row["sure"] for row in prices["bins"]} == {
        row["bin"]: row["count"] for row in alone["bins"]
    }


def test_several_detections_of_one_object_repair_it_once(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(2, 1, (0, 0, 10, 10)))
    said = [
        placed(1, 1, (0, 0, 10, 4), score=0.9),
        placed(1, 1, (0, 0, 10, 3), score=0.8),
        placed(2, 1, (0, 0, 10, 10), score=0.7),
        placed(2, 1, (0, 0, 10, 4), score=0.6),
    ]
    *_, prices = analysed(gt, said)
    location = next(row for row in prices["bins"] if row["bin"] == "location")
    assert location["count"] == 3 and prices["ap50"] + location["ap50_gain"] == pytest.approx(
        1
    )  # one right each, the others are gone


def test_the_order_of_the_reasons(placed, truth):
    # Near an object of its own category and on one of another: "location", which TIDE tests
    # first.
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(1, 5, (0, 0, 10, 4)))
    overlaps, binned, _ = analysed(gt, [placed(1, 1, (0, 0, 10, 4), score=0.9)])
    assert kinds(overlaps, binned) == {0: "location"}
    # On one of its own, which is taken, and on one of another category: it is the class.
    gt = truth(placed(1, 1, (0, 0, 10, 10)), placed(1, 5, (0, 0, 10, 10)))
    overlaps, binned, _ = analysed(
        gt, [placed(1, 1, (0, 0, 10, 10), score=0.9), placed(1, 1, (0, 0, 10, 9), score=0.8)]
    )
    assert kinds(overlaps, binned) == {0: "right", 1: "class"}


def test_what_lies_in_a_crowd_is_no_error(placed, truth):
    overlaps, binned, prices = analysed(
        truth(placed(1, 1, (0, 0, 20, 20), iscrowd=1)), [placed(1, 1, (0, 0, 5, 5), score=0.9)]
    )
    assert (
        kinds(overlaps, binned) == {0: "right"}
        and sum(row["count"] for row in prices["bins"]) == 0
        and prices["ap50"] == -1
    )


@pytest.mark.parametrize("seed", range(2))
def test_the_definitions_in_plain_loops(confused_case, seed):
    gt, said = confused_case(seed, images=5)
    overlaps, binned, prices = analysed(gt, said)
    reached, expected = set(), {}
    for row in np.flatnonzero(binned.outcome == FALSE):
        detection = overlaps.detections[row]
        best = {True: 0, False: 0}
        for annotation in gt["annotations"]:
            if annotation["image_id"] == detection["image_id"]:
                a, b = (
                    coco_mask.decode([item["segmentation"]]) > 0 for item in (annotation, detection)
                )
                same = annotation["category_id"] == detection["category_id"]
                best[same] = max(best[same], (a & b).sum() / (a | b).sum())
        expected[int(overlaps.place[row])] = (
            "location"
            if 0.1 <= best[True] < 0.5
            else "class"
            if best[False] >= 0.5
            else "duplicate"
            if best[True] >= 0.5
            else "both"
            if best[False] >= 0.1
            else "background"
        )
        reached.add(expected[int(overlaps.place[row])])
    assert {
        place: kind for place, kind in kinds(overlaps, binned).items() if kind != "right"
    } == expected
    assert reached == set(FALSE_TYPES)
    counts = {row["bin"]: row["count"] for row in prices["bins"]}
    assert sum(counts[name] for name in FALSE_TYPES) == counts["false detections"] == len(expected)
    assert counts["missed"] <= counts["not found"]


@pytest.mark.parametrize("seed", range(3))
def test_no_repair_does_harm(confused_case, seed):
    *_, prices = analysed(*confused_case(seed))
    assert [row["bin"] for row in prices["bins"]] == [*TYPES, "false detections", "not found"]
    assert (
        all(row["ap50_gain"] >= -1e-12 for row in prices["bins"])
        and prices["bins"][0]["ap50_gain"] > 0.005
    )
    for row in prices["bins"]:  # each category's gain, where it stays in the mean
        assert all(
            cell["ap50_gain"] is None or cell["ap50_gain"] >= -1e-12 for cell in row["per_category"]
        )
        assert sum(cell["count"] for cell in row["per_category"]) == row["count"]


def test_without_false_detections_ap_is_recall(random_case):
    gt, said = random_case(5, crowds=0)
    overlaps, binned, prices = analysed(gt, said)
    found = np.bincount(overlaps.object_category[binned.partner[binned.partner >= 0]], minlength=46)
    objects = np.bincount(overlaps.object_category, minlength=46)
    some = objects > 0
    # Precision is 1 at the recalls 0, 0.01, … up to matched / objects, and 0 beyond. Without a
    # match it is 0 everywhere.
    expected = np.where(found[some], (100 * found[some] // objects[some] + 1) / 101, 0)
    gain = next(row["ap50_gain"] for row in prices["bins"] if row["bin"] == "false detections")
    assert prices["ap50"] + gain == pytest.approx(expected.mean())
