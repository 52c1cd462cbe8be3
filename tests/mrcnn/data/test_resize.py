"""Placement: where a photo lands, by hand, and that image, masks and boxes go there and back together."""
import numpy as np
import pytest

from mrcnn.data.resize import Placement, normalise, place, place_for


@pytest.mark.parametrize(("photo_hw", "size_hw", "corner"), [
    ((100, 200), (64, 128), (32, 0)),          # wide: bars above and below
    ((200, 100), (128, 64), (0, 32)),          # tall: bars left and right
    ((128, 128), (128, 128), (0, 0)),
    ((50, 40), (50, 40), (39, 44)),            # small: not enlarged
    ((1000, 1), (128, 1), (0, 63))])           # no side vanishes
def test_square_shrinks_to_fit_and_centres(photo_hw, size_hw, corner):
    assert place(photo_hw, (128, 128), "square") == Placement(photo_hw, size_hw, corner, (128, 128))


def test_square_enlarges_to_the_shortest_side_or_by_the_smallest_factor_asked_for():
    assert place((50, 40), (128, 128), "square", min_dim=80).size_hw == (100, 80)
    assert place((50, 40), (128, 128), "square", min_scale=1.5).size_hw == (75, 60)
    assert place((50, 40), (128, 128), "square", min_dim=120).size_hw == (128, 102)            # never beyond the canvas


@pytest.mark.parametrize("photo_hw", [(30, 20), (3000, 2000), (60, 40)])
def test_portrait_fills_the_canvas(photo_hw):
    assert place(photo_hw, (192, 128), "portrait").size_hw == (192, 128)


def test_none_takes_the_canvas_size_only():
    assert place((64, 64), (64, 64), "none").window.tolist() == [0, 0, 64, 64]
    with pytest.raises(ValueError, match=r"exactly \(64, 64\).*Got 64 x 65; use 'square'"):
        place((64, 65), (64, 64), "none")


def test_a_config_says_how(plain_config):
    assert place_for(plain_config(IMAGE_MIN_DIM=64), (20, 10)).size_hw == (64, 32)


def test_the_image_lies_in_its_window_and_black_is_around_it():
    placement = place((100, 200), (128, 128), "square")
    canvas = placement.image(np.full((100, 200, 3), 77, np.uint8))
    y1, x1, y2, x2 = placement.window.astype(int)
    assert canvas.shape == (128, 128, 3) and (canvas[y1:y2, x1:x2] == 77).all()
    assert canvas.sum() == 77 * 3 * (y2 - y1) * (x2 - x1)


def test_shrinking_averages_pixels():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (place((256, 256), (128, 128), "square").image(stripes) == 100).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_masks_of_any_kind_of_number_follow_the_image(dtype, rng):
    placement = place((90, 60), (64, 64), "square")
    mask = np.zeros((90, 60), bool)
    mask[20:60, 15:45] = True
    placed = placement.mask(mask.astype(dtype))
    photo = placement.image(np.repeat(255 * mask[..., None].astype(np.uint8), 3, axis=2))[..., 0]
    assert placed.dtype == bool and (photo[placed] > 0).all() and (photo[~placed] < 255).all()
    assert abs(placed.sum() / 40 / 30 - (64 / 90) ** 2) < 0.03


def test_boxes_find_their_way_back_to_the_photo(rng):
    placement = place((300, 200), (128, 128), "square")
    on_photo = np.float32([[30, 20, 150, 180], [0, 0, 300, 200]])
    (h, w), (y, x) = placement.size_hw, placement.corner
    on_canvas = on_photo * np.float32([h / 300, w / 200] * 2) + np.float32([y, x, y, x])
    np.testing.assert_allclose(placement.boxes_to_photo(on_canvas), on_photo, atol=1e-3)


def test_boxes_on_the_bars_are_clipped_to_the_photo():
    placement = place((300, 200), (128, 128), "square")
    assert placement.boxes_to_photo([[0, 0, 128, 128]]).tolist() == [[0, 0, 300, 200]]
    assert placement.boxes_to_photo(np.zeros((0, 4))).shape == (0, 4)


def test_pixels_become_float32_around_zero():
    image = normalise(np.full((2, 2, 3), 127, np.uint8), np.float32([127, 0, 254]), np.float32([1, 127, 127]))
    assert image.dtype == np.float32 and image[0, 0].tolist() == [0, 1, -1]
