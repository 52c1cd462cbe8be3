"""Thresholds: what a search of them found, and a score at every pair of the two main ones."""

from fashion.evaluation.report.figures import best_cell, grid_heat_map
from fashion.pages.text import number

_LEVELS = {
    "given": "the thresholds as they were given",
    "global": "one threshold on scores, masks and attributes for all",
    "supercategory": "for the attributes of each super-category their own",
    "category": "for each category its own",
    "attribute": "for each attribute of a category its own, too",
}


def add_chapter(page, scores):
    """The levels of a search, and its grid, as far as the scores hold them."""
    if "tuning" not in scores and "grid" not in scores:
        return
    page.chapter("Thresholds")
    page.text(
        "From what score on does a detection count, and from what score on an attribute? Thresholds that are chosen on the photos "
        "that are reported on flatter the report, so the numbers for photos that were held out are those to believe."
    )
    if "tuning" in scores:
        _add_levels(page, scores["tuning"])
    if "grid" in scores:
        _add_grid(page, scores["grid"])


def _add_levels(page, tuning):
    page.section(f"Searched for: {tuning['metric']}")
    page.table(
        [
            ["level", "on photos held out", "on the same photos", "what is searched"],
            *(
                [level, number(value), number(tuning["on_same"][level]), _LEVELS.get(level, "")]
                for level, value in tuning["held_out"].items()
            ),
        ]
    )
    page.note(
        f"Held out: searched on the other {tuning['folds'] - 1} of {tuning['folds']} parts of the photos, each part in turn. "
        f"The level that was written: {tuning['level']}."
    )


def _add_grid(page, grid):
    row, column = best_cell(grid)
    page.section("Score threshold by attribute threshold")
    page.text(
        f"{grid['metric']}, where both thresholds are the same for all categories. The best value, "
        f"{number(grid['values'][row][column])}, is that of a score threshold of {grid['score_thresholds'][row]:.3g} and an "
        f"attribute threshold of {grid['attribute_thresholds'][column]:.3g}."
    )
    page.figure(
        grid_heat_map(grid), f"{grid['metric']}, over both thresholds; the best cell is framed."
    )
    page.table(
        [
            ["score \\ attribute", *(f"{t:.3g}" for t in grid["attribute_thresholds"])],
            *(
                [f"{t:.3g}", *map(number, values)]
                for t, values in zip(grid["score_thresholds"], grid["values"])
            ),
        ]
    )
