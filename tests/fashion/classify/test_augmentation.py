"""Augmentation: pixels move to where a pencil puts them."""

import numpy as np
import pytest

from fashion.classify.augmentation import augment, erased, mirrored, shifted

CORNER = np.array([[[1, 2, 0], [3, 0, 0], [0, 0, 0]]], np.uint8)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_only_the_chosen_are_mirrored_left_to_right():
    both = mirrored(np.concatenate([CORNER, CORNER]), np.array([True, False]))
    assert both.tolist() == [[[0, 2, 1], [0, 0, 3], [0, 0, 0]], CORNER[0].tolist()]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ((1, 0), [[0, 0, 0], [1, 2, 0], [3, 0, 0]]),
        ((0, 2), [[0, 0, 1], [0, 0, 3], [0, 0, 0]]),
        ((-1, 0), [[3, 0, 0], [0, 0, 0], [0, 0, 0]]),
        ((0, 0), CORNER[0].tolist()),
    ],
)
def test_a_shift_moves_down_and_right_and_fills_with_black(offset, expected):
    assert shifted(CORNER, np.array([offset])).tolist() == [expected]


def test_every_picture_has_its_own_shift():
    three = shifted(np.concatenate([CORNER] * 3), np.array([[0, 1], [0, 0], [2, 2]]))
    assert three[:, 0, 1].tolist() == [1, 2, 0] and three[2, 2, 2] == 1


def test_what_is_erased_is_one_rectangle_of_the_right_size(rng):
    """Noise is 0 to 255; on -1 it is seen everywhere."""
    for changed in erased(np.full((200, 28, 28), -1), rng) >= 0:
        rows, columns = changed.any(axis=1), changed.any(axis=0)
        assert np.array_equal(changed, rows[:, None] & columns[None, :])
        assert all(np.diff(np.flatnonzero(line)).max(initial=1) == 1 for line in (rows, columns))
        assert 0.015 * 784 < changed.sum() < 0.27 * 784


def test_a_given_area_and_aspect_are_kept(rng):
    """A quarter of 16 x 16 pixels, as tall as wide: 8 x 8."""
    changed = erased(np.full((50, 16, 16), -1), rng, area=(0.25, 0.25), aspect=(1, 1)) >= 0
    assert (changed.sum(axis=1).max(axis=1) == 8).all() and (changed.sum(axis=(1, 2)) == 64).all()
    assert (
        len({line.argmax() for line in changed.any(axis=2)}) == 9
    )  # every row from 0 to 8 is the first of some


def test_the_same_numbers_give_the_same_pixels_and_leave_the_source_alone(rng):
    source = rng.integers(0, 256, (40, 28, 28), np.uint8)
    before = source.copy()
    one, two = (
        augment(source, np.random.default_rng([3, 4]), mirror=True, shift=2, erase=0.5)
        for _ in range(2)
    )
    assert (
        np.array_equal(one, two)
        and np.array_equal(source, before)
        and (one != source).any(axis=(1, 2)).mean() > 0.9
    )
    assert not np.array_equal(
        one, augment(source, np.random.default_rng([3, 5]), mirror=True, shift=2, erase=0.5)
    )


def test_no_augmentation_is_a_copy(rng):
    source = rng.integers(0, 256, (4, 28, 28), np.uint8)
    same = augment(source, rng)
    assert np.array_equal(same, source) and not np.shares_memory(same, source)
