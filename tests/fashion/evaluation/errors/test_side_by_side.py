"""Pictures of the worst photos: sizes, and colours where they belong."""

import numpy as np
import pytest

from fashion.evaluation.errors.analysis import analyse
from fashion.evaluation.errors.side_by_side import COLORS, side_by_side

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


def test_an_empty_mask_is_drawn_as_nothing(placed, truth):
    gt = truth(placed(1, 1, (0, 0, 10, 10)))
    said = [placed(1, 5, (0, 0, 0, 0), score=0.9)]
    assert at(picture(gt, said, 1), 1, 20, 20).tolist() == [226] * 3
