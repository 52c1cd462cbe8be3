"""The chapter of co-occurrence: which classes occur together, and which attributes they have."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.exploration.frequency_figures import share_map
from fashion.pages.html import Page
from fashion.pages.text import count, percent, short_name
from mrcnn.typing import Array

_PAIRS = 20  # rows of the table of pairs
_ATTRIBUTES = 40  # columns of the heat map


def add_chapter(page: Page, analysis: Mapping[str, Any]) -> None:
    """Adds the chapter.

    Args:
        page: The page so far.
        analysis: From `analysis.analyse`.
    """
    page.chapter("Co-occurrence")
    names = [short_name(row["name"]) for row in analysis["classes"]]
    page.section("Classes in one image")
    page.text(_pairs_summary(analysis["together"]["pairs"]))
    occurring = [k for k, row in enumerate(analysis["classes"]) if row["objects"]]
    counts = np.array(analysis["together"]["photos"])[np.ix_(occurring, occurring)]
    shares = counts / np.diag(counts)[:, None]
    np.fill_diagonal(shares, np.nan)  # a class always occurs with itself
    kept = [names[k] for k in occurring]
    page.figure(
        share_map(shares, kept, kept, "… also show this class", "% of the images of this class …"),
        "White: none. Darker: a larger share, up to 100 %.",
    )
    if analysis["together"]["pairs"]:
        _add_pairs(page, analysis["together"]["pairs"])
    page.section("Attributes of the classes")
    page.text(
        _attributes_summary(
            analysis["class_attributes"], analysis["classes"], analysis["attributes"]
        )
    )
    objects = np.array(analysis["class_attributes"]["objects"])
    if objects.any():
        _add_attributes(page, analysis, names, objects)


def _add_pairs(page: Page, pairs: Sequence[Sequence[Any]]) -> None:
    shown = pairs if len(pairs) <= _PAIRS else [*pairs[: _PAIRS // 2], *pairs[-_PAIRS // 2 :]]
    table = [["class", "and class", "images with both", "expected by chance", "ratio"]]
    for one, other, observed, expected in shown:
        ratio = f"{observed / expected:.2f}"
        table.append([one, other, f"{observed:,}", f"{expected:,.1f}", ratio])
    page.table(table)
    note = "Pairs expected in three images or more, from more to less often than by chance"
    if len(shown) < len(pairs):
        note += (
            f": the first and the last {_PAIRS // 2} of {len(pairs):,}; exploration.json has all"
        )
    page.note(note + ".")


def _add_attributes(
    page: Page, analysis: Mapping[str, Any], names: Sequence[str], objects: Array
) -> None:
    rows = np.flatnonzero(objects.any(axis=1)).tolist()
    attributes = analysis["attributes"]
    groups = list(dict.fromkeys(row["group"] for row in attributes))
    frequent = np.argsort(-objects.sum(axis=0), kind="stable")[:_ATTRIBUTES].tolist()
    columns = sorted(
        (k for k in frequent if objects[:, k].any()),
        key=lambda k: (groups.index(attributes[k]["group"]), k),
    )
    number = np.array([row["objects"] for row in analysis["classes"]])
    shares = objects[rows] / number[rows, None]
    page.figure(
        share_map(
            shares[:, columns],
            [names[k] for k in rows],
            [attributes[k]["name"] for k in columns],
            "… have this attribute",
            "% of the objects of this class …",
            [attributes[k]["group"] for k in columns],
        ),
        f"The {len(columns)} most frequent attributes; lines separate the super-categories. "
        "Darker: a larger share, up to 100 %.",
    )
    table = [["class", "objects", "with attributes", "most frequent attributes"]]
    for k in rows:
        top = []
        for t in np.argsort(-objects[k], kind="stable")[:4].tolist():
            if objects[k, t]:
                share = 100 * objects[k, t] / number[k]
                top.append(f"{short_name(attributes[t]['name'])} {share:.0f} %")
        described = f"{100 * analysis['class_attributes']['carrying'][k]:.0f} %"
        table.append([names[k], f"{number[k]:,}", described, ", ".join(top)])
    page.table(table)


def _pairs_summary(pairs: Sequence[Sequence[Any]]) -> str:
    """The two most striking pairs of classes."""
    if not pairs:
        return "No pair of classes is frequent enough to compare with chance."

    def describe(pair: Sequence[Any]) -> str:
        one, other, observed, expected = pair
        return f"“{one}” and “{other}” in {count(observed, 'image')}, expected {expected:.0f}"

    first, last = pairs[0], pairs[-1]
    text = []
    if first[2] > first[3]:
        text.append(f"Together more often than by chance: {describe(first)}.")
    if last[2] < last[3]:
        text.append(f"Together less often: {describe(last)}.")
    return " ".join(text) or "No pair of classes occurs more or less often than by chance."


def _attributes_summary(
    class_attributes: Mapping[str, Any],
    classes: Sequence[Mapping[str, Any]],
    attributes: Sequence[Mapping[str, Any]],
) -> str:
    """How many classes have attributes, and how many attributes belong to one class."""
    objects = np.array(class_attributes["objects"])
    if not objects.any():
        return "No object has an attribute."
    share = class_attributes["carrying"]
    occurring = [k for k, row in enumerate(classes) if row["objects"]]
    without = [short_name(classes[k]["name"]) for k in occurring if not share[k]]
    text = f"{len(occurring) - len(without)} of {len(occurring)} classes have attributes"
    if without:
        text += f" (without: {', '.join(without[:6])}{' …' if len(without) > 6 else ''})"
    total = objects.sum(axis=0)
    # Rare attributes belong to one class by chance.
    frequent = total >= max(10, 0.002 * objects.sum())
    if not frequent.any():
        return text + "."
    # Share of each frequent attribute's objects that are of its main class.
    main_share = np.where(frequent, objects.max(axis=0) / np.maximum(total, 1), -1)
    best = int(main_share.argmax())
    return (
        f"{text}. Of {count(int(frequent.sum()), 'frequent attribute')}, "
        f"{int((main_share > 0.9).sum())} occur on one class in more than 90 % of the cases, for "
        f"example “{short_name(attributes[best]['name'])}” on "
        f"“{short_name(classes[int(objects[:, best].argmax())]['name'])}” "
        f"({percent(main_share[best])})."
    )
