"""The chapter of thresholds: what a search found, and the score at pairs of thresholds."""

from collections.abc import Mapping
from typing import Any

from fashion.evaluation.report.figures import best_cell, grid_heat_map
from fashion.evaluation.thresholds.objectives import OBJECTIVES
from fashion.pages.html import Page
from fashion.pages.text import number

_LEVELS = {
    "given": "the thresholds as given",
    "global": "one threshold on scores, masks and attributes for all",
    "supercategory": "a threshold for the attributes of each super-category",
    "category": "thresholds for each category",
    "attribute": "a threshold for each attribute of a category too",
}


def add_chapter(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds the levels of a search and its grid, as far as there are any.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    if "tuning" not in scores and "grid" not in scores:
        return
    page.chapter("Thresholds")
    page.text(
        "The least score of a detection and of an attribute that count. Scores on the images that "
        "thresholds were tuned on are optimistic; those on images held out are unbiased."
    )
    if "tuning" in scores:
        _add_levels(page, scores["tuning"])
    if "grid" in scores:
        _add_grid(page, scores["grid"])


def _add_levels(page: Page, tuning: Mapping[str, Any]) -> None:
    page.section(f"Tuned for: {_title(tuning['metric'])}")
    table = [["level", "images held out", "same images", "what is searched"]]
    for level, value in tuning["held_out"].items():
        on_same = number(tuning["on_same"][level])
        table.append([level, number(value), on_same, _LEVELS.get(level, "")])
    page.table(table)
    page.note(
        f"{tuning['folds']}-fold cross-validation: tuned on {tuning['folds'] - 1} of "
        f"{tuning['folds']} parts of the images, scored on the other. Level in thresholds.json: "
        f"{tuning['level']}."
    )


def _title(metric: str) -> str:
    """The title of an objective; the name of one that there is no more."""
    return OBJECTIVES[metric].title if metric in OBJECTIVES else metric


def _add_grid(page: Page, grid: Mapping[str, Any]) -> None:
    grid = {**grid, "metric": _title(grid["metric"])}
    row, column = best_cell(grid)
    page.section("Score threshold by attribute threshold")
    page.text(
        f"{grid['metric']} with the same two thresholds for all categories. The best value, "
        f"{number(grid['values'][row][column])}, has a score threshold of "
        f"{grid['score_thresholds'][row]:.3g} and an attribute threshold of "
        f"{grid['attribute_thresholds'][column]:.3g}."
    )
    page.figure(
        grid_heat_map(grid), f"{grid['metric']} over both thresholds; the best cell is framed."
    )
    table = [["score \\ attribute", *(f"{t:.3g}" for t in grid["attribute_thresholds"])]]
    for threshold, values in zip(grid["score_thresholds"], grid["values"]):
        table.append([f"{threshold:.3g}", *map(number, values)])
    page.table(table)
    if "numbers" in grid:
        _add_ap_by_score(page, grid)


def _add_ap_by_score(page: Page, grid: Mapping[str, Any]) -> None:
    names = ("AP", "AP50", "AP75", "APs", "APm", "APl")
    page.section("AP by score threshold")
    page.text(
        "Average precision of the detections that a score threshold leaves, whatever their "
        "attributes. It only falls: a detection left out can no longer be matched. grid.csv has "
        "all numbers of the grid, with and without the F1 of the attributes."
    )
    titles = {"segm": "masks", "bbox": "boxes"}
    table = [["score", *(f"{titles[kind]} {name}" for kind in titles for name in names)]]
    for row, threshold in enumerate(grid["score_thresholds"]):
        values = [grid["numbers"][kind][name][row] for kind in titles for name in names]
        table.append([f"{threshold:.3g}", *map(number, values)])
    page.table(table)
