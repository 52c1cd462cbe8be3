"""Matches and average precision of one image: pencil cases, pycocotools, the definition in loops,
and images without anything."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.evaluation import instance_ap
from mrcnn.evaluation.instance_ap import Comparison, compare, mask_overlaps, real_rows, recall


def scene(gt_boxes, pred_boxes, scores=None, gt_ids=None, pred_ids=None, size=20):
    """Arguments of `compare`, every mask its full box; all of class 1 and in order of score unless
    said otherwise."""

    def masks(boxes):
        out = np.zeros((size, size, len(boxes)), bool)
        for i, (y1, x1, y2, x2) in enumerate(boxes):
            out[y1:y2, x1:x2, i] = True
        return out

    n, m = len(pred_boxes), len(gt_boxes)
    gt_boxes, pred_boxes = (np.array(boxes, int).reshape(-1, 4) for boxes in (gt_boxes, pred_boxes))
    return (
        gt_boxes,
        np.ones(m, int) if gt_ids is None else np.array(gt_ids),
        masks(gt_boxes),
        pred_boxes,
        np.ones(n, int) if pred_ids is None else np.array(pred_ids),
        np.linspace(0.9, 0.1, n) if scores is None else np.array(scores),
        masks(pred_boxes),
    )


A, B = (0, 0, 10, 10), (10, 10, 20, 20)
ALMOST_A = (0, 0, 10, 8)  # IoU with A: 0.8


# Overlaps


def test_overlap_of_masks_by_hand():
    masks = np.zeros((4, 4, 3), np.uint8)
    masks[:2, :, 0], masks[1:3, :, 1] = 1, 1
    np.testing.assert_allclose(
        mask_overlaps(masks, masks), [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 0]]
    )


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_overlaps_agree_with_pycocotools_for_masks_of_any_type(rng, dtype):
    a, b = rng.random((60, 70, 5)) < 0.3, rng.random((60, 70, 8)) < 0.6
    encoded = [coco_mask.encode(np.asfortranarray(m.astype(np.uint8))) for m in (a, b)]
    np.testing.assert_allclose(
        mask_overlaps(a.astype(dtype), b.astype(dtype)), coco_mask.iou(*encoded, [0] * 8), rtol=1e-6
    )


def test_stripes_do_not_change_overlaps(rng, monkeypatch):
    a = rng.random((31, 17, 4)) < 0.5
    whole = mask_overlaps(a, a[:, :, :3])
    monkeypatch.setattr(instance_ap, "STRIPE_PIXELS", 100)
    np.testing.assert_array_equal(mask_overlaps(a, a[:, :, :3]), whole)


def test_no_masks_have_no_overlaps():
    assert mask_overlaps(np.zeros((4, 4, 0)), np.ones((4, 4, 2))).shape == (0, 2)
    assert mask_overlaps(np.ones((4, 4, 2)), np.zeros((0, 0, 0))).shape == (2, 0)


def test_masks_of_two_sizes_are_refused():
    with pytest.raises(
        ValueError, match=r"one canvas.*\(28, 28\) and \(64, 64\); mini-masks have to be expanded"
    ):
        mask_overlaps(np.ones((28, 28, 1)), np.ones((64, 64, 1)))


# Matches


def test_the_best_score_chooses_first_and_the_second_goes_without():
    gt_match, pred_match = compare(*scene([A], [ALMOST_A, A], scores=[0.9, 0.8])).matches()
    assert gt_match.tolist() == [0] and pred_match.tolist() == [0, -1]


def test_predictions_are_counted_in_order_of_score():
    comparison = compare(*scene([A, B], [A, B], scores=[0.1, 0.9], pred_ids=[1, 2], gt_ids=[1, 2]))
    gt_match, pred_match = comparison.matches()
    assert (
        comparison.pred_class_ids.tolist() == [2, 1]
        and gt_match.tolist() == [1, 0]
        and pred_match.tolist() == [1, 0]
    )


def test_of_equal_scores_the_first_counts_as_the_better():
    assert compare(*scene([A], [ALMOST_A, A], scores=[0.5, 0.5])).matches()[1].tolist() == [0, -1]


def test_an_object_that_is_taken_leaves_the_next_best():
    """The second prediction overlaps object 0 more, which the first has; it overlaps object 1 by
    half, and that is enough."""
    comparison = Comparison(
        np.array([1, 1]), np.array([1, 1]), np.float32([[0.9, 0.0], [0.8, 0.5]])
    )
    assert comparison.matches(0.5)[1].tolist() == [0, 1]
    assert comparison.matches(0.6)[1].tolist() == [0, -1]


def test_only_the_own_class_matches():
    assert compare(*scene([A], [A], pred_ids=[2])).matches()[1].tolist() == [-1]


@pytest.mark.parametrize("types", [(np.int32, np.int64), (np.uint8, np.int32)])
def test_class_ids_may_be_integers_of_any_kind(types):
    gt_boxes, gt_ids, gt_masks, *pred = scene([A], [A])
    pred[1] = pred[1].astype(types[1])
    assert compare(gt_boxes, gt_ids.astype(types[0]), gt_masks, *pred).average_precision()[0] == 1.0


def test_the_threshold_itself_is_a_match():
    comparison = Comparison(np.array([1]), np.array([1]), np.float32([[0.5]]))
    assert comparison.matches(0.5)[1].tolist() == [0] and comparison.matches(0.51)[1].tolist() == [
        -1
    ]
    assert comparison.matches(0.5, overlap_floor=0.6)[1].tolist() == [-1]


def matches_by_the_definition(gt_ids, pred_ids, overlaps, threshold):
    gt_match, pred_match = [-1] * len(gt_ids), [-1] * len(pred_ids)
    for i in range(len(pred_ids)):
        best = None
        for j in range(len(gt_ids)):
            if gt_match[j] < 0 and gt_ids[j] == pred_ids[i] and overlaps[i, j] >= threshold:
                if best is None or overlaps[i, j] > overlaps[i, best]:
                    best = j
        if best is not None:
            gt_match[best], pred_match[i] = i, best
    return gt_match, pred_match


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_matches_agree_with_the_definition(rng, threshold):
    for _ in range(20):
        gt_ids, pred_ids = (
            rng.integers(1, 4, rng.integers(0, 9)),
            rng.integers(1, 4, rng.integers(0, 30)),
        )
        overlaps = rng.random((len(pred_ids), len(gt_ids))).astype(np.float32)
        got = Comparison(gt_ids, pred_ids, overlaps).matches(threshold)
        assert tuple(m.tolist() for m in got) == matches_by_the_definition(
            gt_ids, pred_ids, overlaps, threshold
        )


# Padding


def test_rows_of_zeros_are_padding_wherever_they_are():
    boxes = np.array([A, (0, 0, 0, 0), B])
    gt_boxes, gt_ids, gt_masks, *pred = scene(boxes, [A, B], gt_ids=[1, 7, 2], pred_ids=[1, 2])
    comparison = compare(gt_boxes, gt_ids, gt_masks, *pred)
    assert comparison.gt_class_ids.tolist() == [1, 2] and comparison.average_precision()[0] == 1.0
    assert real_rows(boxes).tolist() == [0, 2]
    with pytest.raises(ValueError, match=r"two axes. Got shape \(4,\)"):
        real_rows(boxes[0])


def test_more_ids_and_masks_than_boxes_are_padding_too():
    gt_boxes, gt_ids, gt_masks, *pred = scene([A, B, (0, 0, 0, 0)], [A, B])
    assert compare(gt_boxes[:2], gt_ids, gt_masks, *pred).average_precision()[0] == 1.0


def test_a_box_without_its_own_mask_is_refused():
    gt_boxes, gt_ids, gt_masks, *pred = scene([A, B], [A])
    with pytest.raises(
        ValueError, match="ground truth needs .* Got 2 boxes, but 2 class ids, 1 masks"
    ):
        compare(gt_boxes, gt_ids, gt_masks[:, :, :1], *pred)
    with pytest.raises(
        ValueError, match="predictions needs .* Got 1 boxes, but 1 class ids, 1 masks, 0 scores"
    ):
        compare(gt_boxes, gt_ids, gt_masks, *pred[:2], [], pred[3])


# Average precision


def test_average_precision_by_hand():
    """Hit, miss, hit of three objects: precision 1 up to recall 1/3, 2/3 up to 2/3, and nothing
    beyond."""
    ap, precisions, recalls = Comparison(
        np.ones(3), np.array([1, 2, 1]), np.float32([[0.9, 0, 0], [0, 0.9, 0], [0, 0.9, 0]])
    ).average_precision()
    np.testing.assert_allclose(ap, 1 / 3 + 1 / 3 * 2 / 3)
    np.testing.assert_allclose(precisions, [1, 1, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(recalls, [0, 1 / 3, 1 / 3, 2 / 3, 1])


def test_finding_everything_is_1_and_nothing_0():
    assert compare(*scene([A, B], [A, B])).average_precision()[0] == 1.0
    assert compare(*scene([A, B], [(0, 10, 10, 20)])).average_precision()[0] == 0.0


def test_without_predictions_the_precision_is_0():
    ap, precisions, recalls = compare(*scene([A], [])).average_precision()
    assert ap == 0.0 and precisions.tolist() == [0, 0] and recalls.tolist() == [0, 1]


@pytest.mark.parametrize("predictions", [[], [A, B]])
def test_without_objects_there_is_no_average_precision(predictions, recwarn):
    ap, precisions, recalls = compare(*scene([], predictions)).average_precision()
    assert (
        np.isnan(ap)
        and len(precisions) == len(recalls) == len(predictions) + 2
        and not recwarn.list
    )


def test_empty_results_may_have_masks_of_no_size():
    gt_boxes, gt_ids, gt_masks, *_ = scene([A], [])
    nothing = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), np.zeros((0, 0, 0))
    assert compare(gt_boxes, gt_ids, gt_masks, *nothing).average_precision()[0] == 0.0


# Recall


def test_recall_by_hand():
    overlaps = np.float32([[0.9, 0.1], [0.6, 0.2], [0.3, 0.4]])
    share, positive = recall(overlaps, 0.5)
    assert share == 0.5 and positive.tolist() == [0, 1]
    assert recall(overlaps, 0.4)[0] == 1.0


def test_recall_of_nothing():
    assert recall(np.zeros((0, 3)), 0.5)[0] == 0.0
    assert np.isnan(recall(np.zeros((3, 0)), 0.5)[0])
