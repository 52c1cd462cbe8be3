"""Sampling: counts and order by hand, and the quality of the hash behind its numbers."""

import numpy as np
import pytest
import scipy.stats

from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE
from mrcnn.ops.sampling import sample, uniform


def finalise(h):
    """MurmurHash3's 32-bit finaliser, as published."""
    h = h ^ (h >> np.uint32(16))
    h = h * np.uint32(0x85EBCA6B)
    h = h ^ (h >> np.uint32(13))
    h = h * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def draw(run, label, seed=0, **settings):
    index, drawn = run(sample, np.int32([label]), np.int32([seed]), **settings)
    return index[0], drawn[0]


def test_the_numbers_are_the_published_hash(run):
    seeds = np.int32([0, 1, 77, 2**31 - 1])
    start = seeds.astype(np.uint32)[:, None] * np.uint32(2654435769)
    expected = finalise(finalise(np.arange(50, dtype=np.uint32) + start) + start) >> np.uint32(8)
    np.testing.assert_array_equal(
        run(uniform, seeds, count=50), expected.astype(np.float32) / 2**24
    )


def test_the_numbers_are_uniform_along_a_row_and_across_seeds(run):
    numbers = run(uniform, np.arange(2000, dtype=np.int32), count=2000)
    assert numbers.min() >= 0 and numbers.max() < 1
    for sequence in (
        numbers[3],
        numbers[1999],
        numbers[:, 0],
        numbers[:, 1500],
        np.diagonal(numbers),
    ):
        assert scipy.stats.kstest(sequence, "uniform").pvalue > 1e-3
    bins = np.histogram(numbers, 64, (0, 1))[0]
    assert scipy.stats.chisquare(bins).pvalue > 1e-3


def test_neighbouring_seeds_and_positions_do_not_resemble_each_other(run):
    numbers = run(uniform, np.arange(300, dtype=np.int32), count=3000)
    worst = 5 / np.sqrt(3000)  # five standard deviations of a chance correlation
    across_seeds = [
        np.corrcoef(numbers[i, shift:], numbers[i + 1, : 3000 - shift])[0, 1]
        for i in (0, 50, 200)
        for shift in (0, 1, 2)
    ]
    along = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in numbers[::60]]
    assert np.abs(across_seeds + along).max() < worst
    assert len(np.unique(numbers[:, 0])) == 300


def test_positives_come_first_and_negatives_fill_the_rest(run):
    label = [NEGATIVE] * 20 + [POSITIVE] * 10 + [IGNORE] * 5
    index, drawn = draw(run, label, num_samples=12, max_positives=4)
    assert drawn.tolist() == [POSITIVE] * 4 + [NEGATIVE] * 8
    assert np.array(label)[index].tolist() == drawn.tolist()
    assert len(set(index.tolist())) == 12


def test_what_is_missing_is_marked_ignore(run):
    index, drawn = draw(
        run, [NEGATIVE, POSITIVE, IGNORE, NEGATIVE, IGNORE, IGNORE], num_samples=6, max_positives=3
    )
    assert drawn.tolist() == [POSITIVE, IGNORE, IGNORE, NEGATIVE, NEGATIVE, IGNORE]
    assert index[0] == 1 and sorted(index[3:5]) == [0, 3]
    assert ((index >= 0) & (index < 6)).all()


def test_negatives_take_the_rows_that_positives_leave_free(run):
    label = [NEGATIVE] * 9 + [POSITIVE] * 2 + [IGNORE] * 5
    index, drawn = draw(run, label, num_samples=8, max_positives=4)
    assert drawn.tolist() == [POSITIVE] * 2 + [NEGATIVE] * 6
    assert len(set(index.tolist())) == 8 and np.array(label)[index].tolist() == drawn.tolist()
    index, drawn = draw(run, [NEGATIVE] * 5 + [IGNORE] * 9, num_samples=8, max_positives=4)
    assert sorted(index[drawn == NEGATIVE]) == [0, 1, 2, 3, 4] and (drawn == IGNORE).sum() == 3


@pytest.mark.parametrize("label", [IGNORE, NEGATIVE, POSITIVE])
def test_one_kind_alone(run, label):
    drawn = draw(run, [label] * 8, num_samples=4, max_positives=2)[1].tolist()
    assert (
        drawn
        == {
            IGNORE: [IGNORE] * 4,
            NEGATIVE: [NEGATIVE] * 4,
            POSITIVE: [POSITIVE] * 2 + [IGNORE] * 2,
        }[label]
    )


def test_a_seed_draws_the_same_again_and_another_draws_others(run):
    label = [NEGATIVE] * 200 + [POSITIVE] * 50
    first, again, other = (
        draw(run, label, seed, num_samples=40, max_positives=10)[0].tolist() for seed in (3, 3, 4)
    )
    assert first == again != other


def test_rows_appended_to_ignore_change_no_draw(run):
    label = [POSITIVE, NEGATIVE, NEGATIVE] * 20
    short, long = (
        draw(run, label + [IGNORE] * more, 9, num_samples=30, max_positives=10) for more in (0, 25)
    )
    np.testing.assert_array_equal(short, long)


def test_every_box_has_the_same_chance(run):
    label = np.tile(np.int32([POSITIVE, NEGATIVE, NEGATIVE, IGNORE] * 10), (4000, 1))
    index, drawn = run(
        sample, label, np.arange(4000, dtype=np.int32), num_samples=9, max_positives=3
    )
    for kind, boxes in ((POSITIVE, 10), (NEGATIVE, 20)):
        times = np.bincount(index[drawn == kind], minlength=40)[label[0] == kind]
        assert len(times) == boxes and scipy.stats.chisquare(times).pvalue > 1e-3
