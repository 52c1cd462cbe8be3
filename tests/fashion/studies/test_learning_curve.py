"""The power law: an exact one is found again, and what the runs do not support is refused."""

import numpy as np
import pytest

from fashion.studies.learning_curve import Fit, curve_figure, fit_power_law, forecast, sentences

SIZES = (100, 200, 400, 700)
LAW = Fit(0.5, 2.0, 0.5)


def noisy(spread, seeds=3, law=LAW, sizes=SIZES, seed=0):
    rng = np.random.default_rng(seed)
    return {n: law.at(n) + spread * rng.normal(size=seeds) for n in sizes}


def test_an_exact_law_is_found_again():
    sizes = np.array(SIZES)
    fit = fit_power_law(sizes, LAW.at(sizes), np.ones(4))
    assert fit.at(sizes) == pytest.approx(LAW.at(sizes), abs=1e-4)
    assert fit.at(1400) == pytest.approx(LAW.at(1400), abs=2e-3)
    assert fit.c == pytest.approx(0.5, abs=0.04)


def test_a_score_never_passes_1_and_never_falls():
    rising = fit_power_law(np.array(SIZES), np.array([0.2, 0.5, 0.8, 0.95]), np.ones(4))
    assert rising.a <= 1 and rising.at(10**9) <= 1
    falling = fit_power_law(np.array(SIZES), np.array([0.4, 0.3, 0.2, 0.1]), np.ones(4))
    assert falling.b == 0 and falling.at(100) == pytest.approx(0.25)


def test_twice_the_photos_are_forecast_with_an_interval():
    found = forecast(noisy(0.002))
    assert not found.refused and found.photos == (1400, 2800)
    gain = LAW.at(1400) - LAW.at(700)
    assert found.low[0] < gain < found.high[0] and found.high[0] - found.low[0] < gain
    text = sentences("mask AP", found)
    assert "1,400 photos would score 0.44" in text and "95 % interval" in text
    assert "wider" not in text


def test_more_noise_makes_a_wider_interval():
    narrow, wide = forecast(noisy(0.001)), forecast(noisy(0.01, seed=2))
    assert wide.high[1] - wide.low[1] > 2 * (narrow.high[1] - narrow.low[1])


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({100: [0.1, 0.2], 200: [0.2, 0.3]}, "it needs three sizes. There are 2"),
        ({100: [0.1], 200: [0.2], 400: [0.3]}, "with one seed of each size"),
        (noisy(0.2), "which seeds alone may do"),
        (
            {100: [0.1, 0.101], 200: [0.5, 0.501], 400: [0.1, 0.101], 700: [0.5, 0.501]},
            "the means do not lie on a power law",
        ),
    ],
)
def test_what_the_runs_do_not_support_is_refused(scores, reason):
    found = forecast({size: np.array(row) for size, row in scores.items()})
    assert reason in found.refused and not found.photos
    assert sentences("AP", found).startswith("AP: no forecast of more photos, because ")


def test_runs_that_are_missing_are_left_out():
    scores = noisy(0.002)
    scores[100][1] = np.nan
    scores[9000] = np.array([np.nan] * 3)
    assert forecast(scores).photos == (1400, 2800)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    truth = LAW.at(1400) - LAW.at(700)
    inside = refused = 0
    for seed in range(40):
        found = forecast(noisy(0.004, seed=seed), seed)
        refused += bool(found.refused)
        inside += bool(found.photos) and found.low[0] <= truth <= found.high[0]
    assert inside >= 0.85 * (40 - refused) and refused <= 6


@pytest.mark.slow
def test_the_figure_shows_seeds_curve_and_forecast():
    scores = noisy(0.002)
    found = forecast(scores)
    figure = curve_figure({"mask AP": scores}, {"mask AP": found})
    (axes,) = figure.axes
    assert axes.get_xlabel() == "training photos" and axes.get_xscale() == "log"
    assert max(line.get_xdata()[-1] for line in axes.lines) == pytest.approx(2800)
    refused = forecast({100: np.array([0.1]), 200: np.array([0.2])})
    curve_figure({"mask AP": {100: np.array([0.1]), 200: np.array([0.2])}}, {"mask AP": refused})
