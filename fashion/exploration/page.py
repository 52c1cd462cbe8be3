"""The exploration page: an analysis as one HTML file, with its numbers as JSON and CSV."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.exploration.chapters import (
    anchors,
    co_occurrence,
    comparison,
    images,
    issues,
    labels,
    masks,
)
from fashion.pages.html import Page
from fashion.pages.text import count, percent, short_name
from mrcnn.files import write_text
from mrcnn.typing import Array, PathLike

_FIRST_SAMPLES = 6  # classes whose samples stand above the numbers


def write_exploration(
    folder: PathLike, analysis: Mapping[str, Any], title: str, sheets: Mapping[str, Array]
) -> Path:
    """Writes index.html, exploration.json, classes.csv, attributes.csv and suspicious.csv.

    Args:
        folder: Where to write.
        analysis: From `analysis.analyse`.
        title: Heading of the page, with the name of the data set.
        sheets: `{class name: (H, W, 3) uint8 RGB}` of sample objects.

    Returns:
        Path of the page.
    """
    folder = Path(folder)
    text = json.dumps(analysis, indent=1, ensure_ascii=False)
    write_text(folder / "exploration.json", text + "\n")
    columns = ["name", "group", "objects", "photos", "share_of_photos"]
    for kind in ("classes", "attributes"):
        _write_csv(folder / f"{kind}.csv", columns, analysis[kind])
    columns = ["csv", "kind", "line", "image", "class", "detail"]
    _write_csv(folder / "suspicious.csv", columns, analysis["suspicious"])
    _page(analysis, title, sheets).write(folder / "index.html")
    return folder / "index.html"


def _page(analysis: Mapping[str, Any], title: str, sheets: Mapping[str, Array]) -> Page:
    page = Page(
        title,
        f"{count(analysis['photos'], 'image')}, {count(analysis['objects'], 'object')}, "
        f"{count(analysis['labels'], 'attribute label')}. Training size: recipe "
        f"“{analysis['training']['recipe']}”.",
    )
    _add_cards(page, analysis)
    names = _by_frequency(analysis, sheets)
    if names:
        page.chapter("Samples")
        page.text(
            "Random objects of the most frequent classes, each from another image, cropped with "
            "surroundings."
        )
        _add_samples(page, sheets, names[:_FIRST_SAMPLES])
    images.add_chapter(page, analysis)
    labels.add_classes(page, analysis)
    labels.add_attributes(page, analysis)
    co_occurrence.add_chapter(page, analysis)
    masks.add_chapter(page, analysis)
    anchors.add_chapter(page, analysis)
    if len(names) > _FIRST_SAMPLES:
        page.chapter("Samples of the other classes")
        _add_samples(page, sheets, names[_FIRST_SAMPLES:])
    issues.add_chapter(page, analysis["suspicious"])
    if analysis["comparison"]:
        comparison.add_chapter(page, analysis["comparison"])
    return page


def _add_cards(page: Page, analysis: Mapping[str, Any]) -> None:
    megapixels = analysis["sizes"]["megapixels"]["quantiles"][2]
    per_image = analysis["objects"] / analysis["photos"]
    cards = [
        (f"{analysis['photos']:,}", "images", f"median {megapixels:.2g} megapixels"),
        (f"{analysis['objects']:,}", "objects", f"{per_image:.1f} per image"),
    ]
    for kind in ("classes", "attributes"):
        occurring = sum(row["objects"] > 0 for row in analysis[kind])
        cards.append((f"{occurring}", kind, f"occur, of {len(analysis[kind])} in the label list"))
    described = percent(analysis["with_attributes"])
    cards.append((described, "with attributes", "share of the objects with any attribute"))
    cards.append((f"{len(analysis['suspicious']):,}", "data issues", "annotations to check"))
    page.cards(cards)


def _by_frequency(analysis: Mapping[str, Any], sheets: Mapping[str, Array]) -> list[str]:
    """Names of the sheets, the class with the most objects first."""
    objects = {short_name(row["name"]): row["objects"] for row in analysis["classes"]}
    return sorted(sheets, key=lambda name: -objects.get(short_name(name), 0))


def _add_samples(page: Page, sheets: Mapping[str, Array], names: Sequence[str]) -> None:
    for name in names:
        page.section(name)
        page.image(sheets[name], quality=80, wide=True)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
