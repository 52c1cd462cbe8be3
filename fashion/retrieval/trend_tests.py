"""Tests whether a few values rise or fall over time: Mann-Kendall and the slope of Theil and Sen.

Both look at pairs of periods only, later minus earlier. So they need no normal distribution, and
one outlier cannot make a trend.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from mrcnn.typing import Array

# More values in one season have a normal statistic; the exact distribution takes 10 ms up to here.
_EXACT = 50


@dataclass(frozen=True)
class Trend:
    """What the tests say of one series.

    Attributes:
        tau: Kendall's tau-b of value and time, -1 (always falls) to 1 (always rises); 0 where
            nothing differs. Of pairs within one season where seasons are given.
        p: Two-sided p value of Mann-Kendall, exact for up to 50 values a season, also with ties.
        slope: Theil and Sen: the median slope of all pairs, per unit of time.
        slope_low: Lower limit of the slope's interval (Sen 1968).
        slope_high: Upper limit.
    """

    tau: float
    p: float
    slope: float
    slope_low: float
    slope_high: float


def trend_of(
    times: Sequence[float] | Array,
    values: Sequence[float] | Array,
    seasons: Sequence[int] | Array | None = None,
    spread: float = 1.0,
    confidence: float = 0.95,
) -> Trend:
    """Tests one series.

    Args:
        times: `(n,)`, ascending and all different; gaps are allowed.
        values: `(n,)`. Equal values are ties; they speak neither for a rise nor for a fall.
        seasons: `(n,)`; only values of one season are compared (Hirsch, Slack and Smith 1982), so
            that what returns every winter is not a trend. None compares all.
        spread: How much larger than usual the variance of the score is, see `score_spread`.
        confidence: Of the slope's interval.

    Returns:
        The tests. Without a pair to compare tau and slope are 0, and p is 1.
    """
    times, values = np.asarray(times, np.float64), np.asarray(values, np.float64)
    season_of = np.zeros(len(times), int) if seasons is None else np.asarray(seasons)
    first, second = np.triu_indices(len(times), 1)
    compared = season_of[first] == season_of[second]
    first, second = first[compared], second[compared]
    difference = values[second] - values[first]
    score = int(np.sign(difference).sum())
    groups = [tie_sizes(values[season_of == season]) for season in np.unique(season_of)]
    slopes = np.sort(difference / (times[second] - times[first]))
    low, high = _slope_interval(slopes, groups, spread, confidence)
    differing = np.count_nonzero(difference)
    tau = score / math.sqrt(len(difference) * differing) if differing else 0.0
    slope = float(np.median(slopes)) if len(slopes) else 0.0
    return Trend(tau, mann_kendall_p(score, groups, spread), slope, low, high)


def mann_kendall_p(score: int, groups: Sequence[tuple[int, ...]], spread: float = 1.0) -> float:
    """Returns how often chance gives a score that is at least as far from 0.

    Args:
        score: Pairs that rise minus pairs that fall.
        groups: Tie sizes of each season, see `tie_sizes`; one entry without seasons.
        spread: Factor of the score's variance, see `score_spread`.

    Returns:
        The two-sided p value. With a spread of 1 every order of the values is equally likely.
    """
    if max((sum(sizes) for sizes in groups), default=0) <= _EXACT:
        distributions = [_score_counts(sizes) for sizes in groups]
        counts = functools.reduce(np.convolve, distributions, np.array([1.0]))
        # Scores run from -pairs to +pairs in steps of 2. A wider spread falls between two steps.
        scores = np.arange(len(counts) - 1, -1, -2)
        tails = np.cumsum(counts[::-1][: len(scores)]) * 2
        wanted = abs(score) / math.sqrt(spread)
        return min(1.0, float(np.interp(wanted, scores[::-1], tails[::-1])))
    variance = spread * sum(map(score_variance, groups))
    # One less, half a step of 2, is the correction for continuity.
    return min(1.0, float(2 * ndtr(-max(abs(score) - 1, 0) / math.sqrt(variance))))


def smallest_p(times: int, seasons: Sequence[int] | None = None, spread: float = 1.0) -> float:
    """Returns the smallest p value that a series of this length can have.

    Args:
        times: Number of values.
        seasons: `(times,)` season of each, or None.
        spread: Factor of the score's variance, see `score_spread`.

    Returns:
        That of a series which always rises: 2 / n! for n values without seasons.
    """
    values = np.arange(times)
    return trend_of(values, values, seasons, spread).p if times else 1.0


def score_spread(numbers: Array, seasons: Sequence[int] | Array | None = None) -> float:
    """Tells how much unequal numbers of images widen the distribution of the score.

    Mann-Kendall takes all values to be spread alike. A share of few images is spread more, and at
    the first or last periods that makes extreme scores more frequent: in a catalogue whose months
    grow from 10 to 50 images p was below 0.05 in 5.8 % of flat series. The variance is that of
    normal values whose variances are 1 / number: the correlation of two signs is 2 / pi times the
    arcsine of that of the differences (Sheppard 1899).

    Args:
        numbers: `(n,)` images of each value.
        seasons: `(n,)`, see `trend_of`.

    Returns:
        That variance over the one with equal numbers; at least 1, so that p never falls.
    """
    numbers = np.asarray(numbers, np.float64)
    ones = np.ones(len(numbers))
    equal = _score_variance_of(ones, seasons)
    return max(1.0, _score_variance_of(1 / numbers, seasons) / equal) if equal else 1.0


def _score_variance_of(variances: Array, seasons: Sequence[int] | Array | None) -> float:
    """Variance of the score of independent normal values."""
    number = len(variances)
    season_of = np.zeros(number, int) if seasons is None else np.asarray(seasons)
    sign = np.sign(np.arange(number)[None] - np.arange(number)[:, None]).astype(np.float64)
    sign[season_of[:, None] != season_of[None]] = 0
    total = np.count_nonzero(sign) / 2  # each pair with itself
    for i in range(number):
        # Two differences from value i are correlated by it.
        shared = np.sqrt(variances[i] / (variances[i] + variances))
        covariance = 2 / np.pi * np.arcsin(np.outer(shared, shared))
        np.fill_diagonal(covariance, 0)
        total += sign[i] @ covariance @ sign[i]
    return float(total)


def tie_sizes(values: Array) -> tuple[int, ...]:
    """Counts equal values.

    Args:
        values: `(n,)`.

    Returns:
        How often each different value occurs, ascending; `(1, 1, 2)` for 5, 7, 5, 6.
    """
    _, sizes = np.unique(values, return_counts=True)
    return tuple(sorted(sizes.tolist()))


def score_variance(sizes: Sequence[int]) -> float:
    """Returns the variance of the score if every order of the values is equally likely.

    Args:
        sizes: Tie sizes, see `tie_sizes`.

    Returns:
        Kendall's variance, with the correction for ties.
    """
    number = sum(sizes)
    total = number * (number - 1) * (2 * number + 5)
    return (total - sum(size * (size - 1) * (2 * size + 5) for size in sizes)) / 18


@functools.lru_cache(4096)  # series share the sizes of their ties
def _score_counts(sizes: tuple[int, ...]) -> Array:
    """The distribution of the score, from always falling to always rising.

    A score is the number of untied pairs minus twice that of the inversions. The inversions of the
    orders of values with ties are counted by the q-multinomial coefficient (MacMahon 1913), which
    is multiplied up here, in whole numbers of any length.
    """
    ways = np.array([1], object)
    number = 0
    for size in sizes:
        for i in range(1, size + 1):
            number += 1
            longer = np.zeros(len(ways) + number, object)  # times 1 - q^number, …
            longer[: len(ways)] = ways
            longer[number:] -= ways
            for start in range(i):  # … over 1 - q^i
                longer[start::i] = np.cumsum(longer[start::i])
            ways = longer[: len(longer) - i]
    total = sum(ways)
    return np.array([way / total for way in ways])


def _slope_interval(
    slopes: Array, groups: Sequence[tuple[int, ...]], spread: float, confidence: float
) -> tuple[float, float]:
    """Sen's limits: as many slopes from either end as the score strays by chance."""
    if not len(slopes):
        return 0.0, 0.0
    variance = spread * sum(map(score_variance, groups))
    width = ndtri(0.5 + confidence / 2) * math.sqrt(variance)
    low, high = round((len(slopes) - width) / 2), round((len(slopes) + width) / 2)
    return float(slopes[max(low - 1, 0)]), float(slopes[min(high, len(slopes) - 1)])
