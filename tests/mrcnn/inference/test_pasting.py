"""Pasting: pencil cases, a pixel-by-pixel oracle, shapely, and boxes that leave the image."""

import math

import numpy as np
import pytest
import shapely

from mrcnn.inference import pasting
from mrcnn.inference.pasting import paste, paste_window


def paste_pixel_by_pixel(mask, box, size_hw, threshold):
    """The definition, written as four loops in double precision."""
    h, w = mask.shape
    y1, x1, y2, x2 = box
    canvas = np.zeros(size_hw, bool)
    for y in range(size_hw[0]):
        for x in range(size_hw[1]):
            if not (y1 <= y + 0.5 < y2 and x1 <= x + 0.5 < x2):
                continue
            v = min(max((y + 0.5 - y1) / (y2 - y1) * h - 0.5, 0), h - 1)
            u = min(max((x + 0.5 - x1) / (x2 - x1) * w - 0.5, 0), w - 1)
            value = 0.0
            for i in range(h):
                for j in range(w):
                    value += max(0, 1 - abs(v - i)) * max(0, 1 - abs(u - j)) * float(mask[i, j])
            canvas[y, x] = value >= threshold
    return canvas


def test_a_mask_as_large_as_its_box_is_copied():
    mask = np.random.default_rng(0).random((5, 7)) > 0.5
    expected = np.zeros((12, 12), bool)
    expected[2:7, 3:10] = mask
    np.testing.assert_array_equal(paste(mask, (2, 3, 7, 10), (12, 12)), expected)


def test_ones_cover_the_pixels_whose_centre_is_in_the_box():
    covered = paste(np.ones((28, 28)), (1.5, 2.6, 4.5, 5.4), (8, 8))
    rows, columns = np.nonzero(covered)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 3, 3, 4)
    assert covered.sum() == 3 * 2


def test_the_edge_between_two_cells_is_halfway_between_their_centres():
    left_half = np.array([[1.0, 0.0]])
    assert paste(left_half, (0, 0, 1, 8), (1, 8)).tolist() == [[True] * 4 + [False] * 4]


def test_the_threshold_itself_counts_as_covered():
    assert paste(np.full((2, 2), 0.5), (0, 0, 4, 4), (4, 4), threshold=0.5).all()
    assert not paste(np.full((2, 2), 0.49), (0, 0, 4, 4), (4, 4), threshold=0.5).any()


@pytest.mark.parametrize("case", range(12))
def test_pasting_agrees_with_the_definition(case):
    rng = np.random.default_rng(case)
    mask = rng.random((rng.integers(1, 9), rng.integers(1, 9))).astype(np.float32)
    low = rng.uniform(-12, 18, 2)
    box = np.concatenate([low, low + rng.uniform(0.2, 30, 2)])
    got = paste(mask, box, (19, 23), threshold=0.43)
    np.testing.assert_array_equal(got, paste_pixel_by_pixel(mask, box, (19, 23), 0.43))


def test_a_pasted_triangle_has_the_area_that_shapely_gives_it():
    i = (np.arange(28) + 0.5) / 28
    mask = (i[None, :] <= i[:, None]).astype(np.float32)
    y1, x1, y2, x2 = box = (-30.3, 10.2, 170.9, 190.8)
    triangle = shapely.Polygon([(x1, y1), (x1, y2), (x2, y2)])
    inside = triangle.intersection(shapely.box(0, 0, 150, 160))
    covered = paste(mask, box, (160, 150)).sum()
    # The staircase of a 28-cell mask lies half a cell beside the diagonal at most.
    half_cell = 0.5 * math.hypot((y2 - y1) / 28, (x2 - x1) / 28) * inside.length / 3
    assert abs(covered - inside.area) < half_cell


@pytest.mark.parametrize(
    "box", [(-9, -9, -1, -1), (40, 3, 50, 9), (3, 3, 3, 9), (5, 5, 4, 9), (2.6, 2.6, 3.4, 3.4)]
)
def test_a_box_without_pixel_centres_gives_an_empty_window(box):
    window, top, left = paste_window(np.ones((3, 3)), box, (20, 20))
    assert (window.shape, window.dtype, top, left) == ((0, 0), bool, 0, 0)
    assert not paste(np.ones((3, 3)), box, (20, 20)).any()


def test_a_window_is_the_part_inside_the_image():
    window, top, left = paste_window(np.ones((4, 4)), (-5, 15, 5, 30), (20, 20))
    assert (window.shape, top, left) == ((5, 5), 0, 15)


def test_stripes_do_not_change_the_result(monkeypatch):
    rng = np.random.default_rng(1)
    mask = rng.random((28, 28))
    whole = paste(mask, (3.3, 2.2, 90.1, 70.7), (80, 80))
    monkeypatch.setattr(pasting, "STRIPE_PIXELS", 100)
    np.testing.assert_array_equal(paste(mask, (3.3, 2.2, 90.1, 70.7), (80, 80)), whole)


def test_a_batch_of_masks_is_refused():
    with pytest.raises(ValueError, match="one by one"):
        paste(np.ones((2, 28, 28)), (0, 0, 4, 4), (8, 8))


def test_a_box_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        paste(np.ones((28, 28)), (0, 0, np.nan, 4), (8, 8))
