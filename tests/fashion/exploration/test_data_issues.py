"""What a person should look at is found, and what is right is not told."""

import numpy as np
import pytest

from fashion.exploration.data_issues import (
    find_duplicates,
    find_issues,
    images_in_both,
    invalid_rows,
    stray_labels,
)


@pytest.fixture
def find(make_dataset, small_ontology):
    """find(rows, tiny) -> [(kind, line, detail)]"""
    from fashion.exploration.objects import measure_objects

    def run(rows, tiny=10):
        dataset = make_dataset(rows)
        found = find_issues(
            measure_objects(dataset), small_ontology, dataset.annotations.runs_of, tiny=tiny
        )
        return [(row["kind"], row["line"], row["detail"]) for row in found]

    return run


def test_nothing_is_wrong_with_plain_rows(find, wardrobe):
    assert find(wardrobe, tiny=4) == []


def test_tiny_masks_are_told_the_smallest_first(find, box):
    assert find(
        [
            ("a", box(0, 0, 3, 3), 0, []),
            ("a", box(9, 9, 1, 1), 1, []),
            ("a", box(20, 20, 5, 2), 1, []),
        ]
    ) == [("tiny mask", 3, "1 pixel"), ("tiny mask", 2, "9 pixels")]


def test_a_box_as_large_as_the_photo_is_told_and_a_smaller_one_is_not(find, box):
    frame = ~box(1, 1, 38, 28)
    assert find([("a", frame, 0, []), ("b", box(0, 0, 40, 29), 0, [])]) == [
        ("whole photo", 2, "box of 40 x 30 pixels, 11 % of it filled")
    ]


def test_one_object_twice_is_told(find, box):
    # 19 of 20 rows are shared: IoU 0.95. The other class and the other image do not count, nor
    # does an IoU of 18 / 20.
    rows = [
        ("a", box(0, 0, 20, 10), 0, []),
        ("a", box(0, 0, 19, 10), 0, []),
        ("a", box(0, 0, 20, 10), 1, []),
        ("b", box(0, 0, 20, 10), 0, []),
        ("c", box(0, 0, 20, 10), 0, []),
        ("c", box(0, 0, 18, 10), 0, []),
    ]
    assert find(rows) == [("duplicate", 3, "IoU 0.95 with line 2")]


def test_masks_of_many_pieces_are_told(find):
    dots = np.zeros((40, 30), bool)
    dots[1:39:3, 1:20:3] = True  # 13 x 7
    assert find([("a", dots, 0, [])]) == [("many pieces", 2, "91 pieces")]


def test_attributes_on_a_class_that_carries_none_are_told(find, make_objects, small_ontology, box):
    rows = [("a", box(0, 0, 9, 9), 2, [5, 6]), ("a", box(20, 0, 9, 9), 0, [5])]
    assert find(rows) == [("stray attributes", 2, "2 attributes")]
    assert stray_labels(make_objects(rows), small_ontology).tolist() == [True, True, False]


def test_rows_that_cannot_be_used_keep_their_line_and_reason(make_dataset, box):
    dataset = make_dataset(
        [("a", box(0, 0, 9, 9), 0, []), ("a", "1 2 3", 0, []), ("a", box(0, 0, 9, 9), 7, [])]
    )
    rows = invalid_rows(dataset.bad_rows)
    assert [(row["kind"], row["line"], row["image"]) for row in rows] == [
        ("wrong row", 3, "a"),
        ("wrong row", 4, "a"),
    ]
    assert "odd number" in rows[0]["detail"] and "unknown category 7" in rows[1]["detail"]


def test_photos_of_both_files_are_told(make_objects, box):
    rows = [(name, box(0, 0, 9, 9), 0, []) for name in ("a", "b")]
    assert [
        row["image"]
        for row in images_in_both(make_objects(rows), make_objects(rows[1:], "val.csv"))
    ] == ["b"]


def test_few_masks_are_compared_and_all_that_are_alike_are_found(make_dataset, box):
    """Against every pair, compared pixel by pixel."""
    from fashion.exploration.objects import measure_objects

    rng = np.random.default_rng(0)
    masks = [box(*(rng.integers(0, 3, 2) + 5), 20, 15) for _ in range(12)]
    dataset = make_dataset([("a", mask, 0, []) for mask in masks])
    compared = []
    found = find_duplicates(
        measure_objects(dataset),
        lambda rows: compared.append(rows) or dataset.annotations.runs_of(rows),
    )
    right = {
        (i, j)
        for i in range(12)
        for j in range(i + 1, 12)
        if (masks[i] & masks[j]).sum() > 0.9 * (masks[i] | masks[j]).sum()
    }
    assert {(a, b) for a, b, _ in found} == right and right and len(compared) < 66


def test_equal_boxes_with_other_masks_are_no_duplicates(find, box):
    one, other = box(5, 5, 20, 20), box(5, 5, 20, 20)
    one[6:24, 6:15], other[6:24, 15:24] = False, False
    assert find([("a", one, 0, []), ("a", other, 0, [])]) == []
