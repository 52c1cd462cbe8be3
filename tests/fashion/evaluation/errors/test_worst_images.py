"""The worst photos: their order and their errors by hand."""

import pytest

from fashion.evaluation.errors.error_types import classify_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.worst_images import worst_images


def worst(gt, said, score_threshold=0.5, number=20):
    overlaps = read_overlaps(gt, said)
    return worst_images(overlaps, classify_errors(overlaps), score_threshold, number)


def test_the_errors_of_the_photos(one_of_each):
    gt, said = one_of_each
    said.append(gt["annotations"][3] | {"score": 0.2})
    second, first = worst(gt, said)
    assert first["image_id"] == 1 and second["image_id"] == 2  # photo 2 has an F1 of 0
    assert (first["f1"], first["right"], first["false"], first["missed"]) == (2 / 9, 1, 4, 3)
    assert (second["f1"], second["right"], second["false"], second["missed"]) == (0, 0, 1, 1)
    assert first["found"] == [[1, 0]] and second["file_name"] == "2.jpg"
    assert [
        (
            error["kind"],
            error["category"],
            error["score"],
            error["detection"],
            error["annotation_id"],
            error["true_category"],
        )
        for error in first["errors"]
    ] == [
        ("duplicate", "shirt", 0.9, 1, None, None),
        ("class", "shirt", 0.85, 2, 2, "shoe"),
        ("location", "shoe", 0.8, 3, 3, "shoe"),
        ("both", "shoe", 0.7, 4, None, None),
        ("missed", "shoe", None, None, 2, "shoe"),
        ("missed", "shoe", None, None, 3, "shoe"),
        ("missed", "scarf", None, None, 4, "scarf"),
    ]
    assert [error["found_at"] for error in first["errors"]][-2:] == [None, 0.2]


def test_of_equal_photos_that_with_more_errors_comes_first(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 5, 5)), placed(2, 1, (0, 0, 5, 5)), placed(2, 5, (0, 0, 5, 5)))
    assert [row["image_id"] for row in worst(gt, [])] == [2, 1]
    assert [row["image_id"] for row in worst(gt, [], number=1)] == [2]


def test_photos_without_errors_are_left_out(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 5, 5)), placed(2, 1, (0, 0, 9, 9), iscrowd=1))
    assert (
        worst(gt, [placed(1, 1, (0, 0, 5, 5), score=0.9), placed(1, 1, (20, 20, 5, 5), score=0.4)])
        == []
    )


@pytest.mark.parametrize("seed", range(2))
def test_every_sure_detection_and_object_of_a_photo_has_its_place(random_case, seed):
    gt, said = random_case(seed, crowds=0)
    for row in worst(gt, said):
        here = [
            detection
            for detection in said
            if detection["image_id"] == row["image_id"] and detection["score"] >= 0.5
        ]
        assert row["right"] == len(row["found"]) and row["false"] + row["missed"] == len(
            row["errors"]
        )
        if row["image_id"] > 0:  # photo 0 has more than 100 detections of a category
            assert row["right"] + row["false"] == len(here)
        assert row["right"] + row["missed"] == sum(
            a["image_id"] == row["image_id"] for a in gt["annotations"]
        )
        assert row["file_name"] == str(row["image_id"])  # these photos have no names
