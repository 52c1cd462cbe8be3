"""The errors of an image in words: the caption below its picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from fashion.evaluation.errors.findings import TYPE_NAMES
from fashion.pages.text import count, short_name


def errors_in_words(row: Mapping[str, Any]) -> str:
    """Writes what was matched, wrong and missed in an image; equal errors are one entry.

    Args:
        row: Its entry of `image_outcomes`.

    Returns:
        For instance "2 matched. 34 false positives: 33 × shoe, poor localization (0.54–0.98);
        shirt instead of dress, wrong class (0.85). 1 missed: scarf."
    """
    false: dict[str, list[float]] = {}
    missed: dict[str, list[float]] = {}
    for error in row["errors"]:
        if error["kind"] == "missed":
            found_at = error["found_at"]
            what = "" if found_at is None else ", matched by a less confident detection"
            scores = missed.setdefault(short_name(error["category"]) + what, [])
            scores.append(-1.0 if found_at is None else found_at)
        else:
            false.setdefault(_false_positive(error), []).append(error["score"])
    num_false, num_missed = (sum(map(len, group.values())) for group in (false, missed))
    parts = [f"{row['right']} matched", count(num_false, "false positive") + _listed(false)]
    parts.append(f"{num_missed} missed{_listed(missed)}")
    return "".join(f"{part}. " for part in parts).rstrip()


def _false_positive(error: Mapping[str, Any]) -> str:
    name = short_name(error["category"])
    if error["kind"] == "class":
        name += f" instead of {short_name(error['true_category'])}"
    return f"{name}, {TYPE_NAMES[error['kind']]}"


def _listed(groups: Mapping[str, Sequence[float]]) -> str:
    """Groups of equal errors, the largest first, with the range of their scores."""
    entries = []
    for what, scores in sorted(groups.items(), key=lambda group: (-len(group[1]), -max(group[1]))):
        number = f"{len(scores)} × " if len(scores) > 1 else ""
        entries.append(f"{number}{what}{_range(scores)}")
    return ": " + "; ".join(entries) if entries else ""


def _range(scores: Sequence[float]) -> str:
    """Lowest and highest score in brackets; nothing where there are none."""
    low, high = f"{min(scores):.2f}", f"{max(scores):.2f}"
    if min(scores) < 0:
        return ""
    return f" ({low})" if low == high else f" ({low}–{high})"
