"""Seed statistics: means over the seeds of a study, spreads, and paired differences.

NaN stands for a run that is missing or has nothing to measure.
"""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from fashion.pages.text import signed
from mrcnn.typing import Array


def known(values: Array | Sequence[float]) -> Array:
    """Drops NaN.

    Args:
        values: `(S,)` float.

    Returns:
        `(n,)` float64.
    """
    values = np.asarray(values, np.float64)
    return values[~np.isnan(values)]


def mean(values: Array) -> float:
    """Computes the mean.

    Args:
        values: `(n,)` float, without NaN.

    Returns:
        The mean; NaN without values.
    """
    return float(np.mean(values)) if len(values) else np.nan


def standard_deviation(values: Array) -> float:
    """Computes the standard deviation of a sample.

    Args:
        values: `(n,)` float, without NaN.

    Returns:
        The standard deviation; NaN of less than two values.
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def half_interval(differences: Array) -> float:
    """Computes half the 95 % interval of a mean (Student's t).

    Args:
        differences: `(n,)` float, without NaN.

    Returns:
        Half the width of the interval; NaN of less than two values.
    """
    n = len(differences)
    if n < 2:
        return np.nan
    # Student's t: with three seeds the factor is 4.30, where a normal distribution has 1.96.
    return stats.t.ppf(0.975, n - 1) * standard_deviation(differences) / n**0.5


def mean_text(values: Array | Sequence[float], digits: int = 3) -> str:
    """Writes a mean and its spread over the seeds.

    Args:
        values: `(S,)` float; NaN is left out.
        digits: Digits after the point.

    Returns:
        "0.123 ± 0.004"; of one value "0.123", of none a dash.
    """
    values = known(values)
    if not len(values):
        return "–"
    spread = f" ± {standard_deviation(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"


def difference_text(differences: Array) -> str:
    """Writes the mean of paired differences and half its 95 % interval.

    Args:
        differences: `(n,)` float, without NaN.

    Returns:
        "+0.012 ± 0.004 *", with a star where the interval excludes 0; without interval of one
        value; a dash of none.
    """
    if len(differences) < 2:
        return signed(differences[0]) if len(differences) else "–"
    half = half_interval(differences)
    star = " *" if abs(mean(differences)) > half else ""
    return f"{signed(mean(differences))} ± {half:.3f}{star}"
