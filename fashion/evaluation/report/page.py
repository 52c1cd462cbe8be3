"""Page of scores: the chapters of the report, in their order, as one file."""

import json

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
IN_CHAPTERS = {
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


def write_report(folder, scores, *, ground_truth, detections, title="Scores of stored predictions"):
    """Write the report of some scores; what the scores lack, for instance those of an older metrics.json, is left out.

    folder: Path, made if it does not exist
    scores: what `scoring.score_predictions` returned, or the content of the metrics.json that it became
    ground_truth, detections: what was scored, see `stored` and `predictions`
    title: the heading of the page
    Returns: Path of index.html, one file that needs no other and no network.
    """
    scores = json.loads(json.dumps(scores))  # ids as keys are strings from here on, as in the file
    page = Page(
        title,
        " · ".join(
            f"{name}: {scores[key]}"
            for name, key in (("truth", "gt"), ("predictions", "predictions"))
            if key in scores
        ),
    )
    summary.add_chapter(page, scores, ground_truth, detections)
    average_precision.add_coco(page, scores)
    average_precision.add_fashionpedia(page, scores)
    kaggle.add_chapter(page, scores)
    categories.add_chapter(page, scores)
    average_precision.add_curves(page, scores)
    attributes.add_chapter(
        page, scores, {str(row["id"]): row["name"] for row in ground_truth.get("attributes", ())}
    )
    thresholds.add_chapter(page, scores)
    categories.add_pixels(page, scores)
    for entry in METRICS.values():
        if entry.key not in IN_CHAPTERS:
            entry.add_chapter(page, scores)
    page.write(folder / "index.html")
    return folder / "index.html"
