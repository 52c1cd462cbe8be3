"""A caption names the class, keeps the score in sight, and never fails for want of a name."""

import numpy as np
import pytest

from mrcnn.drawing.captions import LONGEST_NAME, caption, name_of

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
    assert text == "x" * (LONGEST_NAME - 1) + "… 0.50"
