"""Small or intricate: the difference by hand, and made-up objects of which we know the answer."""

import numpy as np
import pytest

from fashion.evaluation.errors.breakdowns import measure_properties
from fashion.evaluation.errors.error_types import classify_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.size_and_intricacy import (
    MIN_IMAGES,
    compare_size_and_intricacy,
    recall_difference,
)


def compared(gt, said):
    overlaps = read_overlaps(gt, said)
    return compare_size_and_intricacy(
        overlaps, classify_errors(overlaps), *measure_properties(overlaps), 0.5
    )


def test_the_difference_of_two_strata():
    # Stratum 0: hard 1 of 2, easy 2 of 2: -1/2, weight 2 * 2 / 4 = 1.
    # Stratum 1: hard 0 of 1, easy 1 of 3: -1/3, weight 3/4.
    hard = np.array([1, 1, 0, 0, 1, 0, 0, 0], bool)
    found = np.array([1, 0, 1, 1, 0, 1, 0, 0], bool)
    stratum = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    assert recall_difference(hard, found, stratum) == pytest.approx(
        (-1 / 2 - 1 / 3 * 3 / 4) / (1 + 3 / 4)
    )
    assert recall_difference(hard, found, np.where(hard, 0, 1)) is None
    # An object that counts twice is as good as two.
    twice = np.array([2, 1, 1, 1, 1, 1, 1, 1])
    assert recall_difference(hard, found, stratum, twice) == pytest.approx(
        recall_difference(
            np.append(hard, hard[0]), np.append(found, found[0]), np.append(stratum, 0)
        )
    )
    assert recall_difference(np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, int)) is None


BOXES = [[(4, 4), (8, 2), (16, 1)], [(6, 6), (12, 3), (18, 2)], [(12, 12), (24, 6), (36, 4)]]


def scene(placed, truth, found):
    """Rectangles of 16, 36 and 144 pixels, each short, long and longer.

    found(size, length), 0 to 2 both, says which ones are detected.
    """
    objects, said = [], []
    for size, length in np.ndindex(3, 3):
        for image in (1, 2, 1):
            objects.append(placed(image, 5 if image == 1 else 1, (0, 0, *BOXES[size][length])))
            if found(size, length):
                said.append(objects[-1] | {"score": 0.9})
    return compared(truth(*objects), said)


def test_where_only_size_matters_size_is_the_problem(placed, truth):
    result = scene(placed, truth, lambda size, length: size > 0)
    assert result["size"]["difference"] == -1 and result["intricacy"]["difference"] == 0
    assert result["size"]["difference_in_category"] == -1
    assert (
        result["size"]["error"] is None and result["size"]["error_in_category"] is None
    )  # of two photos
    assert result["size"]["recall"] == [0, 1, 1]
    assert [[cell["recall"] for cell in row] for row in result["cells"]] == [
        [0, 0, 0],
        [1, 1, 1],
        [1, 1, 1],
    ]


def test_where_only_shape_matters_shape_is_the_problem(placed, truth):
    result = scene(placed, truth, lambda size, length: length == 0)
    assert result["intricacy"]["difference"] == -1 and result["size"]["difference"] == 0


@pytest.mark.parametrize("photos", [MIN_IMAGES - 1, MIN_IMAGES])
def test_few_photos_tell_no_standard_error(placed, truth, photos):
    """Every image has all rectangles; small ones are matched in every other image."""
    gt = truth(
        *(placed(i, 1, (0, 0, *box)) for i in range(photos) for boxes in BOXES for box in boxes)
    )
    gt["images"] = [gt["images"][0] | {"id": i} for i in range(photos + 5)]  # five show nothing
    said = [
        row | {"score": 0.9} for row in gt["annotations"] if row["area"] > 16 or row["image_id"] % 2
    ]
    row = compared(gt, said)["size"]
    assert row["difference"] == pytest.approx(photos // 2 / photos - 1)
    assert row["error"] is None if photos < MIN_IMAGES else 0.05 < row["error"] < 0.3


def test_the_cells_hold_every_object_once(random_case):
    gt, said = random_case(0)
    result = compared(gt, said)
    assert sum(cell["objects"] for row in result["cells"] for cell in row) == sum(
        not row["iscrowd"] for row in gt["annotations"]
    )
    assert compared(gt, said) == result  # the draws have a seed


def test_few_objects_are_not_compared(placed, truth):
    assert compared(truth(*[placed(1, 1, (0, 0, 5, 5))] * 8), []) is None
    assert compared(truth(), []) is None


def test_objects_that_are_all_alike_cannot_be_compared(placed, truth):
    result = compared(truth(*[placed(1, 1, (0, 0, 5, 5))] * 12), [])
    assert result["size"]["difference"] is None and result["size"]["error"] is None
