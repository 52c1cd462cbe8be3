"""Learning curve: a power law of the score over the number of training images, and its limits.

score(n) = a - b n^-c, fitted to the means over the seeds. What more images would bring is given
with an interval, or refused where the runs do not support it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

from fashion.pages.text import signed
from fashion.studies.seed_statistics import known
from mrcnn.typing import Array

FACTORS = (2, 4)  # of the largest size; farther than that the form of the curve is a guess
_EXPONENTS = np.geomspace(0.05, 2.0, 60)
_DRAWS = 2000
_LEVEL = 0.05
_MIN_SIZES = 3  # a power law has three numbers


@dataclasses.dataclass(frozen=True)
class Fit:
    """A fitted power law, score(n) = a - b n^-c.

    Attributes:
        a: The score that it approaches, at most 1.
        b: At least 0.
        c: The exponent.
    """

    a: float
    b: float
    c: float

    def at(self, n: Array | float) -> Array:
        """Computes the score.

        Args:
            n: Numbers of images.

        Returns:
            Scores.
        """
        return self.a - self.b * np.asarray(n, np.float64) ** -self.c


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What more images would bring.

    Attributes:
        fit: The power law; None if it was not fitted.
        refused: Why nothing is forecast; empty if something is.
        photos: Numbers of images.
        scores: Expected scores.
        gains: Expected gains over the largest size, by the curve.
        low: Ends of the 95 % intervals of the gains.
        high: Likewise.
    """

    fit: Fit | None
    refused: str = ""
    photos: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


def fit_power_law(sizes: Array, means: Array, weights: Array) -> Fit:
    """Fits a power law by least squares.

    Args:
        sizes: `(k,)` numbers of images.
        means: `(k,)` scores.
        weights: `(k,)`, such as the number of seeds.

    Returns:
        The best of 60 exponents from 0.05 to 2, with a at most 1 and b at least 0.
    """
    a, b, c = _fits(np.asarray(sizes, np.float64), np.asarray(means)[None], np.asarray(weights))
    return Fit(float(a[0]), float(b[0]), float(c[0]))


def _fits(sizes: Array, means: Array, weights: Array) -> tuple[Array, Array, Array]:
    """a, b, c of (r, k) rows of means, each (r,)."""
    x = sizes[None] ** -_EXPONENTS[:, None]  # (e, k)
    w = weights / weights.sum()
    x_mean, y_mean = x @ w, means @ w  # (e,), (r,)
    dx, dy = x - x_mean[:, None], means - y_mean[:, None]
    b = -np.einsum("ek,rk,k->re", dx, dy, w) / np.maximum((dx**2) @ w, 1e-300)
    b = np.maximum(b, 0.0)
    a = y_mean[:, None] + b * x_mean
    # A score cannot pass 1: where it would, a is 1 and b is fitted alone.
    capped = np.einsum("ek,rk,k->re", x, 1 - means, w) / ((x**2) @ w)
    b, a = np.where(a > 1, np.maximum(capped, 0.0), b), np.minimum(a, 1.0)
    residual = means[:, None] - (a[..., None] - b[..., None] * x)
    best = np.argmin(residual**2 @ w, axis=1)
    rows = np.arange(len(means))
    return a[rows, best], b[rows, best], _EXPONENTS[best]


def forecast(scores: Mapping[int, Array], seed: int = 0) -> Forecast:
    """Forecasts the score of more images.

    Args:
        scores: Score of each seed, by number of images; NaN where a run is missing.
        seed: Of the draws behind the intervals.

    Returns:
        The forecast. It is refused with less than three sizes, without a second seed, if the score
        does not rise significantly, or if the means do not lie on a power law.
    """
    values = {size: known(row) for size, row in sorted(scores.items()) if len(known(row))}
    sizes = np.array(list(values), np.float64)
    if len(values) < _MIN_SIZES:
        return Forecast(
            None, f"a power law has three numbers, so it needs three sizes. There are {len(values)}"
        )
    counts = np.array([len(row) for row in values.values()])
    means = np.array([row.mean() for row in values.values()])
    fit = fit_power_law(sizes, means, counts)
    freedom = int((counts - 1).sum())
    if not freedom:
        return Forecast(fit, "with one seed of each size, the noise of a run is unknown")
    squares = sum(((row - row.mean()) ** 2).sum() for row in values.values())
    variance = squares / freedom
    reason = _not_rising(list(values.values()), variance, freedom) or _not_on_the_curve(
        sizes, means, counts, fit, variance, freedom
    )
    if reason:
        return Forecast(fit, reason)
    photos = tuple(int(factor * sizes[-1]) for factor in FACTORS)
    rng = np.random.default_rng(seed)
    drawn = variance * freedom / rng.chisquare(freedom, (_DRAWS, 1))
    noise = rng.normal(size=(_DRAWS, len(sizes))) * np.sqrt(drawn / counts)
    a, b, c = _fits(sizes, fit.at(sizes) + noise, counts)
    low, high = [], []
    for n in photos:
        gains = b * (sizes[-1] ** -c - n**-c)
        ends = np.quantile(gains, (0.025, 0.975))
        low.append(float(ends[0]))
        high.append(float(ends[1]))
    expected = [float(fit.at(n)) for n in photos]
    last = float(fit.at(sizes[-1]))
    return Forecast(
        fit,
        "",
        photos,
        tuple(expected),
        tuple(score - last for score in expected),
        tuple(low),
        tuple(high),
    )


def _not_rising(rows: Sequence[Array], variance: float, freedom: int) -> str:
    """Why the score does not rise from the smallest to the largest size; empty if it does."""
    gain = rows[-1].mean() - rows[0].mean()
    spread = (variance * (1 / len(rows[-1]) + 1 / len(rows[0]))) ** 0.5
    if gain > 0 and stats.t.sf(gain / max(spread, 1e-12), freedom) < _LEVEL:
        return ""
    return (
        f"from the smallest to the largest size the score changes by {signed(gain)}, which seeds "
        f"alone may do (standard error {spread:.3f})"
    )


def _not_on_the_curve(
    sizes: Array, means: Array, counts: Array, fit: Fit, variance: float, freedom: int
) -> str:
    """Why the means do not lie on the curve; empty if they may."""
    left = len(sizes) - _MIN_SIZES
    if not left:
        return ""
    misfit = (counts * (means - fit.at(sizes)) ** 2).sum() / left
    if stats.f.sf(misfit / max(variance, 1e-12), left, freedom) >= _LEVEL:
        return ""
    farthest = int(np.argmax(np.abs(means - fit.at(sizes))))
    return (
        f"the means do not lie on a power law: with {sizes[farthest]:g} photos it is off by "
        f"{signed(means[farthest] - fit.at(sizes[farthest]))}, more than seeds explain"
    )


def sentences(column: str, found: Forecast) -> str:
    """Writes what more images would bring.

    Args:
        column: The score.
        found: The forecast.

    Returns:
        A paragraph.
    """
    if found.refused:
        return f"{column}: no forecast of more photos, because {found.refused}."
    fit = found.fit
    assert fit is not None
    parts = [f"{column}: {fit.a:.3f} - {fit.b:.3g} n^-{fit.c:.2f} for n photos. By this curve"]
    rows = []
    for row in zip(found.photos, found.scores, found.gains, found.low, found.high, strict=True):
        photos, score, gain, low, high = row
        rows.append(
            f"{photos:,} photos would score {score:.3f}, a gain of {signed(gain)} (95 % interval "
            f"{signed(low)} to {signed(high)})"
        )
    parts.append(f"{', and '.join(rows)}.")
    if found.low[0] < 0.0005:
        parts.append("That more photos bring nothing is within the interval.")
    if found.high[0] - found.low[0] > 2 * max(found.gains[0], 1e-9):
        parts.append("The interval is wider than twice the gain: take the order of magnitude only.")
    parts.append("The interval is of the seeds; the form of the curve is assumed.")
    return " ".join(parts)


def curve_figure(
    scores: Mapping[str, Mapping[int, Array]], found: Mapping[str, Forecast]
) -> Figure:
    """Draws a panel for each score: the seeds, the means, the power law and the forecast.

    Args:
        scores: Score of each seed by number of images, by column.
        found: The forecast of each column.

    Returns:
        The figure.
    """
    from fashion.pages.plots import BLUE, LIGHT, ORANGE, TEXT_COLOR, log_axis, style_axes

    figure = Figure(figsize=(3.8 * len(scores) + 0.6, 3.2), layout="constrained")
    panels = figure.subplots(1, len(scores), squeeze=False)[0]
    for axes, (column, of_sizes) in zip(panels, scores.items()):
        sizes = sorted(of_sizes)
        for size in sizes:
            row = known(of_sizes[size])
            axes.plot([size] * len(row), row, "o", color=BLUE, alpha=0.5, markersize=4)
        means = [known(of_sizes[size]).mean() for size in sizes]
        axes.plot(sizes, means, "_", color=TEXT_COLOR, markersize=14, markeredgewidth=1.6)
        forecast_of = found[column]
        last = max(sizes[-1], *forecast_of.photos) if forecast_of.photos else sizes[-1]
        if forecast_of.fit is not None:
            n = np.geomspace(sizes[0], last, 100)
            measured = n <= sizes[-1]
            axes.plot(n[measured], forecast_of.fit.at(n[measured]), color=ORANGE)
            axes.plot(n[~measured], forecast_of.fit.at(n[~measured]), "--", color=ORANGE)
        if forecast_of.photos:
            base = float(forecast_of.fit.at(sizes[-1]))  # type: ignore[union-attr]
            low = [base + value for value in forecast_of.low]
            high = [base + value for value in forecast_of.high]
            axes.vlines(forecast_of.photos, low, high, color=LIGHT, linewidth=5, zorder=1)
        style_axes(axes, "training photos", column)
        log_axis(axes.xaxis, sizes[0], last)
    return figure
