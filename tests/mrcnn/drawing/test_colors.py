"""Colours differ, repeat themselves, and carry legible text."""

import numpy as np
import pytest

from mrcnn.drawing.colors import as_uint8, distinct_colors, random_colors, text_color


def test_the_first_twelve_colors_are_far_apart():
    colors = distinct_colors(12).astype(int)
    distance = np.abs(colors[:, None] - colors[None]).sum(-1) + 1000 * np.eye(12)
    assert distance.min() > 45


def test_a_longer_list_starts_with_the_shorter_one():
    np.testing.assert_array_equal(distinct_colors(50)[:7], distinct_colors(7))


def test_no_instances_need_no_colors():
    assert distinct_colors(0).shape == (0, 3)
    assert as_uint8([]).shape == (0, 3)
    assert random_colors(0) == []


def test_floats_become_bytes_and_bytes_stay():
    assert as_uint8([(1.0, 0.5, 0.0)]).tolist() == [[255, 128, 0]]
    assert as_uint8([(255, 1, 0)]).tolist() == [[255, 1, 0]]


def test_a_single_color_is_refused():
    with pytest.raises(ValueError, match="every instance"):
        as_uint8((1.0, 0.0, 0.0))


def test_random_colors_are_matterports_kind():
    colors = random_colors(5, seed=3)
    assert len(set(colors)) == 5
    assert all(0 <= channel <= 1 for color in colors for channel in color)
    assert random_colors(5, seed=3) == colors


@pytest.mark.parametrize(
    "background, expected", [((255, 255, 0), 0), ((0, 0, 120), 255), ((0, 0, 0), 255)]
)
def test_text_is_dark_on_light_and_light_on_dark(background, expected):
    assert text_color(background) == (expected,) * 3


def test_whole_numbers_of_0_and_1_are_full_colours():
    assert as_uint8([(1, 0, 0), (0, 1, 1)]).tolist() == [[255, 0, 0], [0, 255, 255]]
    assert as_uint8([(1, 0, 0), (0, 2, 1)]).tolist() == [[1, 0, 0], [0, 2, 1]]
