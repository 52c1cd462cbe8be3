"""Columns agree with the masks of the data set; areas, boxes and parts from runs are exact."""

import cv2
import numpy as np
import pytest

from fashion.exploration import objects as module
from fashion.exploration.objects import measure_objects, run_shapes
from fashion.formats import rle


def test_columns_agree_with_the_masks(make_dataset, wardrobe, monkeypatch):
    dataset = make_dataset(wardrobe)
    told = []
    for block in (1, 1 << 20):  # a row at a time, and all at once
        monkeypatch.setattr(module, "_BLOCK_BYTES", block)
        found = measure_objects(dataset, told.append)
        assert (
            found.areas.tolist() == [50, 50, 600, 200, 4, 100] and found.parts.tolist() == [1] * 6
        )
        assert found.image.tolist() == [0, 0, 0, 1, 1, 2] and found.class_ids.tolist() == [
            2,
            2,
            1,
            1,
            3,
            2,
        ]
        assert found.sides_hw.tolist() == [[10, 5], [10, 5], [20, 30], [20, 10], [2, 2], [10, 10]]
        assert found.labelled.tolist() == [0, 1, 1, 2] and found.attributes.tolist() == [0, 0, 2, 1]
    assert sum(told) == 12 and max(told) == 6
    assert set(found.image_pixels.tolist()) == {1200} and len(found) == 6


def test_labels_can_be_left_out(make_objects, wardrobe):
    some = make_objects(wardrobe).with_labels(np.array([True, False, False, True]))
    assert some.labelled.tolist() == [0, 2] and some.attributes.tolist() == [0, 1]


def test_run_lengths_with_two_blanks_between_them_are_read(make_objects, box):
    found = make_objects([("a", "1  3 41 3", 0, []), ("a", box(0, 0, 2, 2), 0, [])])
    assert found.areas.tolist() == [6, 4] and found.boxes[0].tolist() == [0, 0, 3, 2]


def shapes_of(masks):
    runs = rle.parse_all([rle.encode(mask) for mask in masks], [mask.shape for mask in masks])
    return run_shapes(*runs, np.array([len(mask) for mask in masks]))


def picture(*rows):
    return np.array([[letter == "#" for letter in row] for row in rows])


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        (("##", "##"), 1),
        (("#..", "...", "..#"), 2),
        (("#.", ".#"), 1),  # a corner is enough
        (("#.#", "#.#", "###"), 1),  # two runs of a column that a third joins
        (("#.#", "#.#", "#.#"), 2),
        (("#...", "....", "#..."), 2),  # one below the other
        (("..#", "#.#", "..#"), 2),  # the column between is empty
    ],
)
def test_parts_are_counted(rows, parts):
    shapes = shapes_of([picture(*rows)])
    assert shapes["parts"].tolist() == [parts] and shapes["areas"].tolist() == [
        picture(*rows).sum()
    ]


def test_a_box_goes_around_all_parts():
    assert shapes_of([picture(".....", "..#..", "....#")])["boxes"].tolist() == [[1, 2, 3, 5]]


def test_masks_do_not_touch_their_neighbours_in_the_list():
    whole = picture("##", "##")
    assert shapes_of([whole, whole, ~whole | whole])["parts"].tolist() == [1, 1, 1]
    assert shapes_of([picture("..#"), picture("#..")])["parts"].tolist() == [1, 1]


def test_a_run_that_goes_on_in_the_next_columns_is_as_many_runs():
    # Height 3: pixels 2 to 8 are the end of column 0, all of column 1 and the first of column 2.
    shapes = run_shapes(np.array([2]), np.array([5]), np.array([1]), np.array([3]))
    assert [shapes[key].tolist() for key in ("areas", "boxes", "runs", "parts")] == [
        [5],
        [[0, 0, 3, 3]],
        [3],
        [1],
    ]


def test_two_runs_written_where_one_would_do_are_one_part():
    assert run_shapes(np.array([0, 2]), np.array([2, 1]), np.array([2]), np.array([5]))[
        "parts"
    ].tolist() == [1]


def test_no_masks():
    empty = np.zeros(0, np.int64)
    assert {
        key: len(values) for key, values in run_shapes(empty, empty, empty, empty).items()
    } == dict.fromkeys(("areas", "boxes", "runs", "parts"), 0)


def test_as_opencv_counts_parts_of_noise():
    rng = np.random.default_rng(0)
    masks = [
        rng.random((rng.integers(1, 25), rng.integers(1, 25))) < rng.choice([0.1, 0.3, 0.6, 0.9])
        for _ in range(200)
    ]
    masks = [mask for mask in masks if mask.any()]
    shapes = shapes_of(masks)
    assert shapes["parts"].tolist() == [
        cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1 for mask in masks
    ]
    assert shapes["areas"].tolist() == [mask.sum() for mask in masks]
    assert shapes["boxes"].tolist() == [
        rle.box_of_runs(rle.encode(mask), mask.shape).tolist() for mask in masks
    ]
