"""Kaggle's scores: by hand, against plain loops, and at the edges."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics import kaggle
from fashion.evaluation.metrics.kaggle import (
    THRESHOLDS,
    counts_2019,
    precision_2020,
)


def score_2019(gt, detections):
    return kaggle.score_2019(MatchTable.build(gt, detections))


def score_2020(gt, detections):
    return kaggle.score_2020(MatchTable.build(gt, detections))


SIZE_HW = (20, 20)


def rle_of(y1, x1, y2, x2):
    mask = np.zeros(SIZE_HW, np.uint8, order="F")
    mask[y1:y2, x1:x2] = 1
    return coco_mask.encode(mask)


def truth(*objects, images=(1,)):
    return {
        "images": [{"id": i, "height": 20, "width": 20} for i in images],
        "categories": [{"id": i} for i in range(50)],
        "attributes": [{"id": i} for i in range(400)],
        "annotations": [
            {
                "id": n,
                "image_id": i,
                "category_id": c,
                "segmentation": rle_of(*box),
                "attribute_ids": ids,
            }
            for n, (i, c, box, ids) in enumerate(objects, start=1)
        ],
    }


def found(*rows):
    return [
        {
            "image_id": i,
            "category_id": c,
            "segmentation": rle_of(*box),
            "score": score,
            "attribute_ids": ids,
        }
        for i, c, box, score, ids in rows
    ]


LEFT, RIGHT = (0, 0, 10, 10), (0, 10, 10, 20)
SEVEN_TENTHS = (0, 0, 10, 7)  # IoU 0.7 with LEFT: four thresholds lie under it, .50 .55 .60 .65


def numbers_2019(result):
    return result["mean_over_images_and_classes"], result["pooled"]


def test_the_thresholds_are_exact():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


# 2019


def test_2019_counts_hits_misses_and_false_alarms():
    result = score_2019(
        truth((1, 0, LEFT, []), (1, 5, RIGHT, [])),
        found((1, 0, SEVEN_TENTHS, 0.9, []), (1, 7, RIGHT, 0.8, [])),
    )
    assert result["tp"] == [1] * 4 + [0] * 6
    assert result["fp"] == [1] * 4 + [2] * 6 and result["fn"] == [1] * 4 + [2] * 6
    # Class 0: 1 at four thresholds, classes 5 and 7: 0. Pooled: 1 of 3 at four thresholds.
    assert numbers_2019(result) == (pytest.approx(0.4 / 3), pytest.approx(0.4 / 3))


def test_2019_its_two_levels_differ():
    gt = truth(
        (1, 0, LEFT, []), (2, 0, LEFT, []), (2, 5, RIGHT, []), (2, 6, RIGHT, []), images=(1, 2)
    )
    # Image 1: 1. Image 2: 0 for each of three classes. Pooled: 1 of 4.
    assert numbers_2019(score_2019(gt, found((1, 0, LEFT, 0.9, [])))) == (0.5, 0.25)


@pytest.mark.parametrize(
    "said, score", [([3, 7], 1), ([7, 3], 1), ([3], 0), ([], 0), ([3, 7, 9], 0)]
)
def test_2019_a_match_needs_the_whole_class_id(said, score):
    assert numbers_2019(
        score_2019(truth((1, 0, LEFT, [3, 7])), found((1, 0, LEFT, 0.9, said)))
    ) == (score, score)


def test_an_iou_of_exactly_the_threshold_is_no_hit():
    half = found((1, 0, (0, 0, 10, 5), 0.9, []))
    assert score_2019(truth((1, 0, LEFT, [])), half)["tp"] == [0] * 10
    assert score_2020(truth((1, 0, LEFT, [])), half)["score"] == 0
    assert (
        score_2019(truth((1, 0, LEFT, [])), found((1, 0, (0, 0, 10, 6), 0.9, [])))["tp"]
        == [1, 1] + [0] * 8
    )  # IoU 0.6, not 3 hits


# 2020


def test_2020_is_the_share_of_hits_among_the_detections():
    gt = truth((1, 0, LEFT, [1, 2]), (1, 5, RIGHT, []), (1, 6, RIGHT, []))
    # F1 of {1} and {1, 2} is 2/3: four thresholds lie under it. IoU 0.7: four as well. So 16 of 100
    # pairs.
    result = score_2020(gt, found((1, 0, SEVEN_TENTHS, 0.9, [1])))
    assert result["score"] == pytest.approx(0.16)  # what is missed costs nothing
    assert np.array_equal(
        np.array(result["precision"]) > 0, np.outer(np.arange(10) < 4, np.arange(10) < 4)
    )
    # Two false alarms more: a third.
    assert score_2020(
        gt, found((1, 0, SEVEN_TENTHS, 0.9, [1]), (1, 1, LEFT, 0.8, []), (1, 5, LEFT, 0.7, []))
    )["score"] == pytest.approx(0.16 / 3)


def test_2020_asks_for_no_f1_where_the_object_has_no_attributes():
    assert score_2020(truth((1, 0, LEFT, [])), found((1, 0, LEFT, 0.9, [4, 5])))["score"] == 1
    assert score_2020(truth((1, 0, LEFT, [4])), found((1, 0, LEFT, 0.9, [])))["score"] == 0


def test_2020_an_f1_of_exactly_the_threshold_is_no_hit():
    # F1 of {1} and {1, 2, 3} is 1/2.
    assert score_2020(truth((1, 0, LEFT, [1, 2, 3])), found((1, 0, LEFT, 0.9, [1])))["score"] == 0


def test_2020_needs_the_same_category():
    assert score_2020(truth((1, 0, LEFT, [])), found((1, 1, LEFT, 0.9, [])))["score"] == 0


def test_2020_is_the_mean_over_the_images():
    gt = truth((1, 0, LEFT, []), (2, 0, LEFT, []), images=(1, 2))
    result = score_2020(
        gt, found((1, 0, LEFT, 0.9, []), (2, 0, LEFT, 0.9, []), (2, 0, RIGHT, 0.9, []))
    )
    assert (result["score"], result["images"], result["images_without_detections"]) == (
        pytest.approx(0.75),
        2,
        0,
    )


# Both


def test_an_object_is_hit_once():
    gt, twice = truth((1, 0, LEFT, [])), found((1, 0, LEFT, 0.9, []), (1, 0, LEFT, 0.9, []))
    assert (
        numbers_2019(score_2019(gt, twice)) == (0.5, 0.5) and score_2020(gt, twice)["score"] == 0.5
    )


def test_a_detection_that_may_not_hit_the_nearest_object_hits_the_next():
    gt = truth((1, 0, LEFT, [1]), (1, 0, (0, 0, 10, 9), [2]))
    assert score_2020(gt, found((1, 0, LEFT, 0.9, [2])))["score"] == pytest.approx(
        8 / 10
    )  # by IoU 0.9 with the second
    assert score_2019(gt, found((1, 0, LEFT, 0.9, [2])))["tp"] == [1] * 8 + [0, 0]


def test_a_detection_hits_the_object_that_it_overlaps_most():
    # The whole overlaps A by 1 and B by .8; the half overlaps B by 5/8 and A by exactly 1/2, too
    # little.
    a, b = (1, 0, LEFT, []), (1, 0, (0, 0, 10, 8), [])
    detections = found((1, 0, LEFT, 0.9, []), (1, 0, (0, 0, 10, 5), 0.8, []))
    for objects in ([a, b], [b, a]):
        assert score_2019(truth(*objects), detections)["tp"] == [2] * 3 + [1] * 7
        assert score_2020(truth(*objects), detections)["score"] == pytest.approx(
            (3 * 1 + 7 * 0.5) / 10
        )


def test_the_surer_detection_chooses_first():
    # Nine columns overlap A by .9 and B by 8/9; ten overlap A by 1 and B by .8. Above .8 both can
    # be hits only if the ten take A.
    gt = truth((1, 0, LEFT, []), (1, 0, (0, 0, 10, 8), []))
    nine, ten = (0, 0, 10, 9), LEFT
    for first, tp in ((nine, [2] * 6 + [1] * 4), (ten, [2] * 8 + [1] * 2)):
        second = ten if first is nine else nine
        rows = [(1, 0, second, 0.5, []), (1, 0, first, 0.9, [])]
        assert score_2019(gt, found(*rows))["tp"] == tp
        equal = [(1, 0, first, 0.5, []), (1, 0, second, 0.5, [])]  # a tie: the order of the list
        assert score_2019(gt, found(*equal))["tp"] == tp


def test_nothing_said_and_nothing_there():
    nothing, one = truth(), truth((1, 0, LEFT, []))
    assert numbers_2019(score_2019(nothing, [])) == (1, 1) and score_2020(nothing, [])["score"] == 1
    assert numbers_2019(score_2019(one, [])) == (0, 0)
    assert (
        score_2020(one, [])["score"] == 0 and score_2020(one, [])["images_without_detections"] == 1
    )
    alarm = found((1, 0, LEFT, 0.9, []))
    assert (
        numbers_2019(score_2019(nothing, alarm)) == (0, 0)
        and score_2020(nothing, alarm)["score"] == 0
    )
    assert (
        numbers_2019(score_2019(truth(images=()), [])) == (0, 1)
        and score_2020(truth(images=()), [])["score"] == 0
    )


def test_a_detection_of_an_unknown_image_is_refused():
    for score in (score_2019, score_2020):
        with pytest.raises(ValueError, match="1 image that the ground truth does not list: 7"):
            score(truth((1, 0, LEFT, [])), found((7, 0, LEFT, 0.9, [])))


# One image, in arrays


def test_2020_of_arrays_by_hand():
    # IoU .72 lies above five thresholds, F1 .6 above two: 10 of the 100 pairs are hits of the one
    # detection of two.
    iou, f1 = np.array([[0.72, 0], [0, 0.3]]), np.array([[0.6, 0], [0, 1]])
    assert np.array_equal(
        precision_2020(iou, np.ones((2, 2), bool), f1),
        np.outer(np.arange(10) < 5, np.arange(10) < 2) / 2,
    )
    assert precision_2020(iou, np.zeros((2, 2), bool), f1).sum() == 0


def test_2020_of_arrays_a_better_overlap_without_the_attributes_leaves_the_object_to_the_next():
    # Both overlap the one object; the first has an F1 of .52: it takes the object at nine IoUs, but
    # at the lowest F1 only.
    hit = (
        precision_2020(
            np.array([[0.92], [0.62]]), np.ones((2, 1), bool), np.array([[0.52], [np.inf]])
        )
        * 2
    )
    expected = np.outer(np.arange(10) < 3, np.ones(10))  # the second: three IoUs, whatever the F1
    expected[:9, 0] = 1
    assert np.array_equal(hit, expected)


@pytest.mark.parametrize("shape, value", [((0, 0), 1), ((0, 3), 0), ((2, 0), 0)])
def test_2020_of_empty_arrays(shape, value):
    precision = precision_2020(np.zeros(shape), np.zeros(shape, bool), np.zeros(shape))
    assert precision.shape == (10, 10) and (precision == value).all()


def test_2019_of_arrays_by_hand():
    tp, fp, fn = counts_2019(
        np.array([[0.72, 0.9], [0, 0.6]]), np.array([0, 2]), np.array([0, 1]), 3
    )
    assert tp.tolist() == [[1, 0, 0]] * 5 + [[0, 0, 0]] * 5
    assert fp.tolist() == [[0, 0, 1]] * 5 + [[1, 0, 1]] * 5
    assert fn.tolist() == [[0, 1, 0]] * 5 + [[1, 1, 0]] * 5


def test_2019_of_empty_arrays():
    none = np.zeros(0, int)
    assert counts_2019(np.zeros((0, 0)), none, none, 0).shape == (3, 10, 0)
    assert counts_2019(np.zeros((0, 1)), none, np.array([1]), 2)[:, 0].tolist() == [
        [0, 0],
        [0, 0],
        [0, 1],
    ]
    assert counts_2019(np.zeros((1, 0)), np.array([0]), none, 2)[:, 0].tolist() == [
        [0, 0],
        [1, 0],
        [0, 0],
    ]


# Plain loops, pixel by pixel, one threshold at a time


def slow_scores(gt, detections):
    per_image_2019, per_image_2020, pooled = [], [], {t: [0, 0] for t in THRESHOLDS}
    for image in gt["images"]:
        objects = [a for a in gt["annotations"] if a["image_id"] == image["id"]]
        said = sorted(
            (d for d in detections if d["image_id"] == image["id"]), key=lambda d: -d["score"]
        )
        pixels = {id(x): coco_mask.decode(x["segmentation"]) > 0 for x in objects + said}

        def iou(a, b, pixels=pixels):
            return (pixels[id(a)] & pixels[id(b)]).sum() / (pixels[id(a)] | pixels[id(b)]).sum()

        def name(x):
            return "_".join(map(str, [x["category_id"], *sorted(x["attribute_ids"])]))

        def hits(said, objects, allowed, t, iou=iou):
            taken, count = [], 0
            for d in said:
                best = None
                for a in objects:
                    if (
                        not any(a is b for b in taken)
                        and iou(d, a) > t
                        and allowed(d, a)
                        and (best is None or iou(d, a) > iou(d, best))
                    ):
                        best = a
                if best is not None:
                    taken.append(best)
                    count += 1
            return count

        classes = {name(x) for x in objects + said}
        scores = []
        for c in classes:
            mine, theirs = [d for d in said if name(d) == c], [a for a in objects if name(a) == c]
            for t in THRESHOLDS:
                tp = hits(mine, theirs, lambda d, a: True, t)
                scores.append(tp / (len(mine) + len(theirs) - tp))
                pooled[t][0] += tp
                pooled[t][1] += len(mine) + len(theirs) - tp
        per_image_2019.append(sum(scores) / len(scores) if scores else 1)
        scores = []
        for t in THRESHOLDS:
            for u in THRESHOLDS:

                def allowed(d, a, u=u):
                    x, y = set(d["attribute_ids"]), set(a["attribute_ids"])
                    return d["category_id"] == a["category_id"] and (
                        not y or 2 * len(x & y) / (len(x) + len(y)) > u
                    )

                scores.append(
                    hits(said, objects, allowed, t) / len(said) if said else float(not objects)
                )
        per_image_2020.append(sum(scores) / 100)
    return (
        np.mean(per_image_2019),
        np.mean([tp / n for tp, n in pooled.values()]),
        np.mean(per_image_2020),
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_scores_agree_with_plain_loops(seed):
    rng = np.random.default_rng(seed)

    def attributes():
        return rng.choice(4, rng.integers(0, 4), replace=False).tolist()

    objects, rows = [], []
    for image in range(5):
        for _ in range(rng.integers(0, 5)):
            y, x = rng.integers(0, 8, 2).tolist()
            box, category, ids = [y, x, y + 10, x + 10], int(rng.integers(0, 2)), attributes()
            objects.append((image, category, box, ids))
            for _ in range(rng.integers(0, 4)):
                moved = np.add(box, rng.integers(-1, 2, 4)).clip(0, 20).tolist()
                rows.append(
                    (
                        image,
                        category,
                        moved,
                        float(rng.integers(0, 3)),
                        ids if rng.random() < 0.5 else attributes(),
                    )
                )
    gt, detections = truth(*objects, images=range(5)), found(*rows)
    expected = slow_scores(gt, detections)
    assert 0 < expected[0] < 1 and 0 < expected[2] < 1
    assert (
        *numbers_2019(score_2019(gt, detections)),
        score_2020(gt, detections)["score"],
    ) == pytest.approx(expected)
