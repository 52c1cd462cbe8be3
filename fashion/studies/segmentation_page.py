"""Page of the segmentation study: tables, curves, and label maps of the same images."""

import csv
import dataclasses
import io
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.pages.html import Page
from fashion.semantic.losses import IGNORED
from fashion.semantic.names import NETWORK_TITLES
from fashion.studies.seed_statistics import mean_text
from fashion.studies.segmentation import (
    LOSSES,
    OPTIMIZERS,
    SCHEDULES,
    Variant,
    only_background,
)
from fashion.studies.segmentation_figures import comparison, legend, painted
from mrcnn.drawing.grid import image_grid
from mrcnn.evaluation.semantic_iou import pixel_scores
from mrcnn.files import write_text
from mrcnn.typing import Array

# Records of the runs, a seed each, by variant.
Results = Mapping[Variant, Sequence[Mapping[str, Any]]]

_CELL = 150  # longer side of an image in pixels
_COLUMNS = 7
# The four tables of the report, and ours: keys in a record.
REPORTED = {
    "Pixel accuracy, training photos": ("train", "pixel_accuracy"),
    "Pixel accuracy, validation photos": ("validation", "pixel_accuracy"),
    "Binary IoU, training photos": ("train", "binary_iou"),
    "Binary IoU, validation photos": ("validation", "binary_iou"),
}
ADDED = {
    "Mean IoU of the categories, validation photos": ("validation", "mean_iou"),
    "Mask AP, validation photos": ("mask_ap", "AP"),
}
COLUMNS = {
    **{
        f"{part} {name.replace('_', ' ')}": (part, name)
        for part in ("train", "validation")
        for name in (
            "pixel_accuracy",
            "binary_iou",
            "foreground_iou",
            "background_iou",
            "mean_iou",
            "mean_iou_with_background",
        )
    },
    "mask AP": ("mask_ap", "AP"),
    "mask AP50": ("mask_ap", "AP50"),
    "training loss": ("training_loss",),
    "minutes": ("minutes",),
    "parameters": ("parameters",),
}
# Columns of the tables of all runs.
_SHOWN = {
    "pixel accuracy": "pixel_accuracy",
    "binary IoU": "binary_iou",
    "IoU of what is not background": "foreground_iou",
    "mean IoU": "mean_iou",
}


def write_study(
    folder: Path,
    results: Results,
    images: Sequence[Mapping[str, Any]],
    about: str,
    beside: Mapping[str, Any] | None = None,
) -> Path:
    """Writes index.html, table.csv and results.json.

    table.csv has a row for each variant, with means over the seeds; results.json a record for each
    run.

    Args:
        folder: Where they go.
        results: Records of the runs, see `segmentation_runs.finished_run`.
        images: For each image "name"; "labels", canvas `(S, S, 3)` and ground-truth labels
            `(S, S)` by size; "predicted", labels `(S, S)` by variant; "names", name by label.
        about: Sentence on data and settings.
        beside: Result of `segmentation_peer.scored_beside`.

    Returns:
        The page.
    """
    records = list(itertools.chain.from_iterable(results.values()))
    write_text(folder / "results.json", json.dumps(records, indent=1) + "\n")
    write_text(folder / "table.csv", _csv(results))
    page = Page("Networks that label every pixel", about)
    _add_reported(page, results)
    _add_all_runs(page, results)
    if beside:
        _add_beside(page, results, beside)
    _add_curves(page, results)
    _add_categories(page, results)
    _add_images(page, images)
    page.write(folder / "index.html")
    return folder / "index.html"


def value_of(records: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Array:
    """Looks up a number of each run.

    Args:
        records: Records of the runs of a variant.
        keys: Nested keys of the number.

    Returns:
        `(S,)` float64; NaN where there was nothing to measure, -1 in the record.
    """
    values = []
    for record in records:
        value: Any = record
        for key in keys:
            value = value[key]
        values.append(np.nan if value is None or value == -1 else value)
    return np.array(values, np.float64)


def _texts(records: Sequence[Mapping[str, Any]], *paths: Sequence[str]) -> list[str]:
    """Means over the seeds, with their spreads."""
    return [mean_text(value_of(records, keys)) for keys in paths]


def _add_reported(page: Page, results: Results) -> None:
    page.chapter("The report's tables")
    page.text(
        "Pixel accuracy is the share of pixels with the right label. Binary IoU is the mean of "
        "two: the IoU of the background, and that of everything else together, whatever its "
        "category. Pixels are counted over all photos, at the size of the network's input, "
        "without the black padding around a photo, after the last epoch; no epoch was chosen."
    )
    for size in sorted({variant.size for variant in results}):
        for title, keys in (REPORTED | ADDED).items():
            page.section(f"{title}, {size} × {size}")
            page.table(grid(results, size, keys))


def grid(results: Results, size: int, keys: Sequence[str]) -> list[list[str]]:
    """Arranges a number: a network a row, loss, optimizer and schedule a column.

    Args:
        results: Records of the runs.
        size: Size of the variants in pixels.
        keys: Nested keys of the number.

    Returns:
        Rows of a table, the header first.
    """
    here = [variant for variant in results if variant.size == size]
    columns = sorted({_how(variant) for variant in here})
    rows: dict[str, dict[tuple[int, ...], str]] = {}
    names = {_how(variant): variant.how for variant in here}
    for variant in here:
        row = rows.setdefault(NETWORK_TITLES[variant.network], dict.fromkeys(columns, ""))
        row[_how(variant)] = mean_text(value_of(results[variant], keys))
    header = ["network", *(names[column] for column in columns)]
    return [header, *([name, *cells.values()] for name, cells in rows.items())]


def _how(variant: Variant) -> tuple[int, ...]:
    """Place of a variant's column: by loss, then optimizer, then schedule."""
    tables = (LOSSES, variant.loss), (OPTIMIZERS, variant.optimizer), (SCHEDULES, variant.schedule)
    return tuple(list(table).index(key) for table, key in tables)


def _add_all_runs(page: Page, results: Results) -> None:
    shown = _SHOWN | {"with the background": "mean_iou_with_background"}
    page.chapter("All runs, validation photos")
    page.text(
        "The first line shows what a network scores that predicts background everywhere. Mean IoU "
        "is that of the categories that occur in the ground truth or in a prediction. For mask AP "
        "each connected part of a category is an object, its score the mean probability of its "
        "pixels; it is COCO's, measured in the photos' own pixels, as that of Mask R-CNN is."
    )
    first = next(iter(results.values()))[0]["validation"]
    names = [{"id": i, "name": row["name"]} for i, row in enumerate(first["per_category"].values())]
    idle = pixel_scores(only_background(first), names)
    header = ["network, loss, optimizer", "size", *shown, "mask AP", "mask AP50"]
    header += ["training loss", "minutes", "million parameters"]
    idle_row = ["nothing but background", ""]
    idle_row += [mean_text([idle[key]]) for key in shown.values()]
    rows: list[list[Any]] = [header, idle_row + ["–"] * 5]
    paths: list[tuple[str, ...]] = [("validation", key) for key in shown.values()]
    paths += [("mask_ap", "AP"), ("mask_ap", "AP50"), ("training_loss",)]
    for variant, records in results.items():
        minutes = f"{value_of(records, ('minutes',)).mean():.1f}"
        parameters = f"{records[0]['parameters'] / 1e6:.2f}"
        texts = _texts(records, *paths)
        rows.append([variant.title, variant.size, *texts, minutes, parameters])
    page.table(rows)


def _add_beside(page: Page, results: Results, beside: Mapping[str, Any]) -> None:
    page.chapter("Beside Mask R-CNN")
    page.text(
        "The same validation photos. Detections with a score of 0.5 or more are painted into label "
        "maps like the ground truth, the smallest last, at the size of each network's input. Time "
        "is that of a photo from its pixels to the run lengths of its objects, as a multiple of "
        "the fastest; the models took turns on the same photos."
    )
    fastest = min(beside["seconds"], *beside["seconds_of"].values())
    rows = [["network", "size of the label maps", *_SHOWN, "mask AP", "mask AP50", "time"]]
    for size, scores in beside["validation"].items():
        texts = [mean_text([scores[key]]) for key in _SHOWN.values()]
        texts += [mean_text([beside["mask_ap"][name]]) for name in ("AP", "AP50")]
        rows.append([beside["name"], size, *texts, f"{beside['seconds'] / fastest:.1f}"])
    paths = [("validation", key) for key in _SHOWN.values()]
    paths += [("mask_ap", "AP"), ("mask_ap", "AP50")]
    for variant, seconds in beside["seconds_of"].items():
        texts = _texts(results[variant], *paths)
        rows.append([variant.title, variant.size, *texts, f"{seconds / fastest:.1f}"])
    page.table(rows)


def _add_curves(page: Page, results: Results) -> None:
    histories = {}
    for variant, records in results.items():
        histories[variant] = [record["history"] for record in records]
    page.chapter("By epoch, pair by pair")
    for by, title in (
        ("loss", "Losses"),
        ("optimizer", "Optimizers"),
        ("schedule", "Learning rates over a training"),
        ("network", "Networks"),
        ("size", "Sizes"),
    ):
        figure = comparison(histories, by)
        if figure:
            page.section(title)
            page.figure(
                figure,
                f"Validation scores after each epoch; the lines of a panel differ in the {by} "
                "alone.",
            )


def _add_categories(page: Page, results: Results) -> None:
    first = next(iter(results.values()))[0]["validation"]
    total = first["pixels"]
    titles = [f"{variant.title}, {variant.size}" for variant in results]
    rows = [["category", "% of pixels", *titles]]
    for i, row in sorted(first["per_category"].items(), key=lambda item: -item[1]["pixels"]):
        if row["pixels"]:
            keys = ("validation", "per_category", i, "iou")
            texts = [mean_text(value_of(records, keys), 2) for records in results.values()]
            rows.append([row["name"].split(",")[0], f"{100 * row['pixels'] / total:.2f}", *texts])
    page.chapter("IoU of each category")
    page.text("Validation photos; categories that occur in none of them are left out.")
    page.table(rows)


def _add_images(page: Page, images: Sequence[Mapping[str, Any]]) -> None:
    page.chapter("The same photos")
    names: dict[int, str] = {}
    for image in images:
        names |= image["names"]
    page.figure(legend(names), "Colors of the categories")
    for image in images:
        within = {size: labels != IGNORED for size, (_, labels) in image["labels"].items()}
        first = min(within)
        canvas, labels = image["labels"][first]
        overlays = [
            painted(canvas, np.zeros_like(labels), within[first]),
            painted(canvas, labels, within[first]),
        ]
        titles = ["photo", "ground truth"]
        for variant, predicted in image["predicted"].items():
            canvas = image["labels"][variant.size][0]
            overlays.append(painted(canvas, predicted, within[variant.size]))
            titles.append(f"{variant.name} {variant.size}")
        height, width = overlays[0].shape[:2]
        cell_hw = tuple(round(_CELL * n / max(height, width)) for n in (height, width))
        page.section(image["name"])
        page.image(
            image_grid(overlays, titles, columns=_COLUMNS, cell_hw=cell_hw),
            wide=True,
            caption=f"{image['name']}: photo, ground truth, and the prediction of each network",
        )


def _csv(results: Results) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    fields = [field.name for field in dataclasses.fields(Variant)]
    writer.writerow([*fields, "seeds", *COLUMNS])
    for variant, records in results.items():
        about = [*(getattr(variant, field) for field in fields), len(records)]
        means = [value_of(records, keys).mean() for keys in COLUMNS.values()]
        writer.writerow([*about, *means])
    return text.getvalue()
