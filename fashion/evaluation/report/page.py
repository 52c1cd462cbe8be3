"""The page of the report: its chapters in their order, as one file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.evaluation.metrics.registry import METRICS
from fashion.evaluation.report import (
    attributes,
    average_precision,
    categories,
    kaggle,
    summary,
    thresholds,
)
from fashion.pages.html import Page

# Metrics that the chapters below show; the registry writes a chapter for every other one.
_IN_CHAPTERS = {
    "coco",
    "curves",
    "f1_ap",
    "fashionpedia",
    "fashionpedia_fixed",
    "kaggle_2019",
    "kaggle_2020",
    "attributes",
    "attribute_curves",
    "attributes_on_truth",
    "found",
    "corloc",
    "pixels",
}


def write_report(
    folder: Path,
    scores: Mapping[str, Any],
    *,
    ground_truth: Mapping[str, Any],
    detections: Sequence[Mapping[str, Any]],
    title: str = "Scores of stored predictions",
    file_name: str = "index.html",
    site: Mapping[str, str] | None = None,
) -> Path:
    """Writes the report of some scores; chapters without scores are left out.

    Args:
        folder: Where to write.
        scores: From `score_predictions`, or the content of a metrics.json, also of an older one.
        ground_truth: COCO dict that was scored.
        detections: COCO results that were scored.
        title: Heading of the page, with model and data set.
        file_name: Name of the page.
        site: `{file name: title}` of the pages that this one belongs to.

    Returns:
        Path of the page, one file without dependencies.
    """
    scores = json.loads(json.dumps(scores))  # ids as keys become strings, as in the file
    sources = []
    for name, key in (("ground truth", "gt"), ("predictions", "predictions")):
        if key in scores:
            sources.append(f"{name}: {scores[key]}")
    page = Page(title, " · ".join(sources), site=site, here=file_name)
    attribute_names = {str(row["id"]): row["name"] for row in ground_truth.get("attributes", ())}
    summary.add_chapter(page, scores, ground_truth, detections)
    average_precision.add_coco(page, scores)
    average_precision.add_fashionpedia(page, scores)
    kaggle.add_chapter(page, scores)
    categories.add_chapter(page, scores)
    average_precision.add_curves(page, scores)
    attributes.add_chapter(page, scores, attribute_names)
    thresholds.add_chapter(page, scores)
    categories.add_pixels(page, scores)
    # A new metric is one file: it appears here without a change of this one.
    for entry in METRICS.values():
        if entry.key not in _IN_CHAPTERS:
            entry.add_chapter(page, dict(scores))
    page.write(folder / file_name)
    return folder / file_name
