"""Measures of objects: squares and discs by hand, edges of random masks pixel by pixel."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.errors.object_properties import (
    count_pixel_edges,
    crowding,
    occlusion,
    shape_properties,
)
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.formats import rle


def edges_of(mask):
    starts, lengths = rle.parse_runs(rle.encode(mask))
    return count_pixel_edges(starts, starts + lengths, mask.shape[0])


def shape_of(mask):
    """The four measures of one mask."""
    row = {"segmentation": coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))}
    values = shape_properties(
        [row], np.array([0]), [{"height": mask.shape[0], "width": mask.shape[1]}]
    )
    return {name: float(value[0]) for name, value in values.items()}


def test_a_square():
    mask = np.zeros((50, 100), bool)
    mask[10:20, 30:40] = True
    assert edges_of(mask) == 40
    # The square root of 100 pixels, over 100 pixels; perimeter 40 pi/4, squared over 4 pi 100.
    assert shape_of(mask) == pytest.approx(
        {"area": 100, "size": 0.1, "aspect": 1, "intricacy": np.pi / 4}
    )


def test_a_disc_has_intricacy_one_and_a_comb_has_more():
    y, x = np.mgrid[:400, :400]
    disc = (y - 200) ** 2 + (x - 200) ** 2 < 150**2
    assert shape_of(disc)["intricacy"] == pytest.approx(1, abs=0.02)
    comb = np.zeros((400, 400), bool)
    comb[100:120, 100:300] = comb[100:300, 100:300:2] = True
    assert shape_of(comb)["intricacy"] > 50


def test_aspect_is_width_over_height():
    mask = np.zeros((40, 40), bool)
    mask[5:10, 10:30] = True
    assert shape_of(mask)["aspect"] == 4


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_edges_of_random_masks(share):
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random(rng.integers(1, 12, 2)) < share
        padded = np.pad(mask, 1).astype(int)
        assert (
            edges_of(mask)
            == np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
        )


def test_edges_of_a_run_that_fills_several_columns():
    mask = np.ones((4, 6), bool)
    assert edges_of(mask) == 20
    mask[3, 5] = mask[0, 0] = False
    assert edges_of(mask) == 20


def test_an_empty_mask_measures_nothing():
    assert shape_of(np.zeros((5, 5), bool)) == {"area": 0, "size": 0, "aspect": 0, "intricacy": 0}


def test_occlusion_is_the_share_of_the_box_under_other_masks(placed, truth):
    gt = truth(
        placed(1, 1, (0, 0, 10, 10)),
        placed(1, 5, (5, 0, 10, 10)),
        placed(1, 5, (5, 5, 10, 5)),
        placed(2, 1, (0, 0, 10, 10)),
    )
    # The second covers half of the first box; the third lies within the second, of whose box it
    # and the first cover half:
    # columns 5 to 10 (50 pixels) and the lower half of the others (25).
    assert occlusion(read_overlaps(gt, [])) == pytest.approx([0.5, 0.75, 1, 0])


def test_crowding_counts_objects_but_no_crowds(placed, truth):
    gt = truth(
        placed(1, 1, (0, 0, 10, 10)),
        placed(1, 5, (5, 0, 10, 10)),
        placed(1, 5, (5, 5, 10, 5), iscrowd=1),
    )
    assert crowding(read_overlaps(gt, [])).tolist() == [2, 0]
