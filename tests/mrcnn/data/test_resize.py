"""Placement: where a photo lands, by hand, and that image, masks and boxes go there and back
together."""

from types import SimpleNamespace

import numpy as np
import pytest

from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement, nearest_on_corners, normalise, placement_for
from mrcnn.ops.pixel_convention import ALIGNED, CORNERS, from_unit, to_unit


@pytest.mark.parametrize(
    ("photo_hw", "size_hw", "corner"),
    [
        ((100, 200), (64, 128), (32, 0)),  # wide: bars above and below
        ((200, 100), (128, 64), (0, 32)),  # tall: bars left and right
        ((128, 128), (128, 128), (0, 0)),
        ((50, 40), (50, 40), (39, 44)),  # small: not enlarged
        ((1000, 1), (128, 1), (0, 63)),
    ],
)  # no side vanishes
def test_square_shrinks_to_fit_and_centres(photo_hw, size_hw, corner):
    assert make_placement(photo_hw, (128, 128), "square") == Placement(
        photo_hw, size_hw, corner, (128, 128)
    )


def test_square_enlarges_to_the_shortest_side_or_by_the_smallest_factor_asked_for():
    assert make_placement((50, 40), (128, 128), "square", min_dim=80).size_hw == (100, 80)
    assert make_placement((50, 40), (128, 128), "square", min_scale=1.5).size_hw == (75, 60)
    assert make_placement((50, 40), (128, 128), "square", min_dim=120).size_hw == (
        128,
        102,
    )  # never beyond the canvas


@pytest.mark.parametrize("photo_hw", [(30, 20), (3000, 2000), (60, 40)])
def test_portrait_fills_the_canvas(photo_hw):
    assert make_placement(photo_hw, (192, 128), "portrait").size_hw == (192, 128)


def test_none_takes_the_canvas_size_only():
    assert make_placement((64, 64), (64, 64), "none").window.tolist() == [0, 0, 64, 64]
    with pytest.raises(ValueError, match=r"exactly \(64, 64\).*Got 64 x 65; use 'square'"):
        make_placement((64, 65), (64, 64), "none")


def test_none_without_a_canvas_takes_any_size():
    placement = make_placement((33, 47), mode="none")
    assert placement == Placement((33, 47), (33, 47), (0, 0), (33, 47)) and placement.scale == 1


@pytest.mark.parametrize(
    ("photo_hw", "min_dim", "size_hw", "corner", "canvas_hw"),
    [
        ((128, 192), 64, (128, 192), (0, 0), (128, 192)),  # sides that are multiples of 64 stay
        ((129, 100), 64, (129, 100), (31, 14), (192, 128)),
        ((300, 410), 320, (320, 437), (0, 5), (320, 448)),  # the short side is enlarged first
        ((5, 500), 0, (5, 500), (29, 6), (64, 512)),
    ],
)
def test_pad64_centres_on_the_next_multiples_of_64(photo_hw, min_dim, size_hw, corner, canvas_hw):
    placement = make_placement(photo_hw, mode="pad64", min_dim=min_dim)
    assert placement == Placement(photo_hw, size_hw, corner, canvas_hw)
    (top, bottom), (left, right) = placement.padding
    assert 0 <= bottom - top <= 1 and 0 <= right - left <= 1


def test_a_crop_is_drawn_evenly_from_all_that_fit(rng):
    drawn = [make_placement((66, 65), mode="crop", min_dim=64, rng=rng).crop for _ in range(600)]
    corners, counts = np.unique(np.array(drawn)[:, :2], axis=0, return_counts=True)
    assert (
        corners.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]] and counts.min() > 60
    )
    assert {crop[2:] for crop in drawn} == {(64, 64)}


def test_a_crop_without_a_generator_is_the_centre():
    assert make_placement((100, 81), mode="crop", min_dim=64).crop == (18, 8, 64, 64)
    assert make_placement((32, 40), mode="crop", min_dim=64).crop == (
        0,
        8,
        64,
        64,
    )  # of the photo at twice its size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "square"}, "fixed size, and none was given"),
        ({"mode": "stretch", "canvas_hw": (64, 64)}, "one of 'none', 'square'.*Got 'str"),
        ({"mode": "crop"}, "Got none; set it"),
        ({"mode": "pad64", "min_dim": 65}, "Got 65; the nearest that work are 64 and 128"),
    ],
)
def test_what_a_mode_lacks_is_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_placement((50, 60), **arguments)


def test_a_config_says_how(plain_config):
    assert placement_for(plain_config(IMAGE_MIN_DIM=64), (20, 10)).size_hw == (64, 32)


def settings(mode, min_dim=64, canvas=128):
    """What `placement_for` reads of a Config."""
    return SimpleNamespace(
        IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=min_dim, IMAGE_MIN_SCALE=0, image_hw=(canvas, canvas)
    )


def test_a_config_leaves_the_canvas_to_pad64_and_to_none():
    assert placement_for(settings("pad64"), (100, 150)).canvas_hw == (128, 192)
    assert placement_for(settings("none"), (192, 64)).canvas_hw == (192, 64)
    with pytest.raises(ValueError, match="multiples of 64.*Got 192 x 65; use 'pad64'"):
        placement_for(settings("none"), (192, 65))


def test_a_configs_crop_is_as_large_as_its_shortest_side(rng):
    assert placement_for(settings("crop"), (100, 150)).crop == (18, 43, 64, 64)
    assert len({placement_for(settings("crop"), (100, 150), rng).crop for _ in range(9)}) > 1


def test_the_image_lies_in_its_window_and_black_is_around_it():
    placement = make_placement((100, 200), (128, 128), "square")
    canvas = placement.image(np.full((100, 200, 3), 77, np.uint8))
    y1, x1, y2, x2 = placement.window.astype(int)
    assert canvas.shape == (128, 128, 3) and (canvas[y1:y2, x1:x2] == 77).all()
    assert canvas.sum() == 77 * 3 * (y2 - y1) * (x2 - x1)


def test_shrinking_averages_pixels():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (make_placement((256, 256), (128, 128), "square").image(stripes) == 100).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_masks_of_any_kind_of_number_follow_the_image(dtype, rng):
    placement = make_placement((90, 60), (64, 64), "square")
    mask = np.zeros((90, 60), bool)
    mask[20:60, 15:45] = True
    placed = placement.mask(mask.astype(dtype))
    photo = placement.image(np.repeat(255 * mask[..., None].astype(np.uint8), 3, axis=2))[..., 0]
    assert placed.dtype == bool and (photo[placed] > 0).all() and (photo[~placed] < 255).all()
    assert abs(placed.sum() / 40 / 30 - (64 / 90) ** 2) < 0.03


def test_boxes_find_their_way_back_to_the_photo(rng):
    placement = make_placement((300, 200), (128, 128), "square")
    on_photo = np.float32([[30, 20, 150, 180], [0, 0, 300, 200]])
    (h, w), (y, x) = placement.size_hw, placement.corner
    on_canvas = on_photo * np.float32([h / 300, w / 200] * 2) + np.float32([y, x, y, x])
    np.testing.assert_allclose(placement.boxes_to_original(on_canvas), on_photo, atol=1e-3)


def test_boxes_on_the_bars_are_clipped_to_the_photo():
    placement = make_placement((300, 200), (128, 128), "square")
    assert placement.boxes_to_original([[0, 0, 128, 128]]).tolist() == [[0, 0, 300, 200]]
    assert placement.boxes_to_original(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("corner", [(-30, -20), (10, -20), (-30, 40)])
def test_a_photo_may_reach_beyond_the_canvas(corner, rng):
    placement, (y, x) = Placement((120, 150), (120, 150), corner, (64, 64)), corner
    photo = rng.integers(1, 256, (120, 150, 3), dtype=np.uint8)
    expected = np.zeros((64, 64, 3), np.uint8)
    for i in range(64):
        for j in range(64):
            if 0 <= i - y < 120 and 0 <= j - x < 150:
                expected[i, j] = photo[i - y, j - x]
    canvas = placement.image(photo)
    np.testing.assert_array_equal(canvas, expected)
    np.testing.assert_array_equal(placement.mask(photo[..., 0] > 127), expected[..., 0] > 127)
    y1, x1, y2, x2 = placement.window.astype(int)
    assert canvas[y1:y2, x1:x2].all() and canvas.astype(bool).sum() == 3 * (y2 - y1) * (x2 - x1)
    (top, bottom), (left, right) = placement.padding
    assert (top, left, 64 - bottom, 64 - right) == (y1, x1, y2, x2)
    assert placement.crop == (y1 - y, x1 - x, y2 - y1, x2 - x1)


def test_a_photo_beside_the_canvas_leaves_it_black():
    placement = Placement((20, 20), (20, 20), (70, -30), (64, 64))
    assert not placement.image(np.ones((20, 20, 3), np.uint8)).any() and placement.crop[2:] == (
        0,
        0,
    )


@pytest.mark.parametrize("convention", [ALIGNED, CORNERS])
def test_boxes_on_a_crop_find_their_way_back_to_the_photo(convention):
    placement = Placement((60, 100), (120, 200), (-31, -53), (64, 64))
    on_photo = np.float32([[20, 30, 40, 50], [16, 27, 47, 58]])
    if convention is CORNERS:
        on_canvas = from_unit(to_unit(on_photo, (60, 100)), (120, 200)) - [31, 53, 31, 53]
    else:
        on_canvas = on_photo * 2 - [31, 53, 31, 53]
    np.testing.assert_allclose(
        placement.boxes_to_original(on_canvas, convention), on_photo, atol=1e-4
    )


def test_corner_boxes_by_hand():
    """Of a photo of 11 pixels on 21, pixel 20 is pixel 10: a box up to 21 ends at 11, and one up to
    11 at 6."""
    placement = make_placement((11, 11), (41, 41), "square", min_dim=21)
    assert placement.window.tolist() == [10, 10, 31, 31]
    boxes = placement.boxes_to_original(
        [[10, 10, 31, 31], [10, 20, 21, 31], [0, 0, 50, 50]], convention=CORNERS
    )
    assert (
        boxes.tolist() == [[0, 0, 11, 11], [0, 5, 6, 11], [0, 0, 11, 11]]
        and boxes.dtype == np.float32
    )


def test_the_two_conventions_differ_by_less_than_the_factor(rng):
    placement = make_placement((300, 200), (128, 128), "square")
    boxes = np.sort(rng.uniform(0, 128, (50, 2, 2)), axis=1).reshape(50, 4)
    difference = np.abs(
        placement.boxes_to_original(boxes) - placement.boxes_to_original(boxes, convention=CORNERS)
    )
    assert 0.5 < difference.max() <= 300 / 128 - 1
    assert make_placement((64, 64), (64, 64), "none").boxes_to_original(
        boxes / 2, convention=CORNERS
    ) == pytest.approx(boxes / 2, abs=1e-4)


def test_a_photo_one_pixel_wide_has_finite_corner_boxes():
    assert np.isfinite(
        make_placement((1000, 1), (128, 128), "square").boxes_to_original(
            [[0, 60, 128, 70]], convention=CORNERS
        )
    ).all()


@pytest.mark.parametrize(
    ("mode", "min_dim"), [("square", 0), ("pad64", 64), ("none", 0), ("crop", 64)]
)
def test_padding_and_crop_describe_a_placement(mode, min_dim, rng):
    placement = make_placement(
        (90, 75), (128, 128) if mode == "square" else None, mode, min_dim=min_dim, rng=rng
    )
    crop = placement.crop if mode == "crop" else None
    assert (
        Placement.from_padding((90, 75), placement.scale, [*placement.padding, (0, 0)], crop)
        == placement
    )


def test_a_resampler_of_ones_own_is_asked_for_the_scaled_size():
    asked = []

    def resample(picture, size_hw):
        asked.append(size_hw)
        return np.full((*size_hw, 3), 7.9)

    canvas = make_placement((100, 200), (128, 128), "square").image(
        np.zeros((100, 200, 3), np.uint8), resample
    )
    assert asked == [(64, 128)] and canvas.dtype == np.uint8 and canvas.max() == 7
    make_placement((64, 64), (128, 128), "square").image(np.zeros((64, 64, 3), np.uint8), resample)
    assert len(asked) == 1  # a photo of the right size is copied


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_photos_may_have_any_number_of_channels(channels, rng):
    photo = rng.integers(0, 256, (40, 60, channels), dtype=np.uint8)
    assert make_placement((40, 60), (30, 30), "square").image(photo).shape == (30, 30, channels)


def test_nearest_on_corners_keeps_the_corners():
    assert nearest_on_corners(np.arange(5)[:, None], (3, 1))[:, 0].tolist() == [0, 2, 4]
    assert nearest_on_corners(np.arange(3)[:, None], (5, 2)).tolist() == [
        [0, 0],
        [1, 1],
        [1, 1],
        [2, 2],
        [2, 2],
    ]
    assert nearest_on_corners(np.arange(4)[:, None], (1, 1)).tolist() == [[0]]


def test_pixels_become_float32_around_zero():
    image = normalise(
        np.full((2, 2, 3), 127, np.uint8), np.float32([127, 0, 254]), np.float32([1, 127, 127])
    )
    assert image.dtype == np.float32 and image[0, 0].tolist() == [0, 1, -1]


def test_a_scaled_photo_stays_on_its_canvas_and_is_cut_where_it_is_larger():
    rng, start = np.random.default_rng(0), make_placement((100, 200), (64, 64), "square")
    small = [start.scaled(0.5, rng) for _ in range(60)]
    assert {p.size_hw for p in small} == {(16, 32)} and {p.canvas_hw for p in small} == {(64, 64)}
    assert (
        all(p.corner[0] in range(49) and p.corner[1] in range(33) for p in small)
        and len({p.corner for p in small}) > 30
    )
    large = [start.scaled(3, rng) for _ in range(60)]
    assert {p.size_hw for p in large} == {(96, 192)}
    assert all(
        -p.corner[0] in range(33)
        and -p.corner[1] in range(129)
        and p.window.tolist() == [0, 0, 64, 64]
        for p in large
    )


def test_scale_jitter_is_for_training_only():
    config = SimpleNamespace(
        IMAGE_RESIZE_MODE="square",
        IMAGE_MIN_DIM=0,
        IMAGE_MIN_SCALE=0,
        image_hw=(64, 64),
        SCALE_JITTER=(0.5, 2.0),
    )
    sizes = [
        placement_for(config, (64, 32), np.random.default_rng(i), jitter=True).size_hw[0]
        for i in range(200)
    ]
    assert 32 <= min(sizes) < 40 and 120 < max(sizes) <= 128 and len(set(sizes)) > 60
    assert placement_for(config, (64, 32), np.random.default_rng(0)).size_hw == (64, 32)


def test_a_photo_that_was_read_at_a_reduced_scale_lands_where_the_whole_one_does():
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(0, 255, (40, 30, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    placement = make_placement(photo.shape[:2], (64, 64), "square")
    np.testing.assert_array_equal(placement.image(photo[::4, ::4]), placement.image(photo))


@pytest.mark.parametrize(("photo_hw", "size_hw"), [((7, 5), (7, 5)), ((50, 3), (20, 9))])
def test_shown_says_which_pixels_of_the_photo_a_mask_shows(photo_hw, size_hw):
    placement = Placement(photo_hw, size_hw, (-1, 2), (16, 8))
    rows, columns = placement.source_indices()
    numbers = np.arange(photo_hw[0])[:, None] + 100 * np.arange(photo_hw[1])
    y1, x1, y2, x2 = placement.window.astype(int)
    for bit in range(9):
        mask = (numbers >> bit & 1).astype(bool)
        np.testing.assert_array_equal(
            placement.mask(mask)[y1:y2, x1:x2], mask[np.ix_(rows, columns)]
        )


def test_shown_before_counts_the_pixels_that_show_the_beginning_of_a_side_by_hand():
    # Four rows at half the size: rows 1 and 3 are shown. Two columns at twice the size: each twice,
    # the first copy cut off.
    rows, columns = Placement((4, 2), (2, 4), (0, -1), (2, 4)).window_offsets()
    assert rows.tolist() == [0, 0, 1, 1, 2] and columns.tolist() == [0, 1, 3]


@pytest.mark.parametrize(
    ("photo_hw", "size_hw"), [((7, 5), (7, 5)), ((50, 3), (20, 9)), ((9, 31), (40, 2))]
)
def test_shown_before_counts_what_shown_shows(photo_hw, size_hw):
    placement = Placement(photo_hw, size_hw, (-1, 2), (16, 8))
    for before, shown, n in zip(placement.window_offsets(), placement.source_indices(), photo_hw):
        assert before.tolist() == [(shown < i).sum() for i in range(n + 1)]


@pytest.mark.parametrize("mode", ["pad64", "crop"])
@pytest.mark.parametrize("photo_hw", [(1, 65_000), (65_000, 1), (2, 30_000), (1, 5_000)])
def test_a_strip_is_refused_before_it_is_enlarged_to_gigabytes(mode, photo_hw):
    with pytest.raises(
        ValueError,
        match=f"A photo of {photo_hw[0]} x {photo_hw[1]} pixels .* "
        f"enlarged .*'{mode}'.*use 'square'",
    ):
        make_placement(photo_hw, mode=mode, min_dim=128)


@pytest.mark.parametrize("mode", ["pad64", "crop"])
def test_a_large_photo_that_is_not_enlarged_and_a_panorama_are_placed(mode):
    assert make_placement((8_000, 6_000), mode=mode, min_dim=128).size_hw == (8_000, 6_000)
    assert make_placement((500, 20_000), mode=mode, min_dim=832).size_hw == (832, 33_280)


def test_a_strip_on_a_fixed_canvas_has_a_pixel_of_height():
    assert make_placement((1, 65_000), (128, 128), "square", min_dim=128).size_hw == (1, 128)
