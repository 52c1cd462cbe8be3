"""Pixels: label maps that can be drawn on paper, and plain loops."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics import pixels
from fashion.evaluation.metrics.pixels import label_map


def score_pixels(gt, detections, score_threshold=0.5):
    return pixels.score_pixels(MatchTable.build(gt, detections).confident(score_threshold))


def masked(pixels, category, score=None):
    """pixels: rows of text, '#' is the mask."""
    mask = np.asfortranarray([[c == "#" for c in row] for row in pixels], np.uint8)
    return {"image_id": 1, "category_id": category, "segmentation": coco_mask.encode(mask)} | (
        {} if score is None else {"score": score}
    )


def truth(*objects, size_hw=(2, 4), images=(1,)):
    return {
        "images": [{"id": i, "height": size_hw[0], "width": size_hw[1]} for i in images],
        "categories": [
            {"id": 10, "name": "coat"},
            {"id": 20, "name": "pocket"},
            {"id": 30, "name": "hat"},
        ],
        "annotations": list(objects),
    }


LABELS = {10: 1, 20: 2, 30: 3}


def test_the_smallest_mask_lies_on_top():
    coat, pocket = masked(["####", "####"], 10), masked(["....", ".##."], 20)
    for rows in ([coat, pocket], [pocket, coat]):
        assert label_map(rows, LABELS, (2, 4)).tolist() == [[1, 1, 1, 1], [1, 2, 2, 1]]


def test_of_equal_areas_the_surer_one_lies_on_top_then_the_later():
    a, b = ["##..", "...."], [".##.", "...."]
    assert label_map([masked(a, 10, 0.9), masked(b, 20, 0.8)], LABELS, (2, 4))[0].tolist() == [
        1,
        1,
        2,
        0,
    ]
    assert label_map([masked(a, 10, 0.8), masked(b, 20, 0.8)], LABELS, (2, 4))[0].tolist() == [
        1,
        2,
        2,
        0,
    ]
    assert label_map([masked(a, 10), masked(b, 20)], LABELS, (2, 4))[0].tolist() == [1, 2, 2, 0]


def test_the_scores_of_eight_pixels():
    # real: c c . .    said: c p p .
    #       c p . .          c p . .
    gt = truth(masked(["##..", "##.."], 10), masked(["....", ".#.."], 20))
    scores = score_pixels(
        gt, [masked(["#...", "#..."], 10, 0.9), masked([".##.", ".#.."], 20, 0.9)]
    )
    assert scores["pixel_accuracy"] == 6 / 8
    assert (scores["foreground_iou"], scores["background_iou"]) == (4 / 5, 3 / 4)
    assert scores["binary_iou"] == pytest.approx((4 / 5 + 3 / 4) / 2)
    assert scores["per_category"] == {
        10: {"name": "coat", "iou": 2 / 3, "pixels": 3},
        20: {"name": "pocket", "iou": 1 / 3, "pixels": 1},
        30: {"name": "hat", "iou": -1.0, "pixels": 0},
    }
    assert scores["mean_iou"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert scores["mean_iou_with_background"] == pytest.approx((2 / 3 + 1 / 3 + 3 / 4) / 3)
    assert scores["pixels"] == 8


def test_the_edges():
    coat = masked(["####", "####"], 10)
    missed = score_pixels(truth(coat), [])
    assert (
        missed["pixel_accuracy"],
        missed["foreground_iou"],
        missed["background_iou"],
        missed["mean_iou"],
    ) == (0, 0, 0, 0)
    alarm = score_pixels(truth(), [coat | {"score": 1.0}])
    assert (alarm["pixel_accuracy"], alarm["binary_iou"], alarm["mean_iou"]) == (0, 0, 0)
    nothing = score_pixels(truth(), [])
    assert (
        nothing["pixel_accuracy"],
        nothing["foreground_iou"],
        nothing["background_iou"],
        nothing["binary_iou"],
    ) == (1, -1, 1, 1)
    assert score_pixels(truth(images=()), [])["pixel_accuracy"] == -1
    assert (
        score_pixels(truth(coat), [coat | {"score": 1.0}])["binary_iou"] == 1
    )  # no background anywhere
    assert score_pixels(truth(coat), [coat | {"score": 0.49}])["pixel_accuracy"] == 0
    half = score_pixels(truth(coat, images=(1, 2)), [coat | {"score": 1.0, "image_id": 2}])
    assert half["pixel_accuracy"] == 0


def test_a_mask_must_fit_its_photo_and_a_photo_must_be_known():
    with pytest.raises(ValueError, match="mask of 2x4 belongs to an image of 3x4"):
        score_pixels(truth(masked(["####", "####"], 10), size_hw=(3, 4)), [])
    with pytest.raises(ValueError, match="1 image that the ground truth does not list: 5"):
        score_pixels(truth(), [masked(["####", "####"], 10, 0.9) | {"image_id": 5}])


def test_the_scores_agree_with_plain_loops():
    rng = np.random.default_rng(0)
    size_hw = (7, 9)

    def some(image, scored):
        rows = []
        for _ in range(rng.integers(0, 5)):
            y1, x1 = rng.integers(0, 6, 2)
            mask = np.zeros(size_hw, np.uint8, order="F")
            mask[y1 : y1 + rng.integers(1, 7), x1 : x1 + rng.integers(1, 7)] = 1
            rows.append(
                {
                    "image_id": image,
                    "category_id": int(rng.choice([10, 20, 30])),
                    "segmentation": coco_mask.encode(mask),
                    "mask": mask,
                }
                | ({"score": float(rng.integers(1, 4)) / 3} if scored else {})
            )
        return rows

    objects = [row for i in range(8) for row in some(i, False)]
    said = [row for i in range(8) for row in some(i, True)]
    pairs = []  # (real, said) of every pixel
    for image in range(8):
        for y in range(size_hw[0]):
            for x in range(size_hw[1]):
                top = []
                for rows in (objects, [row for row in said if row["score"] >= 0.5]):
                    here = [
                        (row["mask"].sum(), -row.get("score", 0), -n, row["category_id"])
                        for n, row in enumerate(rows)
                        if row["image_id"] == image and row["mask"][y, x]
                    ]
                    top.append(min(here)[-1] if here else 0)
                pairs.append(tuple(top))

    def iou(real, said):
        return sum(a in real and b in said and (a == b or len(real) > 1) for a, b in pairs) / sum(
            a in real or b in said for a, b in pairs
        )

    scores = score_pixels(truth(*objects, size_hw=size_hw, images=range(8)), said)
    assert scores["pixel_accuracy"] == sum(a == b for a, b in pairs) / len(pairs)
    assert scores["foreground_iou"] == iou({10, 20, 30}, {10, 20, 30}) and scores[
        "background_iou"
    ] == iou({0}, {0})
    assert [scores["per_category"][c]["iou"] for c in (10, 20, 30)] == [
        iou({c}, {c}) for c in (10, 20, 30)
    ]
