"""Non-maximum suppression: by hand, and the greedy loop over boxes as the oracle, also across
blocks and with ties.
"""

import numpy as np
import pytest

from mrcnn.inference.fusion import FusionSettings, fuse
from mrcnn.ops.nms import BLOCK, SOFT_METHODS, non_max_suppression, soft_non_max_suppression


def iou(a, b):
    """One box with many, float32 as in the op, so that both see the same rounding."""
    low, high = np.maximum(a[:2], b[:, :2]), np.minimum(a[2:], b[:, 2:])
    intersection = np.maximum(high - low, 0).prod(axis=1)
    return intersection / np.maximum(
        (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(axis=1) - intersection, np.float32(1e-7)
    )


def greedy(boxes, scores, valid, iou_threshold, count, class_ids=None):
    """The definition: take the best box left, drop what overlaps it, and so on. Of equal scores the
    first counts as better.
    """
    class_ids = np.zeros(len(boxes)) if class_ids is None else class_ids
    left, kept = [i for i in np.argsort(-scores, kind="stable") if valid[i]], []
    while left and len(kept) < count:
        best, *left = left
        kept.append(best)
        if left:
            beaten = (iou(boxes[best], boxes[left]) > iou_threshold) & (
                class_ids[left] == class_ids[best]
            )
            left = [i for i, gone in zip(left, beaten) if not gone]
    return kept


def by_class(run, boxes, scores, valid, class_ids, **settings):
    def op(boxes, scores, valid, class_ids):
        return non_max_suppression(boxes, scores, valid, class_ids=class_ids, **settings)

    return run(op, boxes, scores, valid, class_ids)


def chosen(index, kept):
    """Indices of the kept rows of each image; padding must come last."""
    assert (np.diff(kept.astype(int), axis=1) <= 0).all()
    return [row[k].tolist() for row, k in zip(index, kept)]


def stairs(n):
    """n boxes of height 10, each 2 lower than the one before: neighbours overlap by 2/3, next but
    one by 3/7.
    """
    top = 2 * np.arange(n, dtype=np.float32)
    return np.stack([top, 0 * top, top + 10, 0 * top + 10], axis=1)[None]


def test_a_worse_box_that_overlaps_goes(run):
    boxes = [[[0, 0, 10, 10], [0, 1, 10, 11], [0, 20, 10, 30.0]]]
    index, kept = run(
        non_max_suppression,
        boxes,
        [[0.5, 0.9, 0.1]],
        [[True] * 3],
        iou_threshold=0.5,
        max_outputs=3,
    )
    assert index.dtype == np.int32 and chosen(index, kept) == [[1, 2]]


def test_an_iou_of_exactly_the_threshold_stays(run):
    boxes = [[[0, 0, 2, 2], [0, 0, 1, 2.0]]]
    settings = {"max_outputs": 2, "iou_threshold": 0.5}
    assert chosen(*run(non_max_suppression, boxes, [[0.9, 0.8]], [[True] * 2], **settings)) == [
        [0, 1]
    ]


def test_a_beaten_box_beats_nobody(run):
    index, kept = run(
        non_max_suppression,
        stairs(4),
        [[0.9, 0.8, 0.7, 0.6]],
        [[True] * 4],
        iou_threshold=0.5,
        max_outputs=4,
    )
    assert chosen(index, kept) == [[0, 2]]


def test_a_chain_longer_than_a_block_is_settled(run):
    n = BLOCK + 90
    scores, valid = np.linspace(1, 0.1, n)[None], np.ones((1, n), bool)
    index, kept = run(
        non_max_suppression, stairs(n), scores, valid, iou_threshold=0.5, max_outputs=n
    )
    assert chosen(index, kept) == [list(range(0, n, 2))]


def test_padding_is_neither_kept_nor_beats_anyone(run):
    boxes = np.tile(np.float32([0, 0, 9, 9]), (1, 3, 1))
    index, kept = run(
        non_max_suppression,
        boxes,
        [[0.9, 0.5, 0.4]],
        [[False, True, True]],
        iou_threshold=0.5,
        max_outputs=3,
    )
    assert chosen(index, kept) == [[1]]


def test_scores_may_be_negative(run):
    boxes = [[[0, 0, 9, 9], [0, 0, 9, 8], [50, 50, 59, 59.0], [80, 80, 89, 89]]]
    index, kept = run(
        non_max_suppression,
        boxes,
        [[-7.0, -3.0, -0.5, -2.0]],
        [[True, True, True, False]],
        iou_threshold=0.5,
        max_outputs=4,
    )
    assert chosen(index, kept) == [[2, 1]]


@pytest.mark.parametrize("valid", [True, False])
def test_more_asked_for_than_there_are_boxes_is_padded(run, valid):
    index, kept = run(
        non_max_suppression,
        [[[0, 0, 9, 9.0]]],
        [[0.5]],
        [[valid]],
        iou_threshold=0.5,
        max_outputs=4,
    )
    assert (index.shape, index.tolist(), kept.tolist()) == (
        (1, 4),
        [[0] * 4],
        [[valid, False, False, False]],
    )


@pytest.mark.parametrize("iou_threshold", [0.3, 0.7])
def test_suppression_agrees_with_the_loop(run, rng, random_boxes, iou_threshold):
    boxes, scores, valid = (
        random_boxes(3, 80),
        rng.normal(size=(3, 80)).astype(np.float32),
        rng.random((3, 80)) < 0.8,
    )
    index, kept = run(
        non_max_suppression, boxes, scores, valid, iou_threshold=iou_threshold, max_outputs=20
    )
    assert chosen(index, kept) == [
        greedy(*image, iou_threshold, 20) for image in zip(boxes, scores, valid)
    ]


def test_suppression_agrees_with_the_loop_across_blocks_and_with_ties(run, rng, random_boxes):
    n = 2 * BLOCK + 100
    boxes, valid = random_boxes(2, n, size=300), rng.random((2, n)) < 0.9
    scores = np.round(rng.random((2, n)), 2).astype(np.float32)
    index, kept = run(non_max_suppression, boxes, scores, valid, iou_threshold=0.4, max_outputs=n)
    assert chosen(index, kept) == [greedy(*image, 0.4, n) for image in zip(boxes, scores, valid)]


def test_classes_do_not_touch_each_other(run):
    boxes = np.tile(np.float32([0, 0, 1024, 1024]), (1, 4, 1))
    index, kept = by_class(
        run,
        boxes,
        [[0.9, 0.8, 0.7, 0.6]],
        [[True] * 4],
        np.int32([[1, 2, 1, 46]]),
        iou_threshold=0.5,
        max_outputs=4,
    )
    assert chosen(index, kept) == [[0, 1, 3]]


def test_a_high_class_id_costs_no_precision(run):
    """Moving the boxes of class 46 to 47000 pixels would round their corners, and with them the
    overlap.
    """
    y, x = np.float32(900.1), np.float32(31.7)
    boxes = np.float32([[[y, x, y + 4, x + 4], [y, x + 1.3333, y + 4, x + 5.3333]]])  # IoU 0.50002
    overlap = iou(boxes[0, 0], boxes[0, 1:])[0]
    for threshold, expected in ((overlap - 1e-5, [0]), (overlap + 1e-5, [0, 1])):
        index, kept = by_class(
            run,
            boxes,
            [[0.9, 0.8]],
            [[True] * 2],
            np.int32([[46, 46]]),
            iou_threshold=float(threshold),
            max_outputs=2,
        )
        assert chosen(index, kept) == [expected]


def test_suppression_by_class_agrees_with_the_loop(run, rng, random_boxes):
    boxes, scores = random_boxes(2, 150, size=1024), rng.random((2, 150)).astype(np.float32)
    class_ids, valid = rng.integers(1, 47, (2, 150)).astype(np.int32), rng.random((2, 150)) < 0.9
    boxes[:, 75:], class_ids[:, 75:] = boxes[:, :75] + 4, class_ids[:, :75]
    index, kept = by_class(run, boxes, scores, valid, class_ids, iou_threshold=0.5, max_outputs=150)
    assert chosen(index, kept) == [
        greedy(b, s, v, 0.5, 150, c) for b, s, v, c in zip(boxes, scores, valid, class_ids)
    ]


# Soft-NMS


def soft(run, boxes, scores, valid, class_ids, **settings):
    defaults = {"method": "soft_linear", "iou_threshold": 0.5, "sigma": 0.5, "min_score": 0.001}

    def op(boxes, scores, valid, class_ids):
        return soft_non_max_suppression(
            boxes, scores, valid, class_ids=class_ids, **(defaults | settings)
        )

    return run(op, boxes, scores, valid, class_ids)


# The second overlaps the first with an IoU of .8; the third lies apart; the fourth is padding.
FOUR = [[[0, 0, 10, 10], [0, 2, 10, 10], [20, 20, 30, 30], [0, 0, 10, 10.0]]]
SCORES, VALID = [[0.9, 0.6, 0.5, 0.95]], [[True, True, True, False]]


@pytest.mark.parametrize(
    ("method", "lowered"), [("soft_linear", 0.12), ("soft_gaussian", 0.6 * np.exp(-1.28))]
)
def test_what_overlaps_scores_less_and_comes_later(run, method, lowered):
    index, scores, kept = soft(run, FOUR, SCORES, VALID, [[1] * 4], method=method, max_outputs=4)
    assert index[0].tolist() == [0, 2, 1, 0] and kept[0].tolist() == [True, True, True, False]
    np.testing.assert_allclose(scores[0], [0.9, 0.5, lowered, 0], rtol=1e-5)


def test_what_falls_below_the_least_score_is_dropped(run):
    options = {"min_score": 0.2, "max_outputs": 4}
    index, scores, kept = soft(run, FOUR, SCORES, VALID, [[1] * 4], **options)
    assert index[0][kept[0]].tolist() == [0, 2] and scores[0, 2:].tolist() == [0, 0]


def test_soft_suppression_leaves_other_classes_alone(run):
    _, scores, _ = soft(run, FOUR, SCORES, VALID, [[1, 2, 1, 1]], max_outputs=4)
    np.testing.assert_allclose(scores[0], [0.9, 0.6, 0.5, 0], rtol=1e-6)


def test_the_best_come_first_where_there_is_no_room_and_nothing_from_nothing(run):
    valid = [VALID[0], [False] * 4]
    index, scores, kept = soft(run, FOUR * 2, SCORES * 2, valid, [[1] * 4] * 2, max_outputs=2)
    assert index[0].tolist() == [0, 2] and kept.tolist() == [[True, True], [False, False]]
    assert scores[1].tolist() == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("method", SOFT_METHODS)
def test_soft_suppression_equals_that_of_fusion(run, rng, random_boxes, method):
    boxes, class_ids = random_boxes(8, 40, size=60), rng.integers(1, 3, (8, 40)).astype(np.int32)
    scores, valid = rng.uniform(0.05, 1, (8, 40)).astype(np.float32), rng.random((8, 40)) < 0.9
    options = {"method": method, "iou_threshold": 0.3, "sigma": 0.4, "min_score": 0.1}
    index, lowered, kept = soft(run, boxes, scores, valid, class_ids, **options, max_outputs=30)
    dropped = 0
    for i in range(8):
        rows = valid[i]
        member = {"boxes": boxes[i][rows], "scores": scores[i][rows]}
        member |= {"class_ids": class_ids[i][rows]}
        fused = fuse([member], FusionSettings(**options), max_outputs=30)
        mine = kept[i]
        dropped += rows.sum() - len(fused.scores)
        np.testing.assert_allclose(lowered[i][mine], fused.scores, rtol=1e-5)
        np.testing.assert_array_equal(boxes[i][index[i][mine]], fused.boxes)
        np.testing.assert_array_equal(class_ids[i][index[i][mine]], fused.class_ids)
    assert dropped > 0
