"""Bootstrap of AP: the first row is COCO's number, and resampling is resampling."""

import numpy as np
import pytest

from fashion.evaluation.bootstrap import interval, lines, resampled_ap
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics


@pytest.fixture
def case(random_case):
    truth, detections = random_case(6, images=12, objects=4, predictions=6)
    for i, row in enumerate(detections):  # equal scores in an image would rank in another order
        row["score"] += 1e-6 * i
    return truth, detections, MatchTable.build(truth, detections)


def test_the_images_as_they_are_have_the_ap_of_coco(case):
    truth, detections, table = case
    numbers = compute_metrics(Inputs(truth, detections), {"coco"})["coco"]["segm"]
    np.testing.assert_allclose(resampled_ap(table, 3)[0], [numbers["AP"], numbers["AP50"]])


def test_a_draw_is_the_data_set_with_images_repeated(case):
    truth, detections, table = case
    drawn = np.random.default_rng(5).integers(0, 12, (1, 12))[0]
    ids = [table.image_ids[i] for i in sorted(drawn)]
    copied = dict(truth, images=[], annotations=[])
    rows = []
    for new, old in enumerate(ids, start=1000):
        image = next(image for image in truth["images"] if image["id"] == old)
        copied["images"].append(image | {"id": new})
        for row in truth["annotations"]:
            if row["image_id"] == old:
                copied["annotations"].append(
                    row | {"image_id": new, "id": len(copied["annotations"]) + 1}
                )
        rows += [row | {"image_id": new} for row in detections if row["image_id"] == old]
    numbers = compute_metrics(Inputs(copied, rows), {"coco"})["coco"]["segm"]
    value = resampled_ap(table, 1, seed=5)[1]
    np.testing.assert_allclose(value, [numbers["AP"], numbers["AP50"]], atol=1e-6)


def test_intervals_and_paired_differences(case):
    values = resampled_ap(case[2], 50)
    value, low, high = interval(values[:, 0])
    assert low <= value <= high and low < high
    found = lines(["a", "b"], [values, values + 0.1])
    assert len(found) == 4 and found[0].startswith("a: AP ")
    assert found[2].endswith("+0.100 [+0.100, +0.100] against a")
