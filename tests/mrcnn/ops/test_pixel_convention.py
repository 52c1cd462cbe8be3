"""The two conventions: by hand, there and back, and what a copy or a pickle of them is."""

import copy
import pickle

import numpy as np
import pytest

from mrcnn.ops.pixel_convention import (
    ALIGNED,
    CORNERS,
    bilinear_on_black,
    convention_named,
    convention_of_setting,
    from_unit,
    to_unit,
)

# Twice as large, 10 pixels further down.
PLACE = {"corner": (10, 0), "scaled_hw": (60, 100), "image_hw": (30, 50)}


def test_corner_pixels_lie_inside_the_box(run):
    box, valid = np.float32([[2, 3, 12, 30]]), np.array([True])
    assert run(CORNERS.measure, box).tolist() == [[2, 3, 11, 29]]
    np.testing.assert_array_equal(run(CORNERS.unmeasure, run(CORNERS.measure, box), valid), box)
    np.testing.assert_array_equal(run(ALIGNED.unmeasure, run(ALIGNED.measure, box), valid), box)


def test_rows_of_padding_stay_zero(run):
    padding = np.zeros((2, 4), np.float32)
    assert not run(CORNERS.unmeasure, padding, np.array([False, False])).any()


def test_a_box_of_one_row_is_empty_by_its_edges_only(run):
    boxes = np.float32([[0, 0, 0, 5], [0, 0, 1, 5], [3, 3, 2, 5]])
    assert run(ALIGNED.is_nonempty, boxes).tolist() == [False, True, False]
    assert run(CORNERS.is_nonempty, boxes).tolist() == [True, True, False]


@pytest.mark.parametrize("convention", [ALIGNED, CORNERS])
def test_boxes_go_to_the_input_and_back(convention):
    """By their edges 20..40 becomes 50..90; by corners the last pixel of 30 becomes that of 60."""
    boxes = np.float32([[20, 0, 30, 50], [3, 7, 11, 40]])
    moved = convention.box_to_input(boxes, **PLACE)
    assert moved.dtype == np.float32 and moved[0, 2:].tolist() == [70, 100]
    assert moved[0, 0] == pytest.approx(10 + 20 * 59 / 29 if convention is CORNERS else 50)
    np.testing.assert_allclose(convention.box_to_image(moved, **PLACE), boxes, atol=1e-5)


def test_unit_boxes_by_hand():
    """The last pixel of 101 is the 1; the outer corner lies one pixel outside."""
    assert to_unit([[0, 0, 101, 201], [50, 50, 51, 101]], (101, 201)).tolist() == [
        [0, 0, 1, 1],
        [0.5, 0.25, 0.5, 0.5],
    ]
    assert from_unit([[0, 0, 1, 1], [0.5, 0.25, 0.5, 0.5]], (101, 201)).tolist() == [
        [0, 0, 101, 201],
        [50, 50, 51, 101],
    ]


def test_aligned_images_shrink_by_means_and_grow_bilinearly():
    image = np.uint8([[0, 100, 0, 100]] * 4)[..., None]
    assert ALIGNED.resample(image, (2, 2)).ravel().tolist() == [50] * 4
    assert ALIGNED.resample(np.uint8([[0], [100]]), (4, 1)).ravel().tolist() == [0, 25, 75, 100]


def test_images_for_matterports_weights_fade_to_black():
    """Of two pixels 0, 100 on four: the outer ones lie a quarter pixel beyond a centre."""
    assert bilinear_on_black(np.uint8([[0], [100]]), (4, 1)).ravel().tolist() == [0, 25, 75, 75]
    assert CORNERS.resample(np.uint8([[0], [100]]), (4, 1)).ravel().tolist() == [0, 25, 75, 75]


def test_names_and_settings_lead_to_the_two_objects():
    assert convention_named("corners") is convention_named(CORNERS) is CORNERS
    assert [convention_of_setting(s) for s in ("auto", "aligned", "corners")] == [
        ALIGNED,
        ALIGNED,
        CORNERS,
    ]
    with pytest.raises(ValueError, match='"aligned" or "corners". Got \'edges\''):
        convention_named("edges")


def test_copies_and_pickles_are_the_same_object():
    assert copy.deepcopy(CORNERS) is pickle.loads(pickle.dumps(CORNERS)) is CORNERS
