"""Crops: squares around boxes, the surroundings darkened."""

import numpy as np

from fashion.classify.garments.crops import DARKNESS, cut_crops


def test_the_box_is_as_bright_as_the_photo_and_what_surrounds_it_is_darkened():
    photo = np.full((100, 100, 3), 200, np.uint8)
    (crop,) = cut_crops(
        photo, [[30, 40, 70, 80]], 50
    )  # a square of 50 around 40 x 40: from 25, 35 on
    expected = np.full((50, 50, 3), round(200 * DARKNESS), np.uint8)
    expected[5:45, 5:45] = 200
    assert np.array_equal(crop, expected)


def test_proportions_are_kept():
    photo = np.full((200, 200, 3), 250, np.uint8)
    (crop,) = cut_crops(
        photo, [[80, 20, 120, 180]], 100
    )  # 160 wide: a square of 200, at half its size
    bright = crop[:, :, 0] == 250
    assert (
        bright.any(axis=1).sum() == 20 and bright.any(axis=0).sum() == 80 and bright.sum() == 1600
    )


def test_pixels_are_those_of_the_photo_at_their_place():
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    (crop,) = cut_crops(photo, [[16, 16, 48, 48]], 40)  # a square of 40 from 12 on: no resizing
    assert np.array_equal(crop[4:36, 4:36], photo[16:48, 16:48])
    assert np.array_equal(crop[:4], (photo[12:16, 12:52] * DARKNESS).astype(np.uint8))


def test_beyond_the_photo_it_is_black():
    photo = np.full((40, 60, 3), 100, np.uint8)
    (crop,) = cut_crops(photo, [[0, 0, 40, 20]], 50)  # from -5, -15 on
    assert (
        not crop[:5].any()
        and not crop[45:].any()
        and not crop[:, :15].any()
        and (crop[5:45, 15:35] == 100).all()
    )


def test_boxes_without_a_pixel_or_beside_the_photo_give_crops_too():
    photo = np.full((40, 60, 3), 100, np.uint8)
    crops = cut_crops(
        photo, [[5, 5, 5, 5], [40, 60, 40, 60], [-30, -30, -20, -20], [0, 0, 400, 600]], 32
    )
    assert crops.shape == (4, 32, 32, 3) and crops[0].any()
    assert cut_crops(photo, np.zeros((0, 4)), 32).shape == (0, 32, 32, 3)


def test_a_photo_read_at_half_its_size_gives_nearly_the_same_crop():
    y, x = np.mgrid[:200, :160]
    photo = np.stack([y, x, y + x], axis=2).astype(np.uint8) // 2
    (whole,) = cut_crops(photo, [[40, 30, 140, 110]], 48)
    (half,) = cut_crops(photo[::2, ::2], [[20, 15, 70, 55]], 48)
    assert np.abs(whole.astype(int) - half)[4:-4, 4:-4].mean() < 2
