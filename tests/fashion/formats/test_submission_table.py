"""The table of each year: frames and rows, by hand."""

import pytest

from fashion.formats.submission_table import columns, frame_hw, nothing_row, row


@pytest.mark.parametrize(
    "image_hw, expected",
    [
        ((1024, 1024), (1024, 1024)),
        ((2000, 1500), (1024, 768)),
        ((300, 200), (1024, 682)),
        ((200, 300), (682, 1024)),
        ((8688, 5792), (1024, 682)),
        ((5000, 1), (1024, 1)),
    ],
)
def test_the_longest_edge_is_1024_in_2020_and_the_other_is_rounded_down(image_hw, expected):
    assert frame_hw(image_hw, 2020) == expected


def test_the_frame_is_that_of_the_winners_formula():
    for height in range(1, 3000, 37):
        for width in range(1, 3000, 41):
            if height < width and height * 1024 >= width:
                assert frame_hw((height, width), 2020) == (int(height / (width / 1024)), 1024)


def test_the_frame_is_512_by_512_in_2019():
    assert frame_hw((8688, 5792), 2019) == (512, 512)


def test_attributes_join_the_class_in_2019():
    assert row("a.jpg", "1 2", 10, [20, 3], 2019) == ("a.jpg", "1 2", "10_3_20")
    assert row("a.jpg", "1 2", 31, [], 2019) == ("a.jpg", "1 2", "31")


def test_attributes_have_their_own_column_in_2020_ascending_once():
    assert row("a", "1 2", 10, [136, 9, 115, 9], 2020) == ("a", "1 2", "10", "9,115,136")
    assert row("a", "1 2", 10, [], 2020) == ("a", "1 2", "10", "")


def test_a_photo_without_detections_has_one_pixel_of_shoe():
    assert nothing_row("a.jpg", 2019) == ("a.jpg", "1 1", "23")
    assert nothing_row("a", 2020) == ("a", "1 1", "23", "")


def test_another_year_is_refused():
    with pytest.raises(ValueError, match="2019 and 2020"):
        columns(2021)
