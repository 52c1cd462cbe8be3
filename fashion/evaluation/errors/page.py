"""The error page: findings, costs, confusions and the worst images, as HTML and as JSON."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.evaluation.errors import chapters
from fashion.evaluation.errors.analysis import analyse
from fashion.evaluation.errors.captions import errors_in_words
from fashion.evaluation.errors.side_by_side import LEGEND, OutcomeRenderer
from fashion.evaluation.matching import MatchTable
from fashion.pages.html import Page
from fashion.pages.text import count
from mrcnn.files import write_text
from mrcnn.typing import Array, PathLike

log = logging.getLogger(__name__)

_FIRST = 6  # images above the numbers; the others are at the end

ReadImage = Callable[[str], Array | None]


def write_errors(
    folder: PathLike,
    ground_truth: dict[str, Any],
    detections: Sequence[dict[str, Any]],
    read_image: ReadImage | None = None,
    *,
    score_threshold: float = 0.5,
    worst: int = 20,
    seed: int = 0,
    title: str = "Error analysis of predictions",
    table: MatchTable | None = None,
    file_name: str = "index.html",
    site: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Analyses errors and writes errors.json and a page.

    Args:
        folder: Where to write.
        ground_truth: COCO dict, from `read_ground_truth`.
        detections: COCO results, from `read_detections`.
        read_image: `file name -> (H, W, 3) uint8 RGB or None`. Masks without image are on grey.
        score_threshold: Detections from this score on are confident.
        worst: How many images to show.
        seed: Of the bootstrap behind standard errors.
        title: Heading of the page, with model and data set.
        table: Match table of the masks, if there is one already.
        file_name: Name of the page.
        site: `{file name: title}` of the pages that this one belongs to.

    Returns:
        The analysis, see `analysis.analyse`.
    """
    analysis = analyse(
        ground_truth,
        detections,
        score_threshold=score_threshold,
        worst=worst,
        seed=seed,
        table=table,
    )
    folder = Path(folder)
    # First, so that the numbers survive an interruption while images are drawn.
    text = json.dumps(analysis, indent=1, ensure_ascii=False)
    write_text(folder / "errors.json", text + "\n")
    page = Page(title, _subtitle(analysis), site=site, here=file_name)
    _add_chapters(page, analysis, _worst_sheets(analysis, ground_truth, detections, read_image))
    page.write(folder / file_name)
    return analysis


def _subtitle(analysis: Mapping[str, Any]) -> str:
    return (
        f"{count(analysis['detections'], 'detection')} in {count(analysis['photos'], 'image')} "
        f"with {count(analysis['objects'], 'object')}. Masks are compared. Confident = score ≥ "
        f"{analysis['score_threshold']:g}."
    )


def _add_chapters(page: Page, analysis: Mapping[str, Any], sheets: list[tuple[Array, str]]) -> None:
    page.chapter("Findings")
    page.text(*analysis["findings"])
    _add_worst_images(page, sheets)
    chapters.add_numbers(page, analysis)
    if len(sheets) > _FIRST:
        page.chapter("More of the worst images")
        page.gallery(sheets[_FIRST:])


def _worst_sheets(
    analysis: Mapping[str, Any],
    ground_truth: dict[str, Any],
    detections: Sequence[dict[str, Any]],
    read_image: ReadImage | None,
) -> list[tuple[Array, str]]:
    """Each of the worst images, drawn, with its rank, name, F1 and errors in words."""
    draw = OutcomeRenderer(ground_truth, detections, analysis["score_threshold"])
    sheets = []
    for rank, row in enumerate(analysis["worst"], 1):
        sheet = draw(row, _pixels(read_image, row["file_name"]))
        sheets.append(
            (sheet, f"{rank}. {row['file_name']}: F1 {row['f1']:.2f}. {errors_in_words(row)}")
        )
    return sheets


def _add_worst_images(page: Page, sheets: Sequence[tuple[Array, str]]) -> None:
    page.chapter("The worst images")
    if not sheets:
        page.text("No image has an error.")
        return
    page.text(
        f"The {count(len(sheets), 'image')} of lowest F1: twice the matched objects over objects "
        "and confident detections together. An object is matched by a detection of its category "
        "with mask IoU 0.5 or more. Images of equal F1 are sorted by their errors. In "
        f"brackets: confidence scores. {LEGEND}"
    )
    page.gallery(sheets[:_FIRST])


def _pixels(read_image: ReadImage | None, name: str) -> Array | None:
    """Pixels of an image; None where there is none, or it cannot be read."""
    try:
        return read_image(name) if read_image else None
    except OSError as error:
        log.warning("Drawn without its image: %s", error)
        return None
