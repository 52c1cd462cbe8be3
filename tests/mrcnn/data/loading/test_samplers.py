"""Samplers: how often images are drawn, by hand and on average."""

import numpy as np
import pytest

from mrcnn.data.loading.samplers import (
    RepeatSampler,
    balanced_factors,
    boost_missed_classes,
    effective_number_factors,
    effective_number_weights,
    label_matrix,
    objects_drawn,
    repeat_factors,
)


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
    images = (
        [np.array([1])] * 15 + [np.array([1, 2, 2])] + [np.array([], int)] * 4
    )  # class 2 is in 1 of 20 images
    factors = repeat_factors(images, threshold=0.2)
    np.testing.assert_allclose(factors, [1] * 15 + [2] + [1] * 4)


def test_no_image_is_repeated_without_rare_classes_or_without_objects():
    assert repeat_factors([np.array([1, 2])] * 3, 0.5).tolist() == [1, 1, 1]
    assert repeat_factors([np.array([], int)] * 2, 0.5).tolist() == [1, 1]


def test_the_worst_of_the_frequent_classes_are_boosted():
    images = [np.array([1])] * 5 + [np.array([2])] * 5 + [np.array([3])]
    factors = boost_missed_classes(
        images, {1: 0.9, 2: 0.1, 3: 0.0}, frequent_share=0.2, classes=1, factor=3
    )
    assert factors.tolist() == [1] * 5 + [3] * 5 + [1]


@pytest.mark.parametrize("sensitivity", [{}, {9: 0.0}])
def test_without_a_frequent_class_nothing_is_boosted(sensitivity):
    assert boost_missed_classes([np.array([1]), np.array([2])], sensitivity).tolist() == [1, 1]


LISTS = [np.array([1]), np.array([1, 1, 2]), np.array([], int), np.array([3])]
MATRIX = np.array([[0, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])


def test_lists_of_ids_are_counted_into_a_matrix():
    assert label_matrix(LISTS).tolist() == MATRIX.tolist() and label_matrix(MATRIX) is MATRIX
    assert label_matrix([]).shape == (0, 1)


@pytest.mark.parametrize(
    "factors",
    [
        lambda labels: repeat_factors(labels, 0.9),
        balanced_factors,
        lambda labels: effective_number_factors(labels, 0.5),
        lambda labels: boost_missed_classes(labels, {1: 0.2, 3: 0.1}, classes=1),
    ],
)
def test_lists_matrices_of_counts_and_of_bool_give_the_same_factors(factors):
    assert factors(LISTS).tolist() == factors(MATRIX).tolist() == factors(MATRIX > 0).tolist()


def test_balancing_draws_every_class_equally_often():
    """Of 4 rounds' images a third go to each class: class 1 is in two images, 2 and 3 in
    one each."""
    np.testing.assert_allclose(balanced_factors(MATRIX), 4 / 3 * np.array([1 / 2, 1 / 2 + 1, 0, 1]))
    alone = np.repeat(np.eye(3, dtype=int), [6, 3, 1], axis=0)  # images with one class each
    np.testing.assert_allclose(objects_drawn(alone, balanced_factors(alone)), [10 / 3] * 3)


def test_balancing_needs_labels():
    with pytest.raises(ValueError, match="no image has any"):
        balanced_factors([np.array([], int)])


def test_effective_numbers_by_hand():
    """beta 0.5: one example counts 1, two 1.5, three 1.75; the weights 1, 2/3, 4/7 have a mean of
    47/63."""
    np.testing.assert_allclose(
        effective_number_weights([1, 2, 0, 3], 0.5), np.array([1, 2 / 3, 0, 4 / 7]) * 63 / 47
    )
    np.testing.assert_allclose(effective_number_weights([5, 700], 0), [1, 1])
    np.testing.assert_allclose(
        effective_number_weights([1, 3], 1 - 1e-9), [1.5, 0.5], rtol=1e-6
    )  # as 1 / n


def test_an_image_counts_as_its_rarest_class_does():
    """Class 1 is in two images, 2 and 3 in one; with beta 0.5 class 1 weighs 2/3 of the others, and
    so does an image without any."""
    factors = effective_number_factors(MATRIX, 0.5)
    np.testing.assert_allclose(factors, np.array([2 / 3, 1, 2 / 3, 1]) * 4 / (10 / 3))
    np.testing.assert_allclose(effective_number_factors(MATRIX, 0), [1] * 4)


def test_objects_of_a_round_are_those_that_the_sampler_draws():
    repeats = np.array([1.0, 2.5, 1.0, 0.25])
    sampler = RepeatSampler(repeats)
    drawn = np.mean([MATRIX[sampler.draw(i)].sum(axis=0) for i in range(2000)], axis=0)
    np.testing.assert_allclose(objects_drawn(MATRIX, repeats), drawn, atol=0.05)
    assert objects_drawn(MATRIX, np.ones(4)).tolist() == [0, 3, 1, 1]
    assert objects_drawn(MATRIX, np.ones(4), length=8).tolist() == [0, 6, 2, 2]


def test_crowds_are_no_labels():
    assert label_matrix([[2], [-1, 1], [-3]]).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
