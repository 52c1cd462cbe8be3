"""Paint changes the array it is given, there and only there."""

import numpy as np
import pytest

from mrcnn.drawing.paint import apply_mask, draw_box

MASK = np.zeros((4, 4), bool)
MASK[1:3, 1:3] = True


@pytest.mark.parametrize(
    "mask", [MASK, MASK.astype(np.uint8), MASK * np.float32(0.9), MASK.astype(np.int64)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.float32])
def test_a_mask_tints_its_pixels_in_place(mask, dtype):
    image = np.full((4, 4, 3), 100, dtype)
    assert apply_mask(image, mask, (1.0, 0.0, 0.5)) is image
    assert image[1, 1].astype(int).tolist() == [177, 50, 114]
    assert (image[~MASK] == 100).all()


def test_alpha_is_the_part_of_the_color():
    image = np.full((4, 4, 3), 100, np.uint8)
    apply_mask(image, MASK, (1.0, 1.0, 1.0), alpha=0)
    assert (image == 100).all()
    apply_mask(image, MASK, (1.0, 1.0, 1.0), alpha=1)
    assert (image[MASK] == 255).all()


def test_all_masks_at_once_are_refused():
    with pytest.raises(ValueError, match="masks\\[:, :, i\\]"):
        apply_mask(np.zeros((4, 4, 3)), np.zeros((4, 4, 2)), (1, 1, 1))


def test_a_box_is_two_pixels_wide_and_lies_inside_its_corners():
    image = np.zeros((12, 12, 3), np.uint8)
    assert draw_box(image, (2, 3, 10, 11), [9, 8, 7]) is image
    drawn = image.any(-1)
    assert (
        drawn.sum() == 8 * 8 - 4 * 4
        and drawn[2, 3]
        and drawn[9, 10]
        and not drawn[10].any()
        and not drawn[:, 11].any()
    )
    assert not drawn[4:8, 5:9].any() and image[2, 3].tolist() == [9, 8, 7]


@pytest.mark.parametrize(
    "box",
    [
        (-5, -5, 3, 3),
        (9, 9, 20, 20),
        (3, 3, 3, 8),
        (30, 30, 40, 40),
        (2.4, 2.6, 5.5, 6),
        (4, 4, 6, 5),
    ],
)
def test_boxes_outside_and_small_ones_draw(box):
    draw_box(np.zeros((12, 12, 3), np.uint8), box, [255, 0, 0])
