"""Overlays: every pixel that is drawn, and none that is not."""

import time

import numpy as np
import pytest

from mrcnn.drawing.overlays import apply_mask, as_rgb, draw_box, draw_instances, enlarge

GREY = np.full((120, 100, 3), 100, np.uint8)
BOX = [(40, 30, 100, 70)]


def full_mask():
    mask = np.zeros((120, 100, 1), bool)
    mask[40:100, 30:70] = True
    return mask


def test_the_input_is_not_changed():
    image = GREY.copy()
    picture = draw_instances(image, BOX, full_mask(), ["dress 0.9"])
    assert picture is not image and (image == 100).all()
    assert picture.shape == image.shape and picture.dtype == np.uint8


def test_a_tint_mixes_the_color_in():
    picture = draw_instances(
        GREY, BOX, full_mask(), colors=[(255, 0, 0)], alpha=0.5, show_boxes=False
    )
    assert picture[70, 50].tolist() == [177, 50, 50]
    assert (picture[:30] == 100).all() and (picture[:, :20] == 100).all()


def test_windows_and_full_masks_give_the_same_picture():
    window = (np.ones((60, 40), bool), 40, 30)
    np.testing.assert_array_equal(
        draw_instances(GREY, BOX, full_mask(), ["a"]), draw_instances(GREY, BOX, [window], ["a"])
    )


def test_the_outline_has_the_full_color():
    picture = draw_instances(
        GREY, BOX, full_mask(), colors=[(255, 0, 0)], show_boxes=False, text_size=9
    )
    red, green, blue = picture[40, 50]
    assert red > 220 and green < 30 and blue < 30  # the tint alone would be (165, 58, 58)


def test_the_outline_can_be_left_out():
    picture = draw_instances(GREY, BOX, full_mask(), show_outlines=False, show_boxes=False, alpha=0)
    np.testing.assert_array_equal(picture, GREY)


def test_a_mask_is_drawn_where_its_box_is_not():
    picture = draw_instances(
        GREY, [(0, 0, 20, 20)], full_mask(), colors=[(255, 0, 0)], alpha=0.5, show_boxes=False
    )
    assert picture[70, 50].tolist() == [177, 50, 50]


def test_a_mask_of_numbers_covers_from_a_half_on():
    np.testing.assert_array_equal(
        draw_instances(GREY, BOX, full_mask() * 0.5 + 0.1), draw_instances(GREY, BOX, full_mask())
    )


def test_an_empty_label_leaves_nothing():
    np.testing.assert_array_equal(
        draw_instances(GREY, BOX * 2, None, ["", []]), draw_instances(GREY, BOX * 2)
    )


def test_a_hole_is_not_tinted():
    mask = full_mask()
    mask[55:85, 40:60] = False
    picture = draw_instances(GREY, BOX, mask, colors=[(255, 0, 0)], show_boxes=False)
    assert picture[70, 50].tolist() == [100, 100, 100]


def test_small_instances_lie_over_large_ones():
    masks = np.concatenate([full_mask(), np.zeros((120, 100, 1), bool)], axis=-1)
    masks[60:80, 40:60, 1] = True
    picture = draw_instances(
        GREY, BOX + [(60, 40, 80, 60)], masks, colors=[(255, 0, 0), (0, 255, 0)], alpha=1.0
    )
    swapped = draw_instances(
        GREY,
        [(60, 40, 80, 60)] + BOX,
        masks[..., ::-1],
        colors=[(0, 255, 0), (255, 0, 0)],
        alpha=1.0,
    )
    assert picture[70, 50].tolist() == [0, 255, 0]
    np.testing.assert_array_equal(picture, swapped)


def test_labels_are_written():
    plain = draw_instances(GREY, BOX, full_mask())
    labelled = draw_instances(GREY, BOX, full_mask(), [["dress 0.91", "floral", "maxi (length)"]])
    assert (plain != labelled).any(-1).sum() > 200


@pytest.mark.parametrize("masks", [None, [], np.zeros((120, 100, 0), bool)])
def test_an_image_without_instances_is_copied(masks):
    np.testing.assert_array_equal(draw_instances(GREY, np.zeros((0, 4)), masks, []), GREY)


def test_a_mask_without_pixels_draws():
    draw_instances(GREY, BOX, np.zeros((120, 100, 1), bool), ["nothing"])
    draw_instances(GREY, BOX, [(np.zeros((0, 0), bool), 0, 0)], ["nothing"])


def test_boxes_that_leave_the_image_draw():
    draw_instances(GREY, [(-10.5, -10, 30, 200), (110, 90, 150, 140)], None, ["a", "b"])


def test_a_very_small_image_draws():
    image = np.zeros((8, 6, 3), np.uint8)
    assert draw_instances(image, [(1, 1, 7, 5)], None, ["headline"]).shape == (8, 6, 3)


def test_a_missing_label_is_named():
    with pytest.raises(ValueError, match="labels. Got 1 for 2"):
        draw_instances(GREY, BOX * 2, None, ["one"])


def test_a_grey_image_is_refused():
    with pytest.raises(ValueError, match="uint8 RGB"):
        draw_instances(GREY[..., 0], BOX)


def test_fifty_instances_take_seconds_not_minutes():
    rng = np.random.default_rng(0)
    image = np.zeros((1024, 768, 3), np.uint8)
    corner = rng.integers(0, (700, 500), (50, 2))
    boxes = np.concatenate([corner, corner + rng.integers(30, 260, (50, 2))], axis=1)
    windows = [(np.ones((y2 - y1, x2 - x1), bool), y1, x1) for y1, x1, y2, x2 in boxes]
    start = time.process_time()
    draw_instances(image, boxes, windows, [["class 0.50", "attribute"]] * 50)
    assert time.process_time() - start < 5


def test_enlarging_keeps_instances_on_their_pixels():
    image, boxes, windows = enlarge(GREY, BOX, full_mask(), longest_edge=400)
    assert image.shape == (360, 300, 3)
    assert boxes.tolist() == [[120, 90, 300, 210]]
    window, top, left = windows[0]
    assert (window.shape, top, left, window.all()) == ((180, 120), 120, 90, True)


def test_a_large_image_is_not_enlarged():
    image, boxes, windows = enlarge(GREY, BOX, None, longest_edge=200)
    assert image is GREY and boxes.tolist() == [list(BOX[0])] and windows is None


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


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        (np.full((2, 3, 3), 100, np.uint8), 100),
        (np.full((2, 3, 3), 100, np.int64), 100),
        (np.full((2, 3, 3), 300, np.int32), 255),
        (np.full((2, 3, 3), 99.6, np.float32), 100),
        (np.full((2, 3, 3), 0.2, np.float64), 51),
        (np.full((2, 3, 3), -3.0), 0),
        (np.full((2, 3), 100, np.uint8), 100),
        (np.full((2, 3, 1), 100, np.uint8), 100),
        (np.full((2, 3, 4), 100, np.uint8), 100),
        (np.ones((2, 3), bool), 255),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if hasattr(value, "dtype") else str(value),
)
def test_every_kind_of_image(image, pixel):
    rgb = as_rgb(image)
    assert rgb.shape == (2, 3, 3) and rgb.dtype == np.uint8 and (rgb == pixel).all()


def test_the_bytes_are_a_copy():
    image = np.zeros((2, 2, 3), np.uint8)
    as_rgb(image)[:] = 9
    assert (image == 0).all()


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4, 3), (4, 4, 2), (0, 4, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="An image is"):
        as_rgb(np.zeros(shape))
