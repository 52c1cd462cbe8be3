"""Found objects: counted by hand, and by plain loops."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics import recall
from fashion.evaluation.metrics.registry import Inputs


def found_per_category(gt, detections, *, iou_type="segm", score_threshold=0.0):
    inputs = Inputs(gt, detections, score_threshold=score_threshold)
    if iou_type != "segm":
        inputs.confident_masks = MatchTable.build(gt, detections, iou_type).confident(
            score_threshold
        )
    return recall.recall(inputs)


def placed(image, category, box, **more):
    """box: xywh, whole pixels of a photo of 30 x 30."""
    x, y, w, h = box
    mask = np.zeros((30, 30), np.uint8, order="F")
    mask[y : y + h, x : x + w] = 1
    return {
        "image_id": image,
        "category_id": category,
        "bbox": list(box),
        "segmentation": coco_mask.encode(mask),
    } | more


def truth(*objects):
    return {
        "images": [{"id": i, "height": 30, "width": 30} for i in (1, 2)],
        "categories": [
            {"id": 0, "name": "shirt"},
            {"id": 5, "name": "shoe"},
            {"id": 7, "name": "umbrella"},
        ],
        "annotations": list(objects),
    }


LEFT, RIGHT = (0, 0, 10, 10), (15, 0, 10, 10)


def test_the_table_of_found_objects():
    gt = truth(placed(1, 5, LEFT), placed(1, 5, RIGHT), placed(2, 5, LEFT), placed(2, 0, LEFT))
    result = found_per_category(
        gt,
        [
            placed(1, 5, LEFT, score=0.9),
            placed(1, 5, (15, 0, 10, 4), score=0.9),
            placed(2, 0, LEFT, score=0.2),
        ],
    )
    assert result["per_category"] == {
        0: {
            "name": "shirt",
            "instances": 1,
            "found": 1,
            "missed": 0,
            "sensitivity": 1.0,
            "detections": 1,
        },
        5: {
            "name": "shoe",
            "instances": 3,
            "found": 1,
            "missed": 2,
            "sensitivity": 1 / 3,
            "detections": 2,
        },
        7: {
            "name": "umbrella",
            "instances": 0,
            "found": 0,
            "missed": 0,
            "sensitivity": -1.0,
            "detections": 0,
        },
    }
    assert (result["found"], result["missed"], result["instances"], result["sensitivity"]) == (
        2,
        2,
        4,
        0.5,
    )
    assert result["mean_sensitivity"] == pytest.approx((1 + 1 / 3) / 2)


@pytest.mark.parametrize(
    "detection, count",
    [
        (placed(1, 5, (0, 0, 10, 5), score=1.0), 1),  # IoU 1/2 is enough
        (placed(1, 5, (0, 0, 7, 7), score=1.0), 0),
        (placed(1, 0, LEFT, score=1.0), 0),  # another category
        (placed(2, 5, LEFT, score=1.0), 0),  # another photo
        (placed(1, 5, LEFT, score=0.4), 0),
    ],
)  # unsure
def test_what_counts_as_found(detection, count):
    for iou_type in ("segm", "bbox"):
        assert (
            found_per_category(
                truth(placed(1, 5, LEFT)), [detection], score_threshold=0.5, iou_type=iou_type
            )["found"]
            == count
        )


def test_one_detection_finds_one_object():
    gt = truth(placed(1, 5, LEFT), placed(1, 5, (0, 0, 10, 9)))
    assert found_per_category(gt, [placed(1, 5, LEFT, score=0.9)])["found"] == 1
    assert (
        found_per_category(gt, [placed(1, 5, LEFT, score=0.9)] * 2)["found"] == 2
    )  # a tie: each takes one


def test_boxes_are_compared_without_masks():
    """IoU 5/10, and 4.9/10, which whole pixels could not tell apart."""
    gt = {
        "images": [{"id": 1}],
        "categories": [{"id": 5, "name": "shoe"}],
        "annotations": [{"image_id": 1, "category_id": 5, "bbox": [0, 0, 10, 10]}],
    }
    for height, count in ((5, 1), (4.9, 0)):
        detection = {"image_id": 1, "category_id": 5, "bbox": [0, 0, 10, height], "score": 0.9}
        assert found_per_category(gt, [detection], iou_type="bbox")["found"] == count


def test_the_edges():
    assert (
        found_per_category(truth(), [])["sensitivity"] == -1
        and found_per_category(truth(), [])["mean_sensitivity"] == -1
    )
    assert found_per_category(truth(placed(1, 5, LEFT)), [])["sensitivity"] == 0
    assert (
        found_per_category(truth(), [placed(1, 5, LEFT, score=0.9)])["per_category"][5][
            "detections"
        ]
        == 1
    )
    assert found_per_category(truth(placed(1, 5, LEFT, iscrowd=1)), [])["instances"] == 0
    with pytest.raises(ValueError, match="iou_type"):
        found_per_category(truth(), [], iou_type="mask")


def test_the_counts_agree_with_plain_loops():
    rng = np.random.default_rng(3)

    def some(number, **more):
        return [
            placed(
                int(rng.integers(1, 3)),
                int(rng.choice([0, 5])),
                (*rng.integers(0, 6, 2).tolist(), *rng.integers(8, 12, 2).tolist()),
                **{key: float(value()) for key, value in more.items()},
            )
            for _ in range(number)
        ]

    objects, said = some(12), some(16, score=lambda: rng.integers(0, 4) / 4)
    free, expected = list(range(len(objects))), 0
    for d in sorted(said, key=lambda d: -d["score"]):
        best, best_iou = None, 0
        for i in free:
            a = objects[i]
            if (a["image_id"], a["category_id"]) != (d["image_id"], d["category_id"]):
                continue
            p, q = (coco_mask.decode(row["segmentation"]) > 0 for row in (a, d))
            if (p & q).sum() / (p | q).sum() > best_iou:
                best, best_iou = i, (p & q).sum() / (p | q).sum()
        if best_iou >= 0.5:
            free.remove(best)
            expected += 1
    for iou_type in ("segm", "bbox"):  # the masks fill their boxes
        assert found_per_category(truth(*objects), said, iou_type=iou_type)["found"] == expected
    assert 0 < expected < 12
