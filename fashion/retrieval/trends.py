"""What rises and what falls over time: shares of images with a category, an attribute or a color.

Each share is a series over the periods. Mann-Kendall tests each series; Benjamini and Hochberg's
procedure keeps the share of false alarms among the trends that are reported below a limit.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

from fashion.formats.dates import PERIODS, name_of, parse_date, place_of, season_of
from fashion.retrieval.garment import Garment
from fashion.retrieval.trend_counts import (
    Table,
    by_shoot,
    dependence,
    enough,
    read_garments,
    tabulate,
)
from fashion.retrieval.trend_tests import Trend, score_spread, smallest_p, trend_of
from fashion.retrieval.trend_text import notes, summary
from mrcnn.evaluation.proportions import wilson_interval
from mrcnn.typing import Array

MIN_COUNT = 10  # images of a period, and of a series
ALPHA = 0.05


def trends_of(
    garments: Iterable[Garment],
    dates: Mapping[str, str] | None = None,
    period: str = "month",
    *,
    min_count: int = MIN_COUNT,
    alpha: float = ALPHA,
    category: str | None = None,
    score: float = 0.0,
    attribute_score: float = 0.0,
    seasonal: bool = False,
    shoots: bool = False,
) -> dict[str, Any]:
    """Measures shares of images over time and tests them for trends.

    Args:
        garments: Of a catalogue. Images without any garment are not known here, so shares are of
            the images with at least one.
        dates: `{image: date}`, ISO text as of `fashion.formats.dates`; None takes those of the
            garments, from EXIF.
        period: "week", "month", "quarter" or "year".
        min_count: Periods with fewer images are left out, and so are categories, attributes and
            colors of fewer images in all.
        alpha: Limit of the false-discovery rate, in (0, 1).
        category: Use garments of this category only; shares are of the images that have one.
        score: Least confidence score of a garment; by default all of the catalogue.
        attribute_score: Least score of an attribute; by default all that the catalogue has.
        seasonal: Compare each month (quarter, week) with the same one of other years only.
        shoots: Each folder is one photo session: all its images count in the period of its median
            date.

    Returns:
        JSON-ready. "series": a dict each, trends first, with "kind", "name", "images", "points"
        ("period", "images", "with", "share", "low", "high": Wilson, 95 %), "tau", "p", "q" (p
        after Benjamini and Hochberg), "slope" (change of the share per period) with "slope_low" and
        "slope_high" (95 %), "from" and "to" (ends of the line of Theil and Sen), and "trend"
        ("rise", "fall" or "none"). "periods", "left_out" {"periods", "series"}, "images",
        "undated", "imprecise_dates" (images), "tested" (series), "smallest_p", "folders", "days"
        (see `dependence`), the arguments, "summary" (a paragraph) and "notes" (sentences).

    Raises:
        ValueError: There is no such period or category, a date cannot be read, or all images are
            of one folder.
    """
    if period not in PERIODS:
        raise ValueError(f"A period is one of {', '.join(PERIODS)}. Got {period}.")
    properties, date_of = read_garments(garments, category, score, attribute_score)
    if dates is not None:
        date_of = {image: parse_date(dates[image]) for image in properties if image in dates}
    place_of_image, imprecise = {}, 0
    for image, date in date_of.items():
        place = place_of(date, period)
        if place is None:
            imprecise += 1
        else:
            place_of_image[image] = place
    if shoots:
        place_of_image = by_shoot(place_of_image)
    table, left_out = enough(tabulate(properties, place_of_image), min_count)
    rows = series_rows(table, period, alpha, seasonal)
    result = {
        "period": period,
        "alpha": alpha,
        "min_count": min_count,
        "category": category,
        "seasonal": seasonal,
        "shoots": shoots,
        "images": int(table.images.sum()),
        "undated": len(properties) - len(date_of),
        "imprecise_dates": imprecise,
        "periods": _period_rows(table.places, table.images, period),
        "left_out": {
            "periods": _period_rows(*left_out[0], period),
            "series": [{"kind": k, "name": name, "images": n} for (k, name), n in left_out[1]],
        },
        "tested": len(rows),
        "smallest_p": smallest_p(len(table.places), *_comparison(table, period, seasonal)),
        **dependence(date_of, _kept(place_of_image, table)),
        "series": rows,
    }
    return {**result, "summary": summary(result), "notes": notes(result)}


def series_rows(table: Table, period: str, alpha: float, seasonal: bool) -> list[dict[str, Any]]:
    """Tests all series together.

    Args:
        table: Counts.
        period: Name of the periods.
        alpha: Limit of the false-discovery rate.
        seasonal: Compare within seasons only.

    Returns:
        "series" of `trends_of`: trends first, by q; the others by kind and frequency.
    """
    if not len(table.places):
        return []
    seasons, spread = _comparison(table, period, seasonal)
    shares = table.counts / table.images
    tests = [trend_of(table.places, row, seasons, spread) for row in shares]
    qs = false_discovery_control([test.p for test in tests]) if tests else []
    low, high = wilson_interval(table.counts, table.images)
    names = [name_of(place, period) for place in table.places.tolist()]
    rows = []
    for i, ((kind, name), test, q) in enumerate(zip(table.keys, tests, qs)):
        points = []
        for j, period_name in enumerate(names):
            points.append(
                {
                    "period": period_name,
                    "images": int(table.images[j]),
                    "with": int(table.counts[i, j]),
                    "share": float(shares[i, j]),
                    "low": float(low[i, j]),
                    "high": float(high[i, j]),
                }
            )
        row = {"kind": kind, "name": name, "images": int(table.counts[i].sum()), "points": points}
        rows.append(row | _tested(test, float(q), alpha, table.places, shares[i]))
    return sorted(rows, key=lambda row: row["q"] if row["trend"] != "none" else 2)


def _tested(test: Trend, q: float, alpha: float, times: Array, shares: Array) -> dict[str, Any]:
    """The fields of one series that the tests give."""
    # As scipy.stats.theilslopes: the line passes the medians.
    middle = np.median(shares) - test.slope * np.median(times)
    ends = np.clip(middle + test.slope * times[[0, -1]], 0, 1)
    trend = "none"
    if q <= alpha:
        trend = "rise" if test.tau > 0 else "fall"
    return {
        "tau": test.tau,
        "p": test.p,
        "q": q,
        "slope": test.slope,
        "slope_low": test.slope_low,
        "slope_high": test.slope_high,
        "from": float(ends[0]),
        "to": float(ends[1]),
        "trend": trend,
    }


def _comparison(table: Table, period: str, seasonal: bool) -> tuple[list[int] | None, float]:
    """Seasons of the periods, if they are compared, and the spread of the score."""
    places = table.places.tolist()
    seasons = [season_of(place, period) for place in places] if seasonal else None
    return seasons, score_spread(table.images, seasons)


def _kept(place_of_image: Mapping[str, int], table: Table) -> dict[str, int]:
    """Images of periods that are not left out."""
    kept = set(table.places.tolist())
    return {image: place for image, place in place_of_image.items() if place in kept}


def _period_rows(places: Array, images: Array, period: str) -> list[dict[str, Any]]:
    return [
        {"period": name_of(place, period), "images": number}
        for place, number in zip(places.tolist(), images.tolist())
    ]
