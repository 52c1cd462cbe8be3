"""The page of a detector study: tables beside the report's, plots, and tests of the differences."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.pages.html import Page
from fashion.studies.category_recall import (
    recall_figure,
    recall_rows,
    recalls_of,
    write_recalls,
)
from fashion.studies.detector_tables import (
    Results,
    difference_rows,
    finished_seeds,
    measured,
    plot,
    seeds_of,
)
from fashion.studies.factors import effect_rows, effects_of
from fashion.studies.findings import differences_of, paragraph
from fashion.studies.learning_curve import curve_figure, forecast, sentences
from fashion.studies.seed_statistics import mean_text
from fashion.studies.study import Study
from mrcnn.files import atomic_path
from mrcnn.typing import Array


def conclusions(study: Study, results: Results) -> list[str]:
    """Writes which differences are significant, and the forecast of a study of sizes.

    Args:
        study: The study.
        results: Result of `results_of`.

    Returns:
        Paragraphs.
    """
    judged = measured(results, study.judged) if results else []
    if study.factors:
        differences = effects_of(results, study.factors, judged)
    else:
        differences = differences_of(results, study.references(list(results)), judged)
    paragraphs = [paragraph(differences)]
    if study.sizes and results:
        for column, scores in _by_size(study, results, judged).items():
            paragraphs.append(sentences(column, forecast(scores)))
    return paragraphs


def _by_size(study: Study, results: Results, columns: Sequence[str]) -> dict[str, dict[int, Array]]:
    """Score of each seed by number of photos, by column."""
    sizes = dict(zip(study.variants, study.sizes, strict=True))
    return {
        column: {sizes[name]: of_variant[column] for name, of_variant in results.items()}
        for column in columns
    }


def write_page(
    out: Path, study: Study, results: Results, about: Sequence[tuple[str, str]]
) -> Path | None:
    """Writes index.html, and the files of the plots that only some studies have.

    Args:
        out: Folder of the study.
        study: The study.
        results: Result of `results_of`.
        about: Rows of the head: what was trained, on what.

    Returns:
        The page; None without finished runs.
    """
    if not results:
        return None
    page = Page(study.title, "means over the seeds ± standard deviation")
    page.facts(about)
    page.chapter("Significant differences")
    page.text(*conclusions(study, results))
    page.chapter("Scores")
    page.figure(plot(study, results), "A dot for each seed, a line at the mean.")
    for title, columns in study.tables or (("Scores", study.shown),):
        shown = measured(results, columns)
        if shown:
            page.section(title)
            page.table(score_rows(study, results, shown))
    _add_differences(page, study, results)
    if study.factors:
        page.chapter("Effects of the factors")
        page.text(
            "The mean over all pairs of variants that differ in one factor alone, with the 95 % "
            "interval over the seeds. A star marks intervals that exclude 0."
        )
        page.table(effect_rows(results, study.factors, measured(results, study.shown)))
    if study.sizes:
        _add_curve(page, out, study, results)
    if study.grid:
        _add_grid(page, out, study, list(results))
    if study.recalls:
        _add_recalls(page, out, list(results))
    page.write(out / "index.html")
    return out / "index.html"


def score_rows(study: Study, results: Results, columns: Sequence[str]) -> list[list[Any]]:
    """Writes means over the seeds, with the report's numbers below each variant.

    Args:
        study: The study.
        results: Result of `results_of`.
        columns: The scores.

    Returns:
        Rows, the header first.
    """
    rows: list[list[Any]] = [["", "seeds", *columns]]
    for name, of_variant in results.items():
        rows.append([name, seeds_of(of_variant), *(mean_text(of_variant[c]) for c in columns)])
        if name in study.reported:
            rows.append(_reported_row(study, name, columns))
    for name in study.reported:
        if name not in results:
            rows.append(_reported_row(study, name, columns))
    return rows


def _reported_row(study: Study, name: str, columns: Sequence[str]) -> list[Any]:
    numbers = study.reported[name]
    texts = [f"{numbers[column]:.3f}" if column in numbers else "" for column in columns]
    return [f"{name} ({study.source})", "", *texts]


def _add_differences(page: Page, study: Study, results: Results) -> None:
    shown = measured(results, study.shown)
    rows = difference_rows(study, results, shown)
    if not rows:
        return
    reference = "the row above" if study.by_step else next(iter(results))
    page.section(f"Differences from {reference}")
    page.text(
        "Means of the paired differences and half their 95 % intervals (Student's t), over the "
        "seeds that both have. A star marks intervals that exclude 0, each by itself: of twenty, "
        "one is chance. The tests above are corrected for that."
    )
    page.table([["", *shown], *rows])


def _add_curve(page: Page, out: Path, study: Study, results: Results) -> None:
    judged = measured(results, study.judged)
    if not judged:
        return
    scores = _by_size(study, results, judged)
    figure = curve_figure(scores, {column: forecast(scores[column]) for column in judged})
    with atomic_path(out / "curve.png") as path:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    page.chapter("Score over the number of photos")
    page.figure(
        figure,
        "Dots: seeds, each with its own choice of photos. Bars: means. Line: power law, dashed "
        "beyond the largest size, with the 95 % interval of the gain.",
    )
    page.text(
        "Each size is trained with equally many batches, so that photos differ and not the length "
        "of the training."
    )


def _add_recalls(page: Page, out: Path, names: list[str]) -> None:
    recalls = recalls_of(out, names)
    if not recalls:
        return
    write_recalls(out, recalls)
    figure = recall_figure(recalls, names)
    with atomic_path(out / "recall.png") as path:
        figure.savefig(path, dpi=150, bbox_inches="tight")
    page.chapter("Recall by category")
    page.text("Matched objects at mask IoU 0.5, of confident predictions; means over the seeds.")
    page.figure(figure, "Recall by category; recall.csv has the spreads.")
    page.table(recall_rows(recalls, names))


def grids_of(out: Path, name: str) -> list[Mapping[str, Any]]:
    """Reads the grids of thresholds of a variant.

    Args:
        out: Folder of the study.
        name: The variant.

    Returns:
        "grid" of metrics.json of each finished seed, see `thresholds.ap_grid`.
    """
    grids = []
    for _, path in sorted(finished_seeds(out, name).items()):
        grids.append(json.loads(path.read_text(encoding="utf-8"))["grid"])
    return grids


def grid_rows(
    grids: Sequence[Mapping[str, Any]],
    reported: Mapping[tuple[float, float], Mapping[str, float]],
    source: str,
) -> list[list[str]]:
    """Writes the cells of grids that a report has, ours beside the report's.

    Args:
        grids: Result of `grids_of`.
        reported: {(score threshold, attribute threshold): scores by column}.
        source: The report.

    Returns:
        Rows, the header first.
    """
    columns = ("mask AP", "mask f1AP", "box AP", "box f1AP")
    rows = [["class score, attribute score", *columns, *(f"{c} ({source})" for c in columns)]]
    for (score, attribute), numbers in reported.items():
        cells = []
        for column in columns:
            cells.append(mean_text([_cell(grid, column, score, attribute) for grid in grids]))
        theirs = [f"{numbers[column]:.3f}" if column in numbers else "" for column in columns]
        rows.append([f"{score:g}, {attribute:g}", *cells, *theirs])
    return rows


def _cell(grid: Mapping[str, Any], column: str, score: float, attribute: float) -> float:
    kind, name = column.split()
    numbers = grid["numbers"]["segm" if kind == "mask" else "bbox"][name]
    row = numbers[grid["score_thresholds"].index(score)]
    value = row[grid["attribute_thresholds"].index(attribute)] if name.startswith("f1") else row
    return np.nan if value < 0 else value


def _add_grid(page: Page, out: Path, study: Study, names: list[str]) -> None:
    from fashion.evaluation.report.figures import grid_heat_map

    page.chapter("Thresholds")
    page.text(
        "Average precision of the detections of at least a class score, without and with the F1 of "
        "the attributes of at least an attribute score. grid.csv of each run has all numbers."
    )
    for name in names:
        grids = grids_of(out, name)
        page.section(name)
        page.table(grid_rows(grids, study.grid, study.source))
        values = np.mean([grid["values"] for grid in grids], axis=0)
        figure = grid_heat_map({**grids[0], "metric": "mask f1AP", "values": values.tolist()})
        page.figure(figure, f"Mask f1AP of {name}, mean over {len(grids)} seeds.")
