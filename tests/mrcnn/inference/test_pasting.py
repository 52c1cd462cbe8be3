"""Pasting: pencil cases, a pixel-by-pixel oracle, shapely, and boxes that leave the image."""

import math

import numpy as np
import pytest
import shapely
import skimage.transform

from mrcnn.inference import pasting
from mrcnn.inference.pasting import paste, paste_probabilities, paste_window
from mrcnn.ops.pixel_convention import CORNERS


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


# CORNERS


@pytest.mark.parametrize("case", range(12))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_edges_agree_with_scikit_image(case, dtype):
    rng = np.random.default_rng(case)
    mask = rng.random(rng.integers(1, 33, 2)).astype(dtype)
    y, x, h, w = (int(n) for n in (*rng.integers(0, 20, 2), *rng.integers(1, 90, 2)))
    expected = np.zeros((120, 120), bool)
    expected[y : y + h, x : x + w] = (
        skimage.transform.resize(mask, (h, w), order=1, mode="constant", anti_aliasing=False) >= 0.5
    )
    np.testing.assert_array_equal(
        paste(mask, (y, x, y + h, x + w), (120, 120), convention=CORNERS), expected
    )


def test_zero_edges_halve_at_the_border_of_the_box():
    """One row of cells of 8 pixels, 1 0 1 1: the last falls from 1 at its centre to 0.5 at the
    border, and to 0.56 in the last pixel.
    """
    mask, box = np.array([[1.0, 0, 1, 1]]), (0, 0, 1, 32)
    assert np.flatnonzero(
        paste(mask, box, (1, 32), threshold=0.6, convention=CORNERS)
    ).tolist() == [
        *range(1, 7),
        *range(17, 31),
    ]
    assert np.flatnonzero(
        paste(mask, box, (1, 32), threshold=0.5, convention=CORNERS)
    ).tolist() == [
        *range(0, 8),
        *range(16, 32),
    ]


def test_zero_edges_round_the_corners_unless_the_mask_is_above_the_threshold_everywhere():
    mask = np.ones((4, 4))
    mask[1, 1] = 0.4
    covered = paste(mask, (0, 0, 40, 40), (40, 40), convention=CORNERS)
    assert not covered[[0, 0, -1, -1], [0, -1, 0, -1]].any() and covered[0, 20] and covered[20, 0]
    assert paste(np.full((4, 4), 0.6), (0, 0, 40, 40), (40, 40), convention=CORNERS).all()


def test_zero_edges_do_not_move_what_the_image_cuts_off():
    mask = np.random.default_rng(3).random((28, 28))
    whole = paste(mask, (10, 20, 70, 100), (120, 120), convention=CORNERS)
    np.testing.assert_array_equal(
        paste(mask, (-20, -10, 40, 70), (60, 60), convention=CORNERS), whole[30:90, 30:90]
    )
    window, top, left = paste_window(mask, (-20, -10, 40, 70), (60, 60), convention=CORNERS)
    assert (window.shape, top, left) == ((40, 60), 0, 0)


def test_another_convention_is_refused():
    with pytest.raises(ValueError, match='"aligned" or "corners". Got \'mirror\''):
        paste(np.ones((4, 4)), (0, 0, 4, 4), (8, 8), convention="mirror")


def test_pasted_probabilities_reach_the_threshold_where_the_pasted_mask_is(rng):
    for _ in range(20):
        mask = rng.random((7, 5)).astype(np.float32)
        y1, x1 = rng.uniform(-10, 30, 2)
        box = np.array([y1, x1, y1 + rng.uniform(1, 40), x1 + rng.uniform(1, 40)])
        values, top, left = paste_probabilities(mask, box, (40, 50))
        window, *corner = paste_window(mask, box, (40, 50), 0.4)
        assert [top, left] == corner
        np.testing.assert_array_equal(values >= np.float32(0.4), window)
        assert values.dtype == np.float32
