import numpy as np
import pytest

from fashion.evaluation.average_precision import precision_tables
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.coco import WITHOUT_F1, coco_curves, evaluate_coco_ap
from mrcnn.evaluation.coco import NUMBERS, evaluate_coco


def numbers(result):
    return {name: result[name] for name in NUMBERS} | {
        (category, key): row[key]
        for category, row in result["per_category"].items()
        for key in ("AP", "AP50", "instances")
    }


@pytest.mark.slow
@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_numbers_are_pycocotools(random_case, iou_type, boxes, seed):
    truth, detections = random_case(seed, boxes=boxes, crowds=0.1)
    ours, coco = (
        evaluate_coco_ap(truth, detections, iou_type),
        evaluate_coco(truth, detections, iou_type),
    )
    assert numbers(ours) == pytest.approx(numbers(coco), abs=1e-12)
    assert {i: row["name"] for i, row in ours["per_category"].items()} == {
        i: row["name"] for i, row in coco["per_category"].items()
    }
    assert 0 < ours["AP"] < 1


def scene(found):
    """One image with two bags and no shoe; found: (score, category, box)."""
    boxes = [[0, 0, 40, 40], [50, 50, 40, 40]]
    return (
        {
            "images": [{"id": 1, "width": 100, "height": 100}],
            "categories": [{"id": 7, "name": "bag"}, {"id": 9, "name": "shoe"}],
            "annotations": [
                {"id": 1 + i, "image_id": 1, "category_id": 7, "bbox": box, "area": 1600}
                for i, box in enumerate(boxes)
            ],
        },
        [
            {"image_id": 1, "category_id": category, "score": score, "bbox": box}
            for score, category, box in found
        ],
    )


def curves(*found):
    truth, detections = scene(found)
    return curves_of(truth, detections, "bbox")


def curves_of(*case):
    table = MatchTable.build(*case).top()
    return coco_curves(table, precision_tables(table, WITHOUT_F1))


def test_a_curve_by_hand():
    # Right, wrong, and right by an IoU of .9: recall .5 at precision 1, then recall 1 at precision
    # 2/3, at nine thresholds of ten.
    found = curves((0.9, 7, [0, 0, 40, 40]), (0.8, 7, [20, 20, 40, 40]), (0.7, 7, [50, 50, 40, 36]))
    high, low = [1.0] * 51, [2 / 3] * 50
    assert found["recalls"][:3] == [0, 0.01, 0.02] and len(found["recalls"]) == 101
    assert found["all"]["50"] == found["all"]["75"] == pytest.approx(high + low)
    assert found["all"]["mean"] == pytest.approx(high + [0.9 * value for value in low])


def test_curves_leave_out_categories_without_objects():
    found = curves((0.9, 7, [0, 0, 40, 40]), (0.9, 9, [0, 0, 40, 40]))
    assert found["per_category"] == {7: found["all"]}
    truth, detections = scene([(0.9, 9, [0, 0, 40, 40])])
    nothing = curves_of(truth | {"annotations": []}, detections, "bbox")
    assert nothing["per_category"] == {} and nothing["all"] == {
        name: [-1.0] * 101 for name in ("50", "75", "mean")
    }


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_ap_is_the_area_under_the_curves(random_case, iou_type):
    truth, detections = random_case(5)
    found = curves_of(truth, detections, iou_type)
    ap = evaluate_coco(truth, detections, iou_type)
    assert np.mean(found["all"]["mean"]) == pytest.approx(ap["AP"], abs=1e-12)
    assert np.mean(found["all"]["75"]) == pytest.approx(ap["AP75"], abs=1e-12)
    assert {i: np.mean(curve["50"]) for i, curve in found["per_category"].items()} == pytest.approx(
        {i: row["AP50"] for i, row in ap["per_category"].items() if row["AP50"] > -1}, abs=1e-12
    )


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_nothing_detected_and_nothing_to_detect(iou_type, random_case):
    truth, detections = random_case(1, images=3)
    for case in (
        (truth, []),
        (truth | {"annotations": []}, detections),
        (truth | {"annotations": []}, []),
    ):
        assert numbers(evaluate_coco_ap(*case, iou_type)) == numbers(evaluate_coco(*case, iou_type))
