"""Labels: what an instance is called, and small images of writing."""

import numpy as np
import pytest

from mrcnn.drawing.labels import (
    ELLIPSIS,
    MAX_NAME,
    blend,
    caption,
    fit,
    ink,
    name_of,
    plate,
    text_width,
)


def test_a_line_that_fits_is_kept():
    assert fit("dress", 12, 500) == "dress"


def test_a_long_line_ends_with_an_ellipsis_and_fits():
    cut = fit("above-the-hip (length)", 12, 60)
    assert cut.endswith(ELLIPSIS)
    assert text_width(cut, 12) <= 60


def test_a_plate_is_no_wider_than_allowed():
    assert plate(["a very long headline", "detail"], 14, (0, 200, 0), max_width=70).shape[1] <= 71


def test_every_line_adds_height_and_details_are_smaller():
    one, two, three = (plate(["x"] * n, 20, (0, 0, 0)).shape[0] for n in (1, 2, 3))
    assert two - one == three - two < one


def test_letters_leave_ink():
    letters = ink("shoe", 16)
    assert letters.max() > 0.9
    assert 0.05 < letters.mean() < 0.6


def test_a_plate_shows_its_text_on_its_color():
    picture = plate(["shoe"], 16, (0, 0, 160))
    assert (picture[..., :3] == (0, 0, 160)).all(-1).any()
    assert picture[..., 0].max() > 230


@pytest.mark.parametrize("top, left", [(-3, -3), (8, 8), (50, 50), (-50, 2)])
def test_what_lies_outside_the_image_is_dropped(top, left):
    image = np.zeros((10, 10, 3), np.uint8)
    picture = np.full((5, 5, 4), 255, np.uint8)
    blend(image, picture, top, left)
    expected = np.zeros((10, 10), np.uint8)
    expected[max(top, 0) : max(top + 5, 0), max(left, 0) : max(left + 5, 0)] = 255
    np.testing.assert_array_equal(image[..., 0], expected)


def test_half_transparent_is_half_way():
    image = np.zeros((1, 1, 3), np.uint8)
    blend(image, np.array([[[200, 100, 50, 128]]], np.uint8), 0, 0)
    assert image[0, 0].tolist() == [100, 50, 25]


NAMES = ["BG", "circle", "square"]


@pytest.mark.parametrize("class_id", [2, np.int64(2), np.float32(2)])
def test_a_class_id_of_any_type_has_its_name(class_id):
    assert name_of(class_id, NAMES) == "square"


def test_a_class_without_a_name_shows_its_number():
    assert name_of(7, NAMES) == "class 7"


def test_a_negative_class_id_is_a_crowd():
    assert name_of(-1, NAMES) == "circle (crowd)"


def test_the_score_has_two_decimals():
    assert caption(1, NAMES, np.float32(0.987)) == "circle 0.99"
    assert caption(1, NAMES) == "circle"


def test_a_long_name_is_cut_before_the_score():
    text = caption(0, ["x" * 60], 0.5)
    assert text == "x" * (MAX_NAME - 1) + "… 0.50"
