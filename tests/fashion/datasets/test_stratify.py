"""Stratify: shares by hand, guarantees on random labels, whole groups."""

import numpy as np
import pytest

from fashion.datasets.stratify import folds, hold_out


def alone(number):
    return np.arange(number)


@pytest.fixture
def labels():
    """1,000 photos, 30 labels in 1,000 down to 1 of them."""
    rng = np.random.default_rng(5)
    present = np.zeros((1000, 30), bool)
    for label, photos in enumerate(np.geomspace(1000, 1, 30).round().astype(int)):
        present[rng.choice(1000, photos, replace=False), label] = True
    return present


def test_every_label_has_its_share_in_every_fold():
    """12 photos with label 0, 8 of them with label 1 as well: a fold of four has 3 and 2 of them.
    Four photos have neither."""
    present = np.array([[1, 1]] * 8 + [[1, 0]] * 4 + [[0, 0]] * 4, bool)
    fold = folds(present, alone(16), np.random.default_rng(0).permutation(16), 4)
    for i in range(4):
        assert (
            present[fold == i].sum(axis=0).tolist() == [3, 2] and np.count_nonzero(fold == i) == 4
        )


def test_the_rarest_label_is_dealt_out_first():
    """Label 1 is in two of six photos; each of two folds gets one, in any order."""
    present = np.array([[1, 1], [1, 1], [1, 0], [1, 0], [1, 0], [1, 0]], bool)
    for seed in range(10):
        fold = folds(present, alone(6), np.random.default_rng(seed).permutation(6), 2)
        assert fold[0] != fold[1] and np.bincount(fold).tolist() == [3, 3]


def test_a_tenth_of_every_label_is_held_out(labels):
    val = hold_out(labels, alone(1000), np.random.default_rng(0).permutation(1000), 0.1)
    photos, held_out = labels.sum(axis=0), labels[val].sum(axis=0)
    several = photos > 1
    assert (held_out[several] >= 0.1 * photos[several]).all() and (
        held_out[several] < photos[several]
    ).all()
    assert (held_out[~several] == 0).all() and several.sum() == 28
    common = photos >= 50
    assert (held_out[common] <= 0.15 * photos[common]).all() and 100 <= val.sum() <= 115


def test_folds_part_the_photos_and_even_out_what_chance_would_not(labels):
    fold = folds(labels, alone(1000), np.arange(1000), 5)
    assert abs(np.bincount(fold) - 200).max() <= 10
    frequent = labels.sum(axis=0) >= 10
    shares = (
        np.stack([labels[fold == i].sum(axis=0) for i in range(5)])[:, frequent]
        / labels.sum(axis=0)[frequent]
    )
    assert shares.min() > 0.1 and shares.max() < 0.3


def test_a_group_stays_together(labels):
    group = np.arange(1000) // 4 * 4
    order = np.random.default_rng(1).permutation(1000)
    for part in (hold_out(labels, group, order, 0.1), folds(labels, group, order, 3)):
        assert (part == part[group]).all() and len(np.unique(part)) > 1


def test_photos_in_another_order_are_parted_alike(labels):
    rng = np.random.default_rng(2)
    order, moved = rng.permutation(1000), rng.permutation(1000)
    place = np.argsort(moved)  # where photo i has gone
    assert (
        hold_out(labels[moved], alone(1000), place[order], 0.1)
        == hold_out(labels, alone(1000), order, 0.1)[moved]
    ).all()
    assert (
        folds(labels[moved], alone(1000), place[order], 4)
        == folds(labels, alone(1000), order, 4)[moved]
    ).all()


def test_neither_part_is_empty():
    for present in (
        np.eye(3, dtype=bool),
        np.zeros((3, 2), bool),
        np.ones((3, 1), bool),
        np.zeros((3, 0), bool),
    ):
        assert (
            hold_out(present, alone(3), alone(3), 0.1).sum() == 1
            and hold_out(present, alone(3), alone(3), 0.99).sum() <= 2
        )


def test_there_must_be_something_to_part():
    with pytest.raises(ValueError, match="at least 2 photos, or groups .* Got 1, of 3 photos"):
        hold_out(np.ones((3, 1), bool), np.zeros(3, int), alone(3), 0.5)
    with pytest.raises(ValueError, match="4 folds need at least 4 photos"):
        folds(np.ones((3, 1), bool), alone(3), alone(3), 4)
