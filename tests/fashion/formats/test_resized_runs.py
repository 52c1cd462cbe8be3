import cv2
import numpy as np
import pytest

from fashion.formats import rle
from fashion.formats.resized_runs import resize_runs


def resized(texts, photo_hw, size_hw):
    """Texts of masks -> texts of the smaller masks, and which would have been lost."""
    starts, lengths, counts, lost = resize_runs(*rle.parse_all(texts, photo_hw), photo_hw, size_hw)
    ends = np.cumsum(counts)
    return [
        rle.format_runs(starts[b - n : b], lengths[b - n : b]) for n, b in zip(counts, ends)
    ], lost.tolist()


def by_pixels(text, photo_hw, size_hw):
    """The same by painting the mask and letting OpenCV resize it."""
    mask = rle.decode(text, photo_hw).astype(np.uint8)
    return rle.encode(cv2.resize(mask, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT))


def test_half_the_size_shows_every_second_pixel_by_hand():
    # Centres 0.5 and 1.5 of a half lie on pixels 1 and 3 of four: floor((i + 0.5) * 2).
    #   . . x x
    #   . X x X     capitals are shown: (1, 1), (1, 3), (3, 1)
    #   . x x .
    #   . X . .
    mask = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 0], [0, 1, 0, 0]], bool)
    assert resized([rle.encode(mask)], (4, 4), (2, 2)) == (
        ["1 3"],
        [False],
    )  # down the columns: (0, 0), (1, 0), (0, 1)


def test_a_lost_mask_keeps_the_pixel_in_which_its_middle_lies_by_hand():
    # Row 0 of four is never shown at half the size. Its four pixels are 1, 5, 9, 13; the one at 4
    # // 2 is 9, column 2, so column 1 of two.
    assert resized(["1 1 5 1 9 1 13 1", "1 16"], (4, 4), (2, 2)) == (["3 1", "1 4"], [True, False])


def test_lost_masks_stay_in_their_order():
    texts = [
        "1 1",
        "6 1",
        "16 1",
        "11 1",
        "1 16",
        "3 1",
    ]  # of these pixels of 4 x 4, (1, 1) and (3, 3) are shown at half the size
    assert resized(texts, (4, 4), (2, 2)) == (
        ["1 1", "1 1", "4 1", "4 1", "1 4", "2 1"],
        [True, False, False, True, False, True],
    )


def test_runs_that_meet_become_one():
    # Three rows of a column of nine, 2 and 8 unset: the centres of three show rows 1, 4, 7.
    assert resized(["1 1 2 1 4 5"], (9, 1), (3, 1)) == (["1 3"], [False])
    assert resized(["1 18"], (9, 2), (3, 2)) == (["1 6"], [False])  # a run over two columns


@pytest.mark.parametrize(
    "photo_hw,size_hw",
    [
        ((37, 23), (16, 10)),
        ((64, 48), (32, 24)),
        ((50, 71), (50, 70)),
        ((9, 200), (1, 20)),
        ((1932, 3), (1015, 1)),
        ((30, 30), (30, 30)),
        ((41, 17), (1, 1)),
    ],
)
def test_it_is_decoding_resizing_and_encoding(photo_hw, size_hw):
    rng = np.random.default_rng(0)
    masks = [rng.random(photo_hw) < density for density in (0.002, 0.01, 0.1, 0.5, 0.9, 1)]
    masks += [
        np.roll(
            np.add.outer(np.linspace(-1, 1, photo_hw[0]) ** 2, np.linspace(-1, 1, photo_hw[1]) ** 2)
            < r,
            5,
            0,
        )
        for r in (0.05, 0.3, 1)
    ]
    texts = [rle.encode(mask) for mask in masks if mask.any()]
    found, lost = resized(texts, photo_hw, size_hw)
    assert not all(lost)
    for text, new, gone in zip(texts, found, lost):
        expected = by_pixels(text, photo_hw, size_hw)
        assert new == expected if expected else gone and rle.area(new) == 1
        assert rle.check_runs(new, size_hw) is None


def test_runs_over_columns_are_the_same_masks():
    """Kaggle's own never go over a column's end; ours do."""
    photo_hw, size_hw = (40, 30), (17, 13)
    mask = np.random.default_rng(1).random(photo_hw) < 0.8
    starts, ends = (
        np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=0) != 0).reshape(-1, 2).T
    )
    assert (starts // 40 != (ends - 1) // 40).any()
    text = rle.format_runs(starts, ends - starts)
    assert resized([text], photo_hw, size_hw)[0] == [by_pixels(text, photo_hw, size_hw)]


def test_no_masks_are_none():
    none = np.zeros(0, np.int64)
    assert [len(values) for values in resize_runs(none, none, none, (9, 9), (3, 3))] == [0, 0, 0, 0]


def test_a_larger_grid_is_refused():
    with pytest.raises(ValueError, match="smaller grid only"):
        resized(["1 1"], (4, 4), (4, 5))
