"""Trends in words: one paragraph of what is real, and what is assumed."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.pages.text import count, percent

_LISTED = 6  # trends that the paragraph tells of
_PLURALS = {"week": "weeks", "month": "months", "quarter": "quarters", "year": "years"}
_PER_YEAR = {"week": 52, "month": 12, "quarter": 4, "year": 1}


def summary(result: Mapping[str, Any]) -> str:
    """Writes what is found, in one paragraph.

    Args:
        result: Of `fashion.retrieval.trends.trends_of`, without summary and notes.

    Returns:
        The paragraph.
    """
    periods, rows = result["periods"], result["series"]
    if not periods:
        return _nothing(result)
    plural = _PLURALS[result["period"]]
    first, last = periods[0]["period"], periods[-1]["period"]
    span = first if first == last else f"{first} to {last}"
    opening = (
        f"{count(result['images'], 'image')} of "
        f"{count(len(periods), result['period'], plural)} ({span}); {result['tested']} series."
    )
    if not rows:
        return f"{opening} No category, attribute or color is in {result['min_count']} images."
    if result["smallest_p"] > result["alpha"]:
        return f"{opening} {_too_few(result)}"
    trends = [row for row in rows if row["trend"] != "none"]
    others = len(rows) - len(trends)
    if not trends:
        text = (
            f"{opening} None shows a trend that chance does not explain at a false-discovery rate "
            f"of {_rate(result['alpha'])}."
        )
        return f"{text} {_out_of_reach(result)}".strip()
    sentences = [change_text(row, result["category"]) for row in trends[:_LISTED]]
    if len(trends) > _LISTED:
        more = len(trends) - _LISTED
        sentences.append(f"{more} more {'is' if more == 1 else 'are'} in the table.")
    if others:
        sentences.append(
            f"The other {others} series show no trend."
            if others > 1
            else "The other series shows no trend."
        )
    sentences.append(
        f"On average at most {_rate(result['alpha'])} of such findings are false alarms."
    )
    return " ".join([opening, *sentences])


def change_text(row: Mapping[str, Any], category: str | None = None) -> str:
    """Writes one trend.

    Args:
        row: One of "series".
        category: What the images of all shares have; None for all images.

    Returns:
        "“dress” rose from 12 % to 31 % of the images (q = 0.003)."
    """
    verb = "rose" if row["trend"] == "rise" else "fell"
    images = f"images with “{category}”" if category else "images"
    return (
        f"{title(row)} {verb} from {percent(row['from'])} to {percent(row['to'])} of the {images} "
        f"({q_text(row['q'])})."
    )


def title(row: Mapping[str, Any]) -> str:
    """Writes what a series is of.

    Args:
        row: One of "series".

    Returns:
        "“dress”", "“floral” (attribute)" or "“red” (color)".
    """
    kind = "" if row["kind"] == "category" else f" ({row['kind']})"
    return f"“{row['name']}”{kind}"


def q_text(q: float) -> str:
    """Writes an adjusted p value.

    Args:
        q: In [0, 1].

    Returns:
        "q = 0.003", or "q < 0.001".
    """
    return "q < 0.001" if q < 0.001 else f"q = {q:.2g}"


def _rate(alpha: float) -> str:
    return f"{100 * alpha:g} %"


def notes(result: Mapping[str, Any]) -> list[str]:
    """Writes what was left out and what is assumed.

    Args:
        result: Of `fashion.retrieval.trends.trends_of`, without summary and notes.

    Returns:
        Sentences.
    """
    return [
        text
        for text in (
            *_left_out(result),
            _method(result),
            _independence(result),
            _season(result),
        )
        if text
    ]


def _nothing(result: Mapping[str, Any]) -> str:
    few = sum(row["images"] for row in result["left_out"]["periods"])
    reasons = []
    if result["undated"]:
        reasons.append(f"{count(result['undated'], 'image')} without a date")
    if result["imprecise_dates"]:
        reasons.append(
            f"{count(result['imprecise_dates'], 'image')} whose date is less precise than a "
            f"{result['period']}"
        )
    if few:
        reasons.append(
            f"{count(few, 'image')} of {_PLURALS[result['period']]} with fewer than "
            f"{count(result['min_count'], 'image')} each, which a longer period or a lower "
            "minimum count would include"
        )
    if not reasons:
        reasons.append("no image has a garment with a sufficient confidence score")
    return f"There is nothing to show: {', '.join(reasons)}."


def _too_few(result: Mapping[str, Any]) -> str:
    number = len(result["periods"])
    advice = "a test needs shorter periods or a longer time"
    if result["seasonal"]:
        reason = "comparisons within the same part of the year are too few"
        advice = "a seasonal test needs two years of months or weeks, or three of quarters"
    else:
        plural = _PLURALS[result["period"]]
        reason = (
            f"{count(number, result['period'], plural)} are too few"
            if number > 1
            else (f"one {result['period']} is too little")
        )
    return (
        f"Whether anything rises or falls cannot be decided: {reason}. Even a series that always "
        f"rises has p = {result['smallest_p']:.2g}. Shares are shown; {advice}."
    )


def _out_of_reach(result: Mapping[str, Any]) -> str:
    """A single trend among many series needs a smaller p than few periods can give."""
    needed = result["alpha"] / result["tested"]
    if result["smallest_p"] <= needed:
        return ""
    return (
        f"With {len(result['periods'])} {_PLURALS[result['period']]} p is at least "
        f"{result['smallest_p']:.2g}, and a single trend among {result['tested']} series needs "
        f"{needed:.2g}: only several at once could be found. Take shorter periods."
    )


def _left_out(result: Mapping[str, Any]) -> Sequence[str]:
    sentences = []
    period, plural = result["period"], _PLURALS[result["period"]]
    if result["undated"]:
        sentences.append(f"{count(result['undated'], 'image')} without a date left out.")
    if result["imprecise_dates"]:
        sentences.append(
            f"{count(result['imprecise_dates'], 'image')} left out: the date is less precise than "
            f"a {period}."
        )
    few = result["left_out"]["periods"]
    if few:
        listed = ", ".join(f"{row['period']} ({row['images']})" for row in few[:12])
        more = f" and {len(few) - 12} more" if len(few) > 12 else ""
        sentences.append(
            f"{count(len(few), period, plural)} left out, with fewer than {result['min_count']} "
            f"images: {listed}{more}."
        )
    rare = result["left_out"]["series"]
    if rare:
        sentences.append(
            f"{count(len(rare), 'series', 'series')} of fewer than {result['min_count']} images "
            "left out. Totals decide, not the course, so this favors no trend."
        )
    return sentences


def _method(result: Mapping[str, Any]) -> str:
    compared = (
        f"the same {result['period']} of different years"
        if result["seasonal"]
        else f"all pairs of {_PLURALS[result['period']]}"
    )
    return (
        f"Mann-Kendall compares {compared}; q is its p value after Benjamini and Hochberg, over "
        "all series together. The line is that of Theil and Sen, and “from … to” are its ends. "
        "Shares are of the images in which at least one garment was found. Garments, attributes "
        "and colors are predictions, with the model's errors."
    )


def _independence(result: Mapping[str, Any]) -> str:
    folders, days = result["folders"], result["days"]
    text = (
        "Intervals of shares (Wilson, 95 %) treat images as independent. Images of one photo "
        "session show the same clothes, so the intervals are then too narrow."
    )
    shared = []
    if days["shared"]:
        shared.append(
            f"{days['shared']:,} of {count(result['images'], 'image')} share their day with another"
        )
    if folders["shared"]:
        shared.append(f"{folders['shared']:,} share one of {count(folders['number'], 'folder')}")
    if shared:
        text += f" Here {' and '.join(shared)}."
    text += (
        f" The test does not need this: it compares {_PLURALS[result['period']]}, one value each, "
        f"and assumes that a {result['period']} without a trend does not depend on its neighbors."
    )
    plural = _PLURALS[result["period"]]
    if result["shoots"]:
        text += f" All images of a folder count in the {result['period']} of its median date."
    elif folders["over_periods"]:
        number = count(folders["over_periods"], "folder has", "folders have")
        text += (
            f" {number} images of several {plural}. If a folder is one photo session, its {plural} "
            "are alike, and false alarms are far more frequent than stated: keep sessions together "
            "(--photo-sessions)."
        )
    return text


def _season(result: Mapping[str, Any]) -> str:
    per_year = _PER_YEAR[result["period"]]
    if result["seasonal"] or per_year == 1 or len(result["periods"]) < 2:
        return ""
    if len(result["periods"]) < 2 * per_year:
        return (
            "Less than two years: a trend may be the season, which coats and shorts follow every "
            "year."
        )
    return (
        f"Seasons widen the spread of the shares. A seasonal comparison (--seasonal) compares each "
        f"{result['period']} with the same one of other years only."
    )
