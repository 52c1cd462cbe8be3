"""Colors of garments: Lab as scikit-image computes it, histograms and dominant colors by hand."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from fashion.retrieval.colors import (
    HISTOGRAM_BINS,
    HISTOGRAM_SIZE,
    dominant_colors,
    histogram,
    lab_of,
    some_pixels,
)

RED, NAVY, WHITE = (200, 20, 30), (20, 25, 80), (250, 250, 250)


def pixels_of(*shares):
    return np.concatenate([np.full((count, 3), color, np.uint8) for count, color in shares])


def test_lab_equals_another_implementation():
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 3), np.uint8)
    np.testing.assert_allclose(lab_of(pixels), rgb2lab(pixels), atol=2e-3)


def test_the_histogram_equals_numpys():
    pixels = np.random.default_rng(0).integers(0, 256, (5000, 3), np.uint8)
    lab = np.clip(lab_of(pixels), (0, -59.9, -59.9), (99.9, 59.9, 59.9))
    edges = ((0, 100), (-60, 60), (-60, 60))
    counts = np.histogramdd(lab, HISTOGRAM_BINS, edges)[0].ravel()
    np.testing.assert_allclose(histogram(pixels), np.sqrt(counts / 5000), atol=1e-3)


def test_histograms_have_length_1_and_products_tell_colors_apart():
    red, navy = histogram(pixels_of((50, RED))), histogram(pixels_of((7, NAVY)))
    assert red @ red == pytest.approx(1) and red @ navy == 0
    assert histogram(pixels_of((30, RED), (10, NAVY))) @ red == pytest.approx(np.sqrt(0.75))


def test_no_pixels_have_no_colors():
    assert not histogram(np.zeros((0, 3), np.uint8)).any()
    assert histogram(np.zeros((0, 3), np.uint8)).shape == (HISTOGRAM_SIZE,)
    assert dominant_colors(np.zeros((0, 3), np.uint8)) == []


def test_dominant_colors_come_by_share_and_small_ones_are_left_out():
    pixels = pixels_of((20, NAVY), (75, RED), (5, WHITE))
    assert dominant_colors(pixels) == ["#c8141e", "#141950"]


def test_shades_of_a_color_are_one():
    shades = np.linspace(RED, (225, 30, 40), 50).astype(np.uint8)
    (color,) = dominant_colors(shades)
    assert color.startswith("#d")


def test_noise_still_has_a_color():
    noise = np.random.default_rng(0).integers(0, 256, (3000, 3), np.uint8)
    assert 1 <= len(dominant_colors(noise)) <= 4


def test_large_garments_are_sampled():
    pixels = np.zeros((100_001, 3), np.uint8)
    assert 15_000 < len(some_pixels(pixels)) <= 20_000
    assert len(some_pixels(pixels[:500])) == 500
