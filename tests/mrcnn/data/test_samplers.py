"""Samplers: how often images are drawn, by hand and on average."""
import numpy as np
import pytest

from mrcnn.data.samplers import RepeatSampler, boost_missed_classes, repeat_factors


def test_a_plain_shuffle_visits_every_image_once_a_round():
    sampler = RepeatSampler(np.ones(7))
    rounds = [sampler.draw(i).tolist() for i in range(3)]
    assert sampler.length == 7 and all(sorted(r) == list(range(7)) for r in rounds)
    assert rounds[0] != rounds[1] != rounds[2]


def test_whole_repeat_factors_are_met_in_every_round():
    sampler = RepeatSampler([1, 3, 2])
    for i in range(10):
        assert np.bincount(sampler.draw(i)).tolist() == [1, 3, 2]


def test_fractions_are_met_on_average_and_never_missed_by_more_than_one():
    repeats = np.array([1.0, 1.5, 2.25, 0.25, 1.0])
    sampler = RepeatSampler(repeats)
    counts = np.stack([np.bincount(sampler.draw(i), minlength=5) for i in range(2000)])
    share = repeats * sampler.length / repeats.sum()
    assert (np.abs(counts - share) < 1).all()
    np.testing.assert_allclose(counts.mean(axis=0), share, atol=0.05)


def test_an_image_of_factor_0_never_appears():
    sampler = RepeatSampler([1, 0, 1, 0])
    assert all(sorted(sampler.draw(i)) == [0, 2] for i in range(20))


def test_a_round_is_a_function_of_seed_and_number():
    one, other = RepeatSampler(np.ones(50), seed=4), RepeatSampler(np.ones(50), seed=4)
    one.draw(0)
    np.testing.assert_array_equal(one.draw(3), other.draw(3))
    assert one.draw(3).tolist() != RepeatSampler(np.ones(50), seed=5).draw(3).tolist()


def test_new_repeat_factors_take_effect_at_once_and_keep_the_length():
    sampler = RepeatSampler(np.ones(6))
    sampler.draw(0)
    sampler.repeats = np.array([5.0, 1, 1, 1, 1, 1])
    assert sampler.length == len(sampler.draw(0)) == 6
    assert np.bincount(sampler.draw(0)).max() >= 3


def test_rare_classes_are_repeated_by_the_square_root():
    images = [np.array([1])] * 15 + [np.array([1, 2, 2])] + [np.array([], int)] * 4            # class 2 is in 1 of 20 images
    factors = repeat_factors(images, threshold=0.2)
    np.testing.assert_allclose(factors, [1] * 15 + [2] + [1] * 4)


def test_no_image_is_repeated_without_rare_classes_or_without_objects():
    assert repeat_factors([np.array([1, 2])] * 3, 0.5).tolist() == [1, 1, 1]
    assert repeat_factors([np.array([], int)] * 2, 0.5).tolist() == [1, 1]


def test_the_worst_of_the_frequent_classes_are_boosted():
    images = [np.array([1])] * 5 + [np.array([2])] * 5 + [np.array([3])]
    factors = boost_missed_classes(images, {1: 0.9, 2: 0.1, 3: 0.0}, frequent_share=0.2, classes=1, factor=3)
    assert factors.tolist() == [1] * 5 + [3] * 5 + [1]


@pytest.mark.parametrize("sensitivity", [{}, {9: 0.0}])
def test_without_a_frequent_class_nothing_is_boosted(sensitivity):
    assert boost_missed_classes([np.array([1]), np.array([2])], sensitivity).tolist() == [1, 1]
