"""The main findings of an error analysis, in a few sentences."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fashion.pages.text import count, short_name, signed
from fashion.pages.text import whole_percent as percent

# Names of the error types, by their key in errors.json.
TYPE_NAMES = {
    "class": "wrong class",
    "location": "poor localization",
    "both": "wrong class and localization",
    "duplicate": "duplicate",
    "background": "background",
    "missed": "missed",
    "false detections": "all false positives",
    "not found": "all unmatched objects",
    "attribute missing": "missing attribute",
    "attribute invented": "extra attribute",
    "attributes together": "missing and extra",
}
_TOTALS = ("false detections", "not found")  # of several types
_CLEAR = 2  # standard errors; a smaller difference may be chance
_FEW = 10  # objects; a recall of fewer says little


def findings(analysis: Mapping[str, Any]) -> list[str]:
    """Writes up to six sentences.

    Args:
        analysis: From `analysis.analyse`, without its findings.

    Returns:
        The sentences, or one that there are no objects.
    """
    if not analysis["objects"]:
        return ["The images have no objects, so nothing can be matched or missed."]
    sentences = [
        _costs(analysis),
        _confusions(analysis["confusion"]["confused"]),
        *size_and_intricacy(analysis["small_or_intricate"]),
        _occlusion(analysis["breakdowns"]["occlusion"]),
        _attributes(analysis["attributes"]),
    ]
    return [sentence for sentence in sentences if sentence]


def size_and_intricacy(compared: Mapping[str, Any] | None) -> Iterator[str]:
    """Returns whether small and whether intricate objects are harder; nothing of an empty third.

    Args:
        compared: "small_or_intricate" of the analysis.

    Yields:
        A sentence on each.
    """
    if not compared:
        return
    small, _, large = compared["size"]["recall"]
    if small >= 0 and large >= 0:
        row = compared["size"]
        yield (
            f"Small objects {_verdict(row)}: recall is {percent(small)} in the smallest third and "
            f"{percent(large)} in the largest{_difference(row, 'complexity')}."
        )
    plain, _, intricate = compared["intricacy"]["recall"]
    if plain >= 0 and intricate >= 0:
        row = compared["intricacy"]
        yield (
            f"Objects with a complex outline {_verdict(row)}: recall is {percent(intricate)} in "
            f"the third with the most complex outlines and {percent(plain)} in the third with the "
            f"simplest{_difference(row, 'size')}."
        )


def points(value: float, error: float | None) -> str:
    """Writes a difference of shares: "-12 (±5) points".

    Args:
        value: The difference, in [-1, 1].
        error: Its standard error, if known.

    Returns:
        Percentage points.
    """
    error_text = "" if error is None else f" (±{100 * error:.0f})"
    return f"{signed(100 * value, 0)}{error_text} points"


def is_harder(row: Mapping[str, Any]) -> bool:
    """Returns whether recall of the hard third is lower by more than two standard errors.

    Args:
        row: "size" or "intricacy" of `compare_size_and_intricacy`.

    Returns:
        False also without an error, or where all draws of the bootstrap were alike.
    """
    return bool(row["error"]) and row["difference"] < -_CLEAR * row["error"]


def _costs(analysis: Mapping[str, Any]) -> str:
    types = [row for row in analysis["bins"] if row["bin"] not in _TOTALS]
    first, second = sorted(types, key=lambda row: -row["ap50_gain"])[:2]
    opening = f"Mask AP50 is {analysis['ap50']:.3f}."
    if first["ap50_gain"] <= 0:
        return f"{opening} No error type alone lowers it."
    return (
        f"{opening} The costliest error type is {_cost(first)}; the next is {_cost(second)}. "
        "ΔAP50 is the gain if only that type were fixed."
    )


def _cost(row: Mapping[str, Any]) -> str:
    if row["bin"] == "missed":
        errors = count(row["count"], "object")
    else:
        errors = f"{count(row['count'], 'detection')}, {row['sure']} confident"
    return f"“{TYPE_NAMES[row['bin']]}” (ΔAP50 {signed(row['ap50_gain'])}, {errors})"


def _confusions(confused: Sequence[Mapping[str, Any]]) -> str | None:
    if not confused:
        return None
    listed = []
    for row in confused[:3]:
        objects = f"{row['count']} of {count(row['objects'], 'object')}"
        listed.append(
            f"“{short_name(row['true'])}” predicted as “{short_name(row['predicted'])}” ({objects})"
        )
    return f"Most frequent confusions of confident detections: {', '.join(listed)}."


def _verdict(row: Mapping[str, Any]) -> str:
    return "are harder" if is_harder(row) else "are not clearly harder"


def _difference(row: Mapping[str, Any], other: str) -> str:
    """The difference at equal values of the other property."""
    if row["difference"] is None:
        return f", but no two of them are alike in {other}"
    text = f"; at equal {other} the difference is {points(row['difference'], row['error'])}"
    if row["difference_in_category"] is not None:
        in_category = points(row["difference_in_category"], row["error_in_category"])
        text += f", at equal {other} and category {in_category}"
    return text


def _occlusion(rows: Sequence[Mapping[str, Any]]) -> str | None:
    rows = [row for row in rows if row["objects"] >= _FEW]
    if len(rows) < 2:
        return None
    least, most = rows[0], rows[-1]
    return (
        f"Occlusion: recall is {percent(least['recall'])} where other objects cover "
        f"{least['label']} of the box ({count(least['objects'], 'object')}), and "
        f"{percent(most['recall'])} where they cover {most['label']} ({most['objects']}); their "
        f"categories alone would give {percent(most['expected_recall'])}."
    )


def _attributes(attributes: Mapping[str, Any] | None) -> str | None:
    if not attributes or not attributes["found"]:
        return None
    missing, extra = attributes["bins"][:2]
    text = (
        f"Attributes of the {count(attributes['found'], 'object')} that a detection of any score "
        f"matches: {missing['pairs']} missing, {extra['pairs']} extra. f1AP50 is "
        f"{attributes['f1ap50']:.3f}: AP50 where a match also needs an F1 of the attributes of "
        f"0.5. It would change by {signed(missing['f1ap50_gain'])} if the missing ones were added, "
        f"and by {signed(extra['f1ap50_gain'])} if the extra ones were removed."
    )
    for key, title in (("missing", "missing"), ("invented", "extra")):
        wrong = [row for row in attributes["per_attribute"] if row[key]]
        if wrong:
            top = sorted(wrong, key=lambda row: -row[key])[:3]
            names = ", ".join(f"“{row['name']}” {row[key]}" for row in top)
            text += f" Most often {title}: {names}."
    return text
