"""Pictures of the worst photos: sizes, and colours where they belong."""

import numpy as np
import pytest

from fashion.evaluation.errors.analysis import analyse
from fashion.evaluation.errors.side_by_side import COLORS, _title_size, side_by_side
from fashion.pages.overlays import MAX_LABELS, keep_labels

NAMES = {1: "shirt, blouse", 5: "shoe", 7: "scarf"}


def picture(gt, said, image, pixels=None):
    row = next(row for row in analyse(gt, said)["worst"] if row["image_id"] == image)
    photo = next(photo for photo in gt["images"] if photo["id"] == image)
    return side_by_side(
        photo,
        row,
        [a for a in gt["annotations"] if a["image_id"] == image],
        said,
        NAMES,
        0.5,
        pixels,
    )


def at(sheet, side, y, x):
    """The colour at a pixel of an image of 40 x 40, which is 480 x 480 on the sheet.

    side: 0 ground truth, 1 prediction
    """
    top = sheet.shape[0] - 480
    return sheet[top + y * 12 + 6, side * (480 + 16) + x * 12 + 6].astype(int)


def nearest(color):
    """Which of the kinds a tint on grey paper is nearest to in direction."""
    tints = {kind: np.array(value) - 226 for kind, value in COLORS.items() if kind != "background"}
    color = color - 226
    return max(
        tints,
        key=lambda kind: color @ tints[kind] / np.linalg.norm(color) / np.linalg.norm(tints[kind]),
    )


def test_objects_and_detections_have_the_colour_of_their_fate(one_of_each):
    sheet = picture(*one_of_each, 1)
    assert (
        sheet.dtype == np.uint8 and sheet.shape[1] == 480 + 16 + 480 and 490 < sheet.shape[0] < 520
    )
    assert (
        nearest(at(sheet, 0, 8, 8)) == "found" and nearest(at(sheet, 0, 28, 8)) == "missed"
    )  # away from the labels
    assert [nearest(at(sheet, 1, *place)) for place in ((8, 22), (23, 8), (23, 28))] == [
        "class",
        "location",
        "both",
    ]
    assert at(sheet, 0, 15, 35).tolist() == [226] * 3  # paper


def test_the_photo_is_shown_at_one_size_whatever_its_own(one_of_each):
    pixels = np.full((80, 80, 3), (10, 60, 110), np.uint8)
    sheet = picture(*one_of_each, 1, pixels)
    assert at(sheet, 0, 15, 35).tolist() == at(sheet, 1, 38, 20).tolist() == [10, 60, 110]
    assert (pixels == (10, 60, 110)).all()


@pytest.mark.parametrize("height, width, expected", [(40, 10, (640, 160)), (10, 40, (120, 480))])
def test_a_photo_fits_into_its_half(height, width, expected):
    photo = {"id": 1, "height": height, "width": width}
    sheet = side_by_side(photo, {"found": [], "errors": []}, [], [], NAMES, 0.5)
    assert (sheet.shape[1] - 16) / 2 == expected[1] and 0 < sheet.shape[0] - expected[0] < 40


def test_the_most_confident_predictions_have_labels_and_the_others_are_counted(placed, truth):
    """12 shoes side by side in a strip at the top; the two least confident have no label."""
    gt = truth(placed(1, 1, (0, 30, 40, 10)))
    scores = [0.6, 0.61, *np.linspace(0.7, 0.9, MAX_LABELS)]
    said = [placed(1, 5, (3 * i, 0, 3, 3), score=float(s)) for i, s in enumerate(scores)]
    sheet = picture(gt, said, 1)
    few = picture(gt, said[2:], 1)
    assert sheet.shape[0] - few.shape[0] == 26  # a second line of the title, 20 em x 1.28
    kept = keep_labels([["a"], ["b"], ["c"], ["d"]], [0.2, 0.9, 0.2, 0.5], 3)
    assert kept == [["a"], ["b"], [], ["d"]]  # of equal scores the first


def test_titles_shrink_until_they_fit():
    assert _title_size(["predictions: 3"], 480) == 20
    assert 12 <= _title_size(["predictions: 23 with score 0.5 or more"], 300) < 20
    assert _title_size(["predictions: 23 with score 0.5 or more"], 60) == 12


def test_an_empty_mask_is_drawn_as_nothing(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)))
    said = [placed(1, 5, (0, 0, 0, 0), score=0.9)]
    assert at(picture(gt, said, 1), 1, 20, 20).tolist() == [226] * 3
