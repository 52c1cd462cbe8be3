"""CorLoc and weighted AP: by hand, and by plain loops."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.corloc import corloc_scores


def corloc(gt, detections, **options):
    return corloc_scores(MatchTable.build(gt, detections, "bbox"), **options)


def boxed(image, category, box, score=None, number=1):
    return {"id": number, "image_id": image, "category_id": category, "bbox": list(box)} | (
        {"iscrowd": 0, "area": box[2] * box[3]} if score is None else {"score": score}
    )


def truth(*objects, images=(1, 2, 3)):
    return {
        "images": [{"id": i, "height": 100, "width": 100} for i in images],
        "categories": [
            {"id": 0, "name": "shirt"},
            {"id": 5, "name": "shoe"},
            {"id": 7, "name": "umbrella"},
        ],
        "annotations": [row | {"id": n} for n, row in enumerate(objects, start=1)],
    }


HERE, THERE = (0, 0, 10, 10), (50, 50, 10, 10)


def test_corloc_is_the_share_of_photos_where_a_box_is_right():
    gt = truth(boxed(1, 5, HERE), boxed(1, 5, THERE), boxed(2, 5, HERE), boxed(3, 0, HERE))
    result = corloc(
        gt, [boxed(1, 5, THERE, 0.9), boxed(2, 5, THERE, 0.9), boxed(3, 0, (0, 0, 10, 5), 0.9)]
    )  # the last: IoU 1/2
    rows = result["per_category"]
    assert (rows[5]["images"], rows[5]["located"], rows[5]["corloc"], rows[5]["instances"]) == (
        2,
        1,
        0.5,
        3,
    )
    assert rows[0]["corloc"] == 1 and rows[7]["corloc"] == rows[7]["ap"] == -1
    assert result["mean_corloc"] == 0.75 and result["weighted_corloc"] == pytest.approx(
        (2 * 0.5 + 1 * 1) / 3
    )
    # Shoes: the two detections tie; the one of image 1 is right and comes first, so precision is 1
    # up to recall 1/3, and 34 of COCO's 101 recall points lie there.
    assert rows[5]["ap"] == pytest.approx(34 / 101) and rows[0]["ap"] == pytest.approx(1)
    assert result["mean_ap"] == pytest.approx((34 / 101 + 1) / 2) and result[
        "weighted_ap"
    ] == pytest.approx((3 * 34 / 101 + 1) / 4)


def test_only_the_five_best_of_a_photo_and_category_count():
    gt = truth(boxed(1, 5, HERE))
    wrong = [boxed(1, 5, THERE, 0.9 - i / 100) for i in range(5)]
    right = boxed(1, 5, HERE, 0.1)
    assert corloc(gt, wrong[:4] + [right])["mean_corloc"] == 1
    assert corloc(gt, [right] + wrong)["mean_corloc"] == 0
    assert corloc(gt, [right] + wrong, top=6)["mean_corloc"] == 1
    others = [row | {"category_id": 0} for row in wrong] + [row | {"image_id": 2} for row in wrong]
    assert corloc(gt, others + [right])["mean_corloc"] == 1
    tie = [row | {"score": 0.1} for row in wrong]
    assert (
        corloc(gt, [right] + tie)["mean_corloc"] == 1
        and corloc(gt, tie + [right])["mean_corloc"] == 0
    )


def test_the_edges():
    assert (
        corloc(truth(boxed(1, 5, HERE)), [])["mean_corloc"]
        == corloc(truth(boxed(1, 5, HERE)), [])["mean_ap"]
        == 0
    )
    nothing = corloc(truth(), [boxed(1, 5, HERE, 0.9)])
    assert [
        nothing[key] for key in ("mean_corloc", "weighted_corloc", "mean_ap", "weighted_ap")
    ] == [-1] * 4
    with pytest.raises(ValueError, match="at least 1"):
        corloc(truth(), [], top=0)
    with pytest.raises(ValueError, match="1 image that the ground truth does not list: 9"):
        corloc(truth(), [boxed(9, 5, HERE, 0.9)])


def test_a_detection_without_a_box_has_that_of_its_mask():
    mask = np.zeros((100, 100), np.uint8, order="F")
    mask[0:10, 0:10] = 1
    detection = {
        "image_id": 1,
        "category_id": 5,
        "score": 0.9,
        "segmentation": coco_mask.encode(mask),
    }
    result = corloc(truth(boxed(1, 5, HERE)), [detection])
    assert (result["mean_corloc"], result["mean_ap"]) == (1, pytest.approx(1))


def test_corloc_agrees_with_plain_loops():
    rng = np.random.default_rng(1)

    def some(number, scored):
        return [
            boxed(
                int(rng.integers(1, 9)),
                int(rng.choice([0, 5])),
                (*rng.integers(0, 6, 2).tolist(), *rng.integers(9, 14, 2).tolist()),
                float(rng.integers(0, 5)) if scored else None,
            )
            for _ in range(number)
        ]

    objects, said = some(14, False), some(40, True)
    result = corloc(truth(*objects, images=range(1, 9)), said, top=2)
    all_located = all_shown = 0
    for category in (0, 5):
        located = shown = 0
        for image in range(1, 9):
            real = [
                o["bbox"] for o in objects if (o["image_id"], o["category_id"]) == (image, category)
            ]
            best = sorted(
                (d for d in said if (d["image_id"], d["category_id"]) == (image, category)),
                key=lambda d: -d["score"],
            )[:2]
            right = False
            for x, y, w, h in real:
                for d in best:
                    u, v, s, t = d["bbox"]
                    common = max(0, min(x + w, u + s) - max(x, u)) * max(
                        0, min(y + h, v + t) - max(y, v)
                    )
                    right |= common / (w * h + s * t - common) >= 0.5
            shown += bool(real)
            located += right
        assert (
            result["per_category"][category]["images"],
            result["per_category"][category]["located"],
        ) == (shown, located)
        all_located, all_shown = all_located + located, all_shown + shown
    assert 0 < all_located < all_shown
