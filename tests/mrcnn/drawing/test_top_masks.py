"""Top masks shows the largest classes, largest first, and says when there are no more."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mrcnn.drawing.top_masks import display_top_masks

IMAGE = np.full((20, 30, 3), 100, np.uint8)
NAMES = ["BG", "circle", "square", "triangle"]


def masks():
    """circle: 4 + 5 pixels; square: 8; triangle: none."""
    masks = np.zeros((20, 30, 4), bool)
    masks[:2, :2, 0] = masks[4:6, :4, 1] = masks[10, :5, 2] = True
    return masks, np.array([1, 2, 1, 3])


def panels():
    return [axes.images[0].get_array() for axes in plt.gcf().axes]


def titles():
    return [axes.get_title() for axes in plt.gcf().axes]


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_the_largest_class_comes_first(dtype):
    display_top_masks(IMAGE, masks()[0].astype(dtype), masks()[1], NAMES)
    assert titles() == ["H x W=20x30", "circle", "square", "-", "-"]


def test_every_instance_has_a_shade_of_its_own():
    display_top_masks(IMAGE, *masks(), NAMES)
    circle = panels()[1]
    assert 0 < circle[0, 0] < circle[10, 0] == 1 and circle[15, 15] == 0 and (circle > 0).sum() == 9


def test_the_limit_may_be_smaller_than_the_number_of_classes():
    display_top_masks(IMAGE, *masks(), NAMES, limit=1)
    assert titles() == ["H x W=20x30", "circle"]


def test_the_panels_are_one_row():
    display_top_masks(IMAGE, *masks(), NAMES)
    assert {axes.get_subplotspec().get_gridspec().get_geometry() for axes in plt.gcf().axes} == {
        (1, 5)
    }


def test_no_instances_leave_empty_panels():
    display_top_masks(IMAGE, np.zeros((20, 30, 0)), np.zeros(0, np.int64), NAMES)
    assert titles() == ["H x W=20x30", "-", "-", "-", "-"] and not panels()[1].any()


def test_lists_are_welcome():
    display_top_masks(IMAGE, masks()[0][..., :1], [1], NAMES, limit=1)
    assert titles()[-1] == "circle"


def test_a_missing_class_id_is_named():
    with pytest.raises(ValueError, match="Every mask needs a class id"):
        display_top_masks(IMAGE, masks()[0], np.array([1]), NAMES)
