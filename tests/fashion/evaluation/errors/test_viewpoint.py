"""The proxy of viewpoint by hand, and made-up images of which we know the answer."""

import numpy as np
import pytest

from fashion.evaluation.errors.error_types import classify_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.viewpoint import (
    compare_viewpoints,
    table_rows,
    verdict,
    width_over_height,
)
from mrcnn.evaluation.proportions import wilson_interval

GROUPS = {1: "upperbody", 5: "legs and feet", 7: "others"}


def scene(truth, objects, images, groups=True):
    gt = truth(*objects)
    gt["images"] = [
        {"id": i, "file_name": f"{i}.jpg", "height": 40, "width": 40} for i in range(1, images + 1)
    ]
    if groups:
        for category in gt["categories"]:
            category["supercategory"] = GROUPS[category["id"]]
    return gt


def test_the_proxy_is_the_width_of_the_upper_body_over_the_height_of_all(placed, truth):
    objects = [
        placed(1, 1, (10, 2, 12, 10)),  # a shirt of 12 pixels
        placed(1, 1, (18, 4, 10, 8)),  # an open jacket: together 18 wide
        placed(1, 5, (0, 30, 40, 6)),  # shoes far apart do not widen it; from 2 to 36: 34 high
        placed(2, 5, (0, 30, 40, 6)),  # no upper body
        placed(3, 1, (0, 0, 10, 20), iscrowd=1),  # a crowd
        placed(3, 1, (5, 5, 8, 16)),
    ]
    ratio, kind = width_over_height(read_overlaps(scene(truth, objects, 4), []))
    assert kind == "upper body"
    assert ratio == pytest.approx([18 / 34, -1, 8 / 16, -1])
    ratio, kind = width_over_height(read_overlaps(scene(truth, objects, 4, groups=False), []))
    assert kind == "all garments"
    assert ratio == pytest.approx([40 / 34, 40 / 6, 8 / 16, -1])


def judged(placed, truth, found, images=60):
    """Shirts of width 4, 8 or 12 above shoes; `found(width, image)` tells which are detected."""
    objects, said = [], []
    for i in range(1, images + 1):
        width = (4, 8, 12)[i % 3]
        for category, box in ((1, (4, 0, width, 10)), (5, (4, 30, 10, 10))):
            objects.append(placed(i, category, box))
            if found(width, i):
                said.append(objects[-1] | {"score": 0.9})
    overlaps = read_overlaps(scene(truth, objects, images), said)
    return compare_viewpoints(overlaps, classify_errors(overlaps), 0.5)


def test_fewer_found_where_it_is_narrow_is_told(placed, truth):
    compared = judged(placed, truth, lambda width, i: width > 4 or i % 4 == 0)
    narrow, medium, wide = compared["thirds"]
    assert [row["images"] for row in compared["thirds"]] == [20, 20, 20]
    assert (narrow["recall"], medium["recall"], wide["recall"]) == (0.25, 1, 1)
    assert narrow["recall_interval"] == pytest.approx(list(map(float, wilson_interval(10, 40))))
    assert narrow["precision"] == 1 and narrow["f1"] == pytest.approx(2 * 10 / (40 + 10))
    assert narrow["ap50"] == pytest.approx(0.257, abs=0.01) and wide["ap50"] == 1
    assert compared["difference"] == -0.75 and 0 < compared["error"] < 0.2
    text = verdict(compared)
    assert "is a proxy" in text and "This agrees with more errors from the side" in text
    assert "Recall is 25 % (14 to 40) in the narrowest third" in text
    assert "-75 (±" in text


def test_chance_is_not_taken_for_viewpoint(placed, truth):
    generator = np.random.default_rng(0)
    chosen = generator.random(61) < 0.6
    text = verdict(judged(placed, truth, lambda width, i: chosen[i]))
    assert "Whether viewpoint explains errors cannot be decided from these labels" in text


def test_the_opposite_is_said_as_well(placed, truth):
    text = verdict(judged(placed, truth, lambda width, i: width < 12 or i % 4 == 0))
    assert "does not explain errors here: recall is higher in narrow images" in text


def test_a_difference_of_categories_is_no_difference_of_viewpoint(placed, truth):
    """Narrow images have shirts alone, which are hard; wide ones have shoes as well."""
    objects, said = [], []
    for i in range(1, 61):
        width = (4, 8, 12)[i % 3]
        objects.append(placed(i, 1, (4, 0, width, 10)))
        if i % 2:
            said.append(objects[-1] | {"score": 0.9})
        if width > 4:
            objects.append(placed(i, 5, (4, 0, 10, 10)))
            said.append(objects[-1] | {"score": 0.9})
    overlaps = read_overlaps(scene(truth, objects, 60), said)
    compared = compare_viewpoints(overlaps, classify_errors(overlaps), 0.5)
    assert compared["thirds"][2]["recall"] - compared["thirds"][0]["recall"] == pytest.approx(0.25)
    assert compared["difference"] == pytest.approx(0, abs=0.01)


def test_few_images_have_no_breakdown(placed, truth):
    assert judged(placed, truth, lambda width, i: True, images=8) is None
    compared = judged(placed, truth, lambda width, i: True, images=9)
    assert compared["error"] is None and "cannot be decided" in verdict(compared)
    assert len(table_rows(compared)) == 4


def test_nothing_detected_is_undefined_precision(placed, truth):
    compared = judged(placed, truth, lambda width, i: False)
    narrow = compared["thirds"][0]
    assert (narrow["precision"], narrow["recall"], narrow["f1"], narrow["ap50"]) == (-1, 0, 0, 0)
    assert table_rows(compared)[1][-1] == "–"
