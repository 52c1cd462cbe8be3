"""Runs: masks that come to the canvas without a mask of the photo's size, pixel for pixel as the
long way has it."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.masks.rle import RLEMasks, copy_to_columns, cut_at_columns, ranges
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement

NO_RUNS = np.zeros(0, np.int64)


def placed_the_long_way(masks, placement):
    placed = [placement.mask(masks[:, :, i]) for i in range(masks.shape[2])]
    return np.stack(placed, axis=2) if placed else np.zeros((*placement.canvas_hw, 0), bool)


def some_masks(rng):
    height, width = rng.integers(1, 90, 2)
    return rng.random((height, width, int(rng.integers(0, 12)))) < rng.choice([0.02, 0.5, 0.95])


def some_placement(kind, photo_hw, rng):
    if kind == "anywhere":
        return Placement(
            photo_hw,
            tuple(rng.integers(1, 150, 2).tolist()),
            tuple(rng.integers(-60, 40, 2).tolist()),
            (64, 48),
        )
    if kind == "crop":
        return make_placement(photo_hw, mode="crop", min_dim=32, rng=rng)
    return make_placement(photo_hw, (64, 48), kind)


def test_runs_go_down_the_columns():
    runs = RLEMasks(
        (3, 2), np.array([1, 4]), np.array([2, 1]), np.array([1, 1])
    )  # pixels 1 and 2; pixel 4
    assert runs.dense().transpose(2, 0, 1).astype(int).tolist() == [
        [[0, 0], [1, 0], [1, 0]],
        [[0, 0], [0, 1], [0, 0]],
    ]
    assert runs.areas.tolist() == [2, 1]


def test_a_run_may_go_on_in_the_next_column():
    runs = RLEMasks((3, 3), np.array([2]), np.array([5]), np.array([1]))
    placed = runs.to_canvas(Placement((3, 3), (3, 3), (0, 0), (3, 3)))
    assert placed.dense()[:, :, 0].astype(int).tolist() == [[0, 1, 1], [0, 1, 0], [1, 1, 0]]
    assert placed.boxes.tolist() == [[0, 0, 3, 3]]


def test_runs_are_cut_where_a_column_ends():
    """Height 3: pixels 2 to 6 are the last of column 0, all of column 1 and the first of
    column 2."""
    owner, starts, lengths = np.array([0, 0, 2]), np.array([2, 8, 3]), np.array([5, 1, 3])
    expected = [[0, 0, 0, 0, 2], [0, 1, 2, 2, 1], [2, 0, 0, 2, 0], [3, 3, 1, 3, 3]]
    assert [values.tolist() for values in cut_at_columns(owner, starts, lengths, 3)] == expected
    assert [
        values.tolist() for values in cut_at_columns(owner, starts, lengths, np.array([3, 3, 3]))
    ] == expected


def test_each_run_may_be_of_a_photo_of_its_own_height():
    """The same seven pixels in columns of 2, of 5 and of 9."""
    owner, starts, lengths = np.arange(3), np.array([1, 1, 1]), np.array([7, 7, 7])
    assert [
        values.tolist() for values in cut_at_columns(owner, starts, lengths, np.array([2, 5, 9]))
    ] == [
        [0, 0, 0, 0, 1, 1, 2],
        [0, 1, 2, 3, 0, 1, 0],
        [1, 0, 0, 0, 1, 0, 1],
        [2, 2, 2, 2, 5, 3, 8],
    ]


def test_runs_that_end_with_their_column_are_left_whole():
    owner, starts, lengths = np.array([0, 0]), np.array([1, 3]), np.array([2, 3])
    assert [values.tolist() for values in cut_at_columns(owner, starts, lengths, 3)] == [
        [0, 0],
        [0, 1],
        [1, 0],
        [3, 3],
    ]
    assert [len(values) for values in cut_at_columns(NO_RUNS, NO_RUNS, NO_RUNS, 3)] == [0, 0, 0, 0]


@pytest.mark.parametrize("kind", ["portrait", "square", "crop", "anywhere"])
def test_the_canvas_shows_what_the_long_way_shows(kind):
    rng = np.random.default_rng(0)
    for _ in range(60):
        masks = some_masks(rng)
        placement = some_placement(kind, masks.shape[:2], rng)
        placed = RLEMasks.from_dense(masks).to_canvas(placement)
        np.testing.assert_array_equal(placed.dense(), placed_the_long_way(masks, placement))


def test_from_dense_undoes_dense():
    rng = np.random.default_rng(1)
    for _ in range(40):
        masks = some_masks(rng)
        runs = RLEMasks.from_dense(masks)
        np.testing.assert_array_equal(runs.dense(), masks)
        assert (
            runs.areas.tolist() == masks.sum(axis=(0, 1)).tolist() and len(runs) == masks.shape[2]
        )


def test_an_object_outside_the_canvas_is_empty_and_keeps_its_row():
    runs = RLEMasks((4, 4), np.array([0, 15]), np.array([1, 1]), np.array([1, 1]))
    placed = runs.to_canvas(Placement((4, 4), (4, 4), (-2, -2), (4, 4)))
    assert placed.boxes.tolist() == [[0, 0, 0, 0], [1, 1, 2, 2]] and placed.areas.tolist() == [0, 1]


def test_there_may_be_no_objects_and_objects_without_runs():
    placement = Placement((4, 4), (2, 2), (0, 0), (2, 2))
    assert len(RLEMasks((4, 4), NO_RUNS, NO_RUNS, NO_RUNS).to_canvas(placement)) == 0
    assert RLEMasks((4, 4), np.array([0]), np.array([16]), np.array([0, 1, 0])).to_canvas(
        placement
    ).areas.tolist() == [0, 4, 0]


def test_cocos_segmentations_of_every_kind():
    """A rectangle of columns 1 and 2, rows 1 to 3, in a photo of 4 x 5 pixels; and one that is
    nowhere."""
    plain = {"size": [4, 5], "counts": [5, 3, 1, 3, 8]}
    packed = {"size": [4, 5], "counts": coco_mask.frPyObjects(plain, 4, 5)["counts"]}
    polygon = [[1, 1, 3, 1, 3, 4, 1, 4]]
    runs = RLEMasks.from_coco([plain, packed, polygon, {"size": [4, 5], "counts": [20]}], (4, 5))
    expected = np.zeros((4, 5), bool)
    expected[1:4, 1:3] = True
    assert all(
        (runs.dense()[:, :, i] == expected).all() for i in range(3)
    ) and runs.areas.tolist() == [6, 6, 6, 0]
    kept = runs.keep(np.array([False, True, False, True]))
    assert kept.areas.tolist() == [6, 0] and (kept.dense()[:, :, 0] == expected).all()


def test_polygons_are_those_of_pycocotools():
    rng = np.random.default_rng(2)
    for _ in range(30):
        polygons = [
            rng.uniform(-5, 45, 2 * rng.integers(3, 9)).tolist() for _ in range(rng.integers(1, 4))
        ]
        expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, 30, 40)))
        np.testing.assert_array_equal(
            RLEMasks.from_coco([polygons], (30, 40)).dense()[:, :, 0], expected
        )


def test_run_lengths_of_another_size_are_refused():
    with pytest.raises(
        ValueError,
        match="Segmentation number 0 .from 0. has a mask of 4x4, but its photo is 4 high and 5 "
        "wide",
    ):
        RLEMasks.from_coco([{"size": [4, 4], "counts": [16]}], (4, 5))
    with pytest.raises(
        ValueError,
        match="Annotation 9 of a.json has a segmentation that cannot be read: there are no "
        "polygons",
    ):
        RLEMasks.from_coco(
            [[[1, 1, 3, 1, 3, 4]], []], (4, 5), ["Annotation 7 of a.json", "Annotation 9 of a.json"]
        )


def test_boxes_are_those_of_the_masks():
    masks = np.zeros((7, 9, 3), bool)
    masks[2:5, 3:8, 0] = True
    masks[0, 0, 1] = masks[6, 8, 1] = True
    assert RLEMasks.from_dense(masks).boxes.tolist() == [[2, 3, 5, 8], [0, 0, 7, 9], [0, 0, 0, 0]]
    assert RLEMasks.from_dense(masks[:, :, :0]).boxes.shape == (0, 4)


def test_a_span_is_copied_to_each_of_its_columns_and_an_empty_one_to_none():
    owner, top, bottom = np.array([0, 1, 2]), np.array([1, 4, 0]), np.array([3, 4, 5])
    left, right = np.array([7, 0, 2]), np.array([9, 5, 3])
    copies = copy_to_columns(owner, top, bottom, left, right)
    assert [values.tolist() for values in copies] == [[0, 0, 2], [7, 8, 2], [1, 1, 0], [3, 3, 5]]


def test_ranges_are_written_out_one_after_the_other():
    which, number = ranges(np.array([5, 2, 0]), np.array([7, 2, 3]))
    assert (which.tolist(), number.tolist()) == ([0, 0, 2, 2, 2], [5, 6, 0, 1, 2])
