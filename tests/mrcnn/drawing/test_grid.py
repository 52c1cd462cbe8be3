"""A grid keeps every picture's aspect and puts it where it belongs."""

import numpy as np
import pytest

from mrcnn.drawing.grid import image_grid


def solid(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_pictures_go_from_left_to_right_then_down():
    sheet = image_grid([solid(40, 40, v) for v in (10, 20, 30)], columns=2)
    half = sheet.shape[0] // 2
    assert (
        (sheet[:half, :half] == 10).any()
        and (sheet[:half, half:] == 20).any()
        and (sheet[half:, :half] == 30).any()
    )
    assert (sheet[half + 4 :, half + 4 :] == 255).all()


def test_a_picture_keeps_its_aspect():
    sheet = image_grid([solid(100, 100, 255), solid(20, 40, 0)], columns=2)
    rows, columns = np.nonzero((sheet == 0).all(-1))
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (50, 100)


def test_titles_add_room_above():
    images = [solid(50, 50, 0)]
    plain, titled = (
        image_grid(images),
        image_grid(images, ["a title that is far too long for its picture"]),
    )
    assert titled.shape[0] > plain.shape[0] and titled.shape[1] == plain.shape[1]


def test_grey_pictures_are_welcome():
    assert image_grid([np.zeros((9, 9), np.uint8)]).shape[2] == 3


def test_no_pictures_are_refused():
    with pytest.raises(ValueError, match="at least one image"):
        image_grid([])


def test_titles_must_match_the_pictures():
    with pytest.raises(ValueError, match="one title for every image"):
        image_grid([solid(5, 5, 0)], [])
