"""Mann-Kendall and Theil-Sen: by hand, against every order of the values, and against SciPy."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau, theilslopes

from fashion.retrieval.trend_tests import (
    mann_kendall_p,
    score_spread,
    score_variance,
    smallest_p,
    tie_sizes,
    trend_of,
)


def scores_of_every_order(values):
    scores = []
    for order in itertools.permutations(values):
        pairs = itertools.combinations(order, 2)
        scores.append(sum((later > earlier) - (later < earlier) for earlier, later in pairs))
    return np.array(scores)


@pytest.mark.parametrize(
    "values",
    [[1, 2], [1, 2, 3, 4], [1, 1, 2], [1, 1, 2, 2, 2], [1, 1, 1], [1, 2, 2, 3, 3, 3, 4], []],
)
def test_p_counts_the_orders_of_the_values(values):
    every = scores_of_every_order(values)
    for score in np.unique(every):
        expected = (abs(every) >= abs(score)).mean()
        assert mann_kendall_p(score, [tie_sizes(np.array(values))]) == pytest.approx(expected)
    assert every.var() == pytest.approx(score_variance(tie_sizes(np.array(values))))


def test_p_of_two_seasons_counts_the_orders_within_each():
    one, other = scores_of_every_order([1, 2, 3]), scores_of_every_order([1, 1, 2])
    sums = np.add.outer(one, other).ravel()
    for score in np.unique(sums):
        expected = (abs(sums) >= abs(score)).mean()
        assert mann_kendall_p(score, [(1, 1, 1), (1, 2)]) == pytest.approx(expected)


@pytest.mark.parametrize("number", [5, 12, 30])
def test_without_ties_it_is_kendalls_exact_test(number):
    values = np.random.default_rng(number).normal(size=number)
    expected = kendalltau(np.arange(number), values, method="exact")
    found = trend_of(np.arange(number), values)
    assert (found.tau, found.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_a_long_series_has_the_normal_approximation():
    values = np.random.default_rng(3).normal(size=50)
    exact, close = trend_of(range(50), values), trend_of(range(51), [*values, np.median(values)])
    assert exact.p == pytest.approx(close.p, abs=0.03)
    score = round(exact.tau * 50 * 49 / 2)
    normal = math.erfc((abs(score) - 1) / math.sqrt(2 * score_variance((1,) * 50)))
    assert exact.p == pytest.approx(normal, abs=0.002)


@pytest.mark.parametrize("ties", [False, True])
def test_the_slope_is_that_of_scipy_also_with_gaps(ties):
    generator = np.random.default_rng(1)
    times = np.sort(generator.choice(60, 24, replace=False))
    values = 0.1 * times + generator.normal(size=24)
    values = np.round(values) if ties else values
    expected = theilslopes(values, times, 0.95)
    found = trend_of(times, values)
    assert (found.slope, found.slope_low, found.slope_high) == pytest.approx(
        (expected.slope, expected.low_slope, expected.high_slope)
    )


def test_what_returns_every_year_is_no_trend_within_seasons():
    months = np.arange(18)  # a year and a half of a wave: the second winter has no summer after it
    wave = np.cos(months * 2 * np.pi / 12).round(9)
    assert trend_of(months, wave, months % 12).p == 1
    rising = trend_of(months, months / 100 + wave, months % 12)
    assert rising.tau == 1
    assert rising.slope == pytest.approx(0.01)
    assert rising.p == pytest.approx(2 / 2**6)  # six months occur twice


@pytest.mark.parametrize("values", [[], [0.3], [0.2] * 6])
def test_nothing_to_compare_is_no_trend(values):
    found = trend_of(range(len(values)), values)
    assert (found.tau, found.p, found.slope) == (0, 1, 0)


def test_few_periods_cannot_have_a_small_p():
    assert smallest_p(4) == pytest.approx(2 / 24)
    assert smallest_p(7) == pytest.approx(2 / math.factorial(7))
    assert smallest_p(0) == smallest_p(1) == 1
    assert smallest_p(4, [0, 1, 0, 1]) == pytest.approx(0.5)


def test_chance_gives_a_p_below_alpha_in_at_most_that_share():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(400):  # shares of few images: many ties
        found.append(trend_of(range(10), generator.binomial(12, 0.15, 10) / 12).p)
    assert (np.array(found) <= 0.05).mean() <= 0.07


@pytest.mark.parametrize("seasons", [None, [0, 1, 2] * 4])
def test_the_spread_of_the_score_is_that_of_draws(seasons):
    numbers = np.array([4, 6, 9, 12, 15, 20, 25, 30, 40, 50, 60, 90])
    draws = np.random.default_rng(0).normal(size=(40_000, 12))
    first, second = np.triu_indices(12, 1)
    if seasons:
        same = np.array(seasons)[first] == np.array(seasons)[second]
        first, second = first[same], second[same]

    def variance(values):
        return np.sign(values[:, second] - values[:, first]).sum(axis=1).var()

    expected = variance(draws / np.sqrt(numbers)) / variance(draws)
    assert expected > 1.05
    assert score_spread(numbers, seasons) == pytest.approx(expected, rel=0.03)


def test_equal_numbers_and_few_in_the_middle_do_not_widen_it():
    assert score_spread(np.full(7, 20)) == 1
    assert score_spread(np.array([50, 50, 5, 50, 50])) == 1  # narrower: p is not lowered
    assert score_spread(np.array([5])) == score_spread(np.array([], int)) == 1


def test_a_wider_score_raises_p():
    values = [1, 2, 4, 3, 5, 6]
    assert trend_of(range(6), values, spread=1.3).p > trend_of(range(6), values).p
    long = np.arange(60) % 13
    assert trend_of(range(60), long, spread=1.3).p > trend_of(range(60), long).p
