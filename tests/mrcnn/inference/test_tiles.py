"""Tiles: windows cover an image, and what an edge cuts does not count."""

import numpy as np
import pytest

from mrcnn.inference.tiles import Tiling, best_windows, is_cut, is_part, tiling_of


def test_a_grid_covers_the_image_with_windows_of_one_size_that_overlap():
    windows = Tiling(grid=(2, 3)).windows((100, 301))
    assert windows.shape == (6, 4)
    assert len(np.unique(windows[:, 2:] - windows[:, :2], axis=0)) == 1
    seen = np.zeros((100, 301), int)
    for y1, x1, y2, x2 in windows:
        seen[y1:y2, x1:x2] += 1
    assert seen.min() == 1
    height, width = windows[0, 2:] - windows[0, :2]
    # 1.75 heights and 2.5 widths, rounded up, are the image.
    assert (height, width) == (58, 121)
    assert windows[1, 1] == 90 and width - 90 >= 0.25 * width


def test_windows_of_a_side_are_as_many_as_it_takes():
    windows = Tiling(side=64, overlap=0.5).windows((64, 130))
    np.testing.assert_array_equal(
        windows, [[0, 0, 64, 64], [0, 22, 64, 86], [0, 44, 64, 108], [0, 66, 64, 130]]
    )
    assert Tiling(side=640).windows((480, 640)).shape == (0, 4)  # one would be the image itself


def test_a_box_is_cut_by_an_edge_inside_the_image_only():
    window, image_hw = np.array([0, 50, 100, 150]), (100, 300)
    boxes = np.array([[0, 60, 100, 140], [10, 50, 20, 70], [10, 80, 20, 149], [0, 52.5, 9, 147]])
    # The margin is 2 % of 100 pixels.
    np.testing.assert_array_equal(is_cut(boxes, window, image_hw), [False, True, True, False])


def test_a_box_is_described_by_the_window_that_shows_most_around_it():
    windows, image_hw = np.array([[0, 0, 100, 100], [0, 60, 100, 160]]), (100, 160)
    boxes = np.array([[0, 5, 9, 20], [0, 65, 9, 95], [0, 70, 9, 92], [0, 50, 9, 120]])
    np.testing.assert_array_equal(best_windows(boxes, windows, image_hw), [0, 0, 1, -1])
    assert best_windows(boxes, np.zeros((0, 4)), image_hw).tolist() == [-1] * 4


def test_a_part_of_a_better_object_that_the_window_cuts_is_no_object():
    def rows(*boxes, scores, classes):
        return {
            "boxes": np.array(boxes, np.float32).reshape(-1, 4),
            "scores": np.array(scores, np.float32),
            "class_ids": np.array(classes),
        }

    window, image_hw = np.array([0, 0, 100, 100]), (100, 200)
    whole = rows([0, 60, 50, 140], [60, 10, 90, 60], scores=[0.8, 0.9], classes=[1, 1])
    found = rows(
        [10, 65, 40, 95],  # in the cut object
        [10, 65, 40, 95],  # of another class
        [10, 65, 40, 95],  # better than it
        [10, 30, 40, 70],  # a third of it inside
        [65, 15, 85, 40],  # in an object that the window shows whole
        scores=[0.7, 0.7, 0.85, 0.7, 0.7],
        classes=[1, 2, 1, 1, 1],
    )
    expected = [True, False, False, False, False]
    np.testing.assert_array_equal(is_part(found, window, whole, image_hw), expected)


def test_tiles_are_read_from_text():
    assert tiling_of("2x3") == Tiling(grid=(2, 3))
    assert tiling_of(" 640 ") == Tiling(side=640)
    assert tiling_of("none") is None and tiling_of("") is None


@pytest.mark.parametrize("text", ["2x", "big", "1x1", "0x4", "8", "-3"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"[Tt]ile"):
        tiling_of(text)


def test_thousands_of_tiles_are_refused():
    with pytest.raises(ValueError, match="larger tiles"):
        Tiling(side=32).windows((4000, 6000))
