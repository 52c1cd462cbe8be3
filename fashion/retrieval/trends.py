"""What rises and what falls over time: shares of images with a category, an attribute or a color.

Each share is a series over the periods. Mann-Kendall tests each series; Benjamini and Hochberg's
procedure keeps the share of false alarms among the trends that are reported below a limit.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

from fashion.formats.dates import PERIODS, name_of, parse_date, place_of, precision_of, season_of
from fashion.retrieval.color_names import color_name
from fashion.retrieval.garment import Garment
from fashion.retrieval.trend_tests import Trend, score_spread, smallest_p, trend_of
from fashion.retrieval.trend_text import notes, summary
from mrcnn.evaluation.proportions import wilson_interval
from mrcnn.typing import Array

KINDS = ("category", "attribute", "color")
MIN_COUNT = 10  # images of a period, and of a series
ALPHA = 0.05

Key = tuple[str, str]  # kind and name
Properties = Mapping[str, set[Key]]  # of each image


@dataclass(frozen=True)
class Table:
    """Counts of images.

    Attributes:
        places: `(P,)` int numbers of the periods, see `fashion.formats.dates.place_of`.
        images: `(P,)` int images of each period.
        keys: S kinds and names.
        counts: `(S, P)` int images that have the property.
    """

    places: Array
    images: Array
    keys: list[Key]
    counts: Array


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
        category: Look at garments of this category only; shares are of the images that have one.
        score: Least confidence score of a garment; by default all of the catalogue.
        attribute_score: Least score of an attribute; by default all that the catalogue has.
        seasonal: Compare each month (quarter, week) with the same one of other years only.

    Returns:
        JSON-ready. "series": a dict each, trends first, with "kind", "name", "images", "points"
        ("period", "images", "with", "share", "low", "high": Wilson, 95 %), "tau", "p", "q" (p
        after Benjamini and Hochberg), "slope" (change of the share per period) with "slope_low" and
        "slope_high" (95 %), "from" and "to" (ends of the line of Theil and Sen), and "trend"
        ("rise", "fall" or "none"). "periods", "left_out" {"periods", "series"}, "images",
        "undated", "too_coarse" (images), "tested" (series), "smallest_p", "folders", "days" (see
        `dependence`), the arguments, "summary" (a paragraph) and "notes" (sentences).

    Raises:
        ValueError: There is no such period or category, or a date cannot be read.
    """
    if period not in PERIODS:
        raise ValueError(f"A period is one of {', '.join(PERIODS)}. Got {period}.")
    properties, date_of = read_garments(garments, category, score, attribute_score)
    if dates is not None:
        date_of = {image: parse_date(dates[image]) for image in properties if image in dates}
    place_of_image, coarse = {}, 0
    for image, date in date_of.items():
        place = place_of(date, period)
        if place is None:
            coarse += 1
        else:
            place_of_image[image] = place
    table, left_out = enough(tabulate(properties, place_of_image), min_count)
    rows = series_rows(table, period, alpha, seasonal)
    result = {
        "period": period,
        "alpha": alpha,
        "min_count": min_count,
        "category": category,
        "seasonal": seasonal,
        "images": int(table.images.sum()),
        "undated": len(properties) - len(date_of),
        "too_coarse": coarse,
        "periods": _period_rows(table.places, table.images, period),
        "left_out": {
            "periods": _period_rows(*left_out[0], period),
            "series": [{"kind": k, "name": name, "images": n} for (k, name), n in left_out[1]],
        },
        "tested": len(rows),
        "smallest_p": smallest_p(len(table.places), *_comparison(table, period, seasonal)),
        **dependence(date_of, place_of_image),
        "series": rows,
    }
    return {**result, "summary": summary(result), "notes": notes(result)}


def read_garments(
    garments: Iterable[Garment],
    category: str | None = None,
    score: float = 0.0,
    attribute_score: float = 0.0,
) -> tuple[dict[str, set[Key]], dict[str, str]]:
    """Collects what is seen in each image.

    Args:
        garments: Of a catalogue.
        category: The only category that is looked at; None for all.
        score: Least confidence score of a garment.
        attribute_score: Least score of an attribute.

    Returns:
        properties: `{image: {(kind, name)}}`. With one category only, attributes and colors.
        dates: `{image: ISO date}` of the images that have one.

    Raises:
        ValueError: No garment is of the category.
    """
    properties: dict[str, set[Key]] = {}
    dates: dict[str, str] = {}
    found = set()
    for garment in garments:
        found.add(garment.category)
        if garment.score < score or category not in (None, garment.category):
            continue
        seen = properties.setdefault(garment.image, set())
        if category is None:
            seen.add(("category", garment.category))
        for name, attribute in garment.attributes.items():
            if attribute >= attribute_score:
                seen.add(("attribute", name))
        if garment.colors:
            seen.add(("color", color_name(garment.colors[0])))
        if garment.date and garment.image not in dates:
            with contextlib.suppress(ValueError):  # cameras write 0000:00:00 without a clock
                dates[garment.image] = parse_date(garment.date)
    if category is not None and not properties:
        raise ValueError(
            f"No garment is of the category {category!r}. The catalogue has "
            f"{', '.join(sorted(found)) or 'no garments'}."
        )
    return properties, dates


def tabulate(properties: Properties, place_of_image: Mapping[str, int]) -> Table:
    """Counts images by period and property.

    Args:
        properties: `{image: {(kind, name)}}`.
        place_of_image: Period of each dated image.

    Returns:
        The counts; periods in order, series by kind and then the most frequent first.
    """
    images = Counter(place_of_image.values())
    places = sorted(images)
    column = {place: i for i, place in enumerate(places)}
    counts: dict[Key, Array] = defaultdict(lambda: np.zeros(len(places), int))
    for image, place in place_of_image.items():
        for key in properties[image]:
            counts[key][column[place]] += 1
    keys = sorted(counts, key=lambda key: (KINDS.index(key[0]), -counts[key].sum(), key[1]))
    return Table(
        np.array(places, int),
        np.array([images[place] for place in places], int),
        keys,
        np.array([counts[key] for key in keys], int).reshape(len(keys), len(places)),
    )


LeftOut = tuple[tuple[Array, Array], list[tuple[Key, int]]]


def enough(table: Table, min_count: int) -> tuple[Table, LeftOut]:
    """Leaves out periods and series of few images.

    What is left out depends on totals only, not on a series' course, so it cannot favor trends.

    Args:
        table: All counts.
        min_count: Least number of images.

    Returns:
        table: What is left.
        left_out: Periods and their images, and `((kind, name), images)` of the series.
    """
    kept = table.images >= min_count
    counts = table.counts[:, kept]
    totals = counts.sum(axis=1)
    few = [(key, int(n)) for key, n in zip(table.keys, totals) if n < min_count]
    keys = [key for key, n in zip(table.keys, totals) if n >= min_count]
    left = Table(table.places[kept], table.images[kept], keys, counts[totals >= min_count])
    return left, ((table.places[~kept], table.images[~kept]), few)


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


def dependence(date_of: Mapping[str, str], place_of_image: Mapping[str, int]) -> dict[str, Any]:
    """Counts images that may be of one shoot: of one folder, or of one day.

    Args:
        date_of: `{image: ISO date}`.
        place_of_image: Period of each image.

    Returns:
        "days" and "folders" with "number" (of days with images, of folders), "shared" (images that
        are not alone in theirs), and, of folders, "over_periods" (folders with images of several
        periods). A single folder is none: it says nothing.
    """
    days = Counter(
        date_of[image] for image in place_of_image if precision_of(date_of[image]) == "day"
    )
    periods: dict[str, set[int]] = defaultdict(set)
    folders: Counter[str] = Counter()
    for image, place in place_of_image.items():
        folder = str(PurePosixPath(image).parent)
        folders[folder] += 1
        periods[folder].add(place)
    if len(folders) < 2:
        folders, periods = Counter(), defaultdict(set)
    return {
        "days": {"number": len(days), "shared": sum(n for n in days.values() if n > 1)},
        "folders": {
            "number": len(folders),
            "shared": sum(n for n in folders.values() if n > 1),
            "over_periods": sum(len(places) > 1 for places in periods.values()),
        },
    }


def _comparison(table: Table, period: str, seasonal: bool) -> tuple[list[int] | None, float]:
    """Seasons of the periods, if they are compared, and the spread of the score."""
    places = table.places.tolist()
    seasons = [season_of(place, period) for place in places] if seasonal else None
    return seasons, score_spread(table.images, seasons)


def _period_rows(places: Array, images: Array, period: str) -> list[dict[str, Any]]:
    return [
        {"period": name_of(place, period), "images": number}
        for place, number in zip(places.tolist(), images.tolist())
    ]
