"""Colours differ, repeat themselves, and carry legible text."""

import numpy as np
import pytest

from mrcnn.drawing.colors import (
    as_uint8,
    distinct_colors,
    linear_to_lab,
    random_colors,
    text_color,
)


def lab_of(rgb):
    """CIELAB of 8-bit sRGB by the formulas of CIE 15 and IEC 61966-2-1."""
    channel = np.asarray(rgb, np.float64) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return linear_to_lab(linear)


def test_lab_of_known_colors():
    known = {(255, 255, 255): (100, 0, 0), (255, 0, 0): (53.24, 80.09, 67.20), (0, 0, 0): (0, 0, 0)}
    for rgb, lab in known.items():
        np.testing.assert_allclose(lab_of(rgb), lab, atol=0.02)


@pytest.mark.parametrize(("count", "least"), [(12, 40), (46, 15), (64, 15)])
def test_any_two_colors_of_a_picture_are_told_apart(count, least):
    """46 categories had 31 pairs closer than 15."""
    colors = lab_of(distinct_colors(count))
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=-1) + 1000 * np.eye(count)
    assert distance.min() >= least


def test_there_are_colors_for_any_number_of_objects():
    assert distinct_colors(5000).shape == (5000, 3)


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
