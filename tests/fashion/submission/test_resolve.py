"""Resolving: the better mask keeps the pixel, other classes are left alone, emptied masks
disappear."""

import tracemalloc

import numpy as np

from fashion.formats import rle
from fashion.submission.resolve import resolve
from mrcnn.inference.pasting import paste

ONES = np.ones((28, 28), np.float32)


def masks_of(resolved, frame_hw):
    return {i: rle.decode(text, frame_hw) for i, text in resolved}


def test_the_higher_score_keeps_the_pixels():
    resolved = resolve(
        [ONES, ONES],
        [(0, 0, 10, 10), (0, 5, 10, 15)],
        [3, 3],
        [0.4, 0.9],
        image_hw=(20, 20),
        frame_hw=(20, 20),
    )
    assert [i for i, _ in resolved] == [1, 0]
    masks = masks_of(resolved, (20, 20))
    assert masks[1].sum() == 100 and masks[0].sum() == 50 and not (masks[0] & masks[1]).any()


def test_other_categories_may_overlap():
    resolved = resolve(
        [ONES, ONES],
        [(0, 0, 10, 10), (0, 5, 10, 15)],
        [3, 4],
        [0.4, 0.9],
        image_hw=(20, 20),
        frame_hw=(20, 20),
    )
    assert [rle.area(text) for _, text in resolved] == [100, 100]


def test_a_mask_with_nothing_left_is_dropped():
    resolved = resolve(
        [ONES, ONES],
        [(2, 2, 8, 8), (0, 0, 10, 10)],
        [3, 3],
        [0.4, 0.9],
        image_hw=(20, 20),
        frame_hw=(20, 20),
    )
    assert [i for i, _ in resolved] == [1]


def test_small_remains_are_dropped_on_request():
    arguments = [ONES, ONES], [(0, 0, 10, 10), (0, 1, 10, 15)], [3, 3], [0.4, 0.9]
    sizes = {"image_hw": (20, 20), "frame_hw": (20, 20), "min_share": 0}
    assert len(resolve(*arguments, **sizes, min_area=10)) == 2
    assert len(resolve(*arguments, **sizes, min_area=11)) == 1


def test_a_mask_that_is_mostly_covered_is_dropped():
    covered = (
        [ONES, ONES],
        [(0, 0, 10, 10), (0, 1, 10, 15)],
        [3, 3],
        [0.4, 0.9],
    )  # a tenth of it is left
    sizes = {"image_hw": (20, 20), "frame_hw": (20, 20)}
    assert (
        len(resolve(*covered, **sizes, min_share=0))
        == len(resolve(*covered, **sizes, min_share=0.1))
        == 2
    )
    assert (
        [i for i, _ in resolve(*covered, **sizes, min_share=0.11)]
        == [i for i, _ in resolve(*covered, **sizes)]
        == [1]
    )
    assert (
        len(resolve(covered[0], covered[1], [3, 4], covered[3], **sizes, min_share=1)) == 2
    )  # other categories cover nothing


def test_what_is_dropped_for_its_size_takes_no_pixels():
    resolved = resolve(
        [ONES, ONES],
        [(0, 0, 2, 2), (0, 0, 10, 10)],
        [3, 3],
        [0.9, 0.4],
        image_hw=(20, 20),
        frame_hw=(20, 20),
        min_area=5,
    )
    assert [(i, rle.area(text)) for i, text in resolved] == [(1, 100)]


def test_equal_scores_favour_the_first():
    resolved = resolve(
        [ONES, ONES], [(0, 0, 10, 10)] * 2, [3, 3], [0.5, 0.5], image_hw=(20, 20), frame_hw=(20, 20)
    )
    assert [i for i, _ in resolved] == [0]


def test_boxes_are_scaled_to_the_frame_on_each_axis():
    ((_, text),) = resolve(
        [ONES], [(10, 10, 20, 30)], [3], [0.5], image_hw=(100, 50), frame_hw=(200, 25)
    )
    assert rle.box_of_runs(text, (200, 25)).tolist() == [20, 5, 40, 15]


def test_resolving_agrees_with_full_canvases():
    rng = np.random.default_rng(0)
    count, image_hw, frame_hw = 30, (90, 60), (128, 85)
    low = rng.uniform(-10, (70, 45), (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (count, 2))], axis=1)
    masks, categories, scores = (
        rng.random((count, 14, 14)),
        rng.integers(0, 4, count),
        rng.random(count),
    )
    expected, taken = {}, {c: np.zeros(frame_hw, bool) for c in range(4)}
    for i in np.argsort(-scores):
        scaled = boxes[i] * [128 / 90, 85 / 60, 128 / 90, 85 / 60]
        mask = paste(masks[i], scaled, frame_hw) & ~taken[categories[i]]
        taken[categories[i]] |= mask
        if mask.any():
            expected[int(i)] = mask
    resolved = resolve(
        masks, boxes, categories, scores, image_hw=image_hw, frame_hw=frame_hw, min_share=0
    )
    assert [i for i, _ in resolved] == list(expected)
    for i, mask in masks_of(resolved, frame_hw).items():
        np.testing.assert_array_equal(mask, expected[i])


def test_a_photo_of_8688_pixels_costs_no_more_than_its_frame():
    boxes = [(0, 0, 8688, 5792)] * 20
    tracemalloc.start()
    resolve(
        [ONES] * 20,
        boxes,
        [1] * 20,
        np.linspace(1, 0, 20),
        image_hw=(8688, 5792),
        frame_hw=(1024, 682),
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # a float canvas of the photo alone would be 200 MB


def test_no_masks_give_no_rows():
    assert resolve([], [], [], [], image_hw=(9, 9), frame_hw=(9, 9)) == []


def test_every_mask_may_have_a_threshold_of_its_own():
    half = np.full((28, 28), 0.5, np.float32)
    resolved = resolve(
        [half] * 3,
        [(0, 0, 10, 10), (0, 10, 10, 20), (10, 0, 20, 10)],
        [3, 4, 5],
        [0.9, 0.8, 0.7],
        image_hw=(20, 20),
        frame_hw=(20, 20),
        threshold=np.array([0.5, 0.51, 0.4]),
    )
    assert [i for i, _ in resolved] == [0, 2]
