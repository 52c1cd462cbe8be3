"""The page of the study: its tables, its curves, and what each network makes of the same photos."""

import csv
import io
import json

import numpy as np

from fashion.pages.html import Page
from fashion.semantic.losses import IGNORED
from fashion.studies.segmentation import LOSSES, OPTIMIZERS, only_background
from fashion.studies.segmentation_figures import comparison, legend, painted
from mrcnn.drawing.grid import image_grid
from mrcnn.evaluation.semantic_iou import pixel_scores
from mrcnn.files import write_text

_CELL = 150  # pixels, the longer side of one picture
_COLUMNS = 7
REPORTED = {  # the four tables of the report
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


def write_study(folder, results, photos, about, beside=None):
    """index.html, table.csv (a row for each variant, means of the seeds) and results.json (a record for each run) in `folder`.

    results: {Variant: [record of each run, as `fashion.segment` keeps it, with "history"]}; about: a sentence on the data and settings
    photos: [{"name", "labels": {size: (photo (S, S, 3), true labels (S, S))}, "said": {Variant: labels (S, S)}, "names": {label: name}}]
    beside: what `fashion.studies.segmentation_peer` says of a Mask R-CNN on the same photos
    Returns: the path of the page.
    """
    write_text(
        folder / "results.json",
        json.dumps([record for records in results.values() for record in records], indent=1) + "\n",
    )
    write_text(folder / "table.csv", _csv(results))
    page = Page("Networks that label every pixel", about)
    _reported(page, results)
    _all_runs(page, results)
    if beside:
        _beside(page, results, beside)
    _curves(page, results)
    _categories(page, results)
    _pictures(page, photos)
    page.write(folder / "index.html")
    return folder / "index.html"


def value_of(records, keys):
    """(seeds,) float64: a number of each run's record; NaN for -1, which means that there was nothing to measure."""
    found = []
    for record in records:
        for key in keys:
            record = record[key]
        found.append(np.nan if record is None or record == -1 else record)
    return np.array(found, np.float64)


def text_of(values, digits=3):
    """ "0.123", and of several "0.123 ± 0.004", their standard deviation; a dash for what was not measured."""
    if np.isnan(values).all():
        return "–"
    return f"{values.mean():.{digits}f}" + (
        f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    )


def _reported(page, results):
    page.chapter("The report's tables")
    page.text(
        "Pixel accuracy is the share of pixels with the right label. Binary IoU is the mean of two: the IoU of the background, and "
        "that of everything else together, whatever its category. Pixels are counted over all photos, at the size of the network's "
        "input, without the black border around a photo, after the last epoch; no epoch was chosen."
    )
    for size in sorted({variant.size for variant in results}):
        for title, keys in (REPORTED | ADDED).items():
            page.section(f"{title}, {size} × {size}")
            page.table(grid(results, size, keys))


def grid(results, size, keys):
    """Rows of a table: a network a row, loss and optimiser a column."""
    pairs = [(loss, optimizer) for loss in LOSSES for optimizer in OPTIMIZERS]
    rows = {}
    for variant, records in results.items():
        if variant.size == size:
            row = rows.setdefault(variant.title.split(", ")[0], dict.fromkeys(pairs, ""))
            row[variant.loss, variant.optimizer] = text_of(value_of(records, keys))
    return [
        ["network", *(f"{LOSSES[loss]}, {OPTIMIZERS[optimizer]}" for loss, optimizer in pairs)],
        *([name, *cells.values()] for name, cells in rows.items()),
    ]


def _all_runs(page, results):
    shown = {
        "pixel accuracy": "pixel_accuracy",
        "binary IoU": "binary_iou",
        "IoU of what is no background": "foreground_iou",
        "mean IoU": "mean_iou",
        "with the background": "mean_iou_with_background",
    }
    page.chapter("All runs, validation photos")
    page.text(
        "The first line is what is reached by calling every pixel background, which the first two scores do not show. Mean IoU is "
        "that of the categories that occur, said or real. For mask AP each connected part of a category is an object, its score the "
        "mean probability of its pixels; it is COCO's, measured in the photos' own pixels, as that of Mask R-CNN is."
    )
    first = next(iter(results.values()))[0]["validation"]
    idle = pixel_scores(
        only_background(first),
        [{"id": i, "name": row["name"]} for i, row in enumerate(first["per_category"].values())],
    )
    rows = [
        [
            "network, loss, optimiser",
            "size",
            *shown,
            "mask AP",
            "mask AP50",
            "training loss",
            "minutes",
            "million parameters",
        ],
        [
            "nothing but background",
            "",
            *(text_of(np.array([idle[key]])) for key in shown.values()),
            *["–"] * 5,
        ],
    ]
    for variant, records in results.items():
        rows.append(
            [
                variant.title,
                variant.size,
                *(text_of(value_of(records, ("validation", key))) for key in shown.values()),
                *(text_of(value_of(records, ("mask_ap", name))) for name in ("AP", "AP50")),
                text_of(value_of(records, ("training_loss",))),
                f"{value_of(records, ('minutes',)).mean():.1f}",
                f"{records[0]['parameters'] / 1e6:.2f}",
            ]
        )
    page.table(rows)


def _beside(page, results, beside):
    shown = {
        "pixel accuracy": "pixel_accuracy",
        "binary IoU": "binary_iou",
        "IoU of what is no background": "foreground_iou",
        "mean IoU": "mean_iou",
    }
    page.chapter("Beside Mask R-CNN")
    page.text(
        "The same validation photos. Detections with a score of 0.5 or more are painted into label maps as the truth is, the "
        "smallest last, at the size of each network's input. Time is that of a photo from its pixels to the run lengths of its "
        "objects, as a multiple of the fastest; the models took turns on the same photos."
    )
    fastest = min(beside["seconds"], *beside["seconds_of"].values())
    rows = [["network", "size of the label maps", *shown, "mask AP", "mask AP50", "time"]]
    for size, scores in beside["validation"].items():
        rows.append(
            [
                beside["name"],
                size,
                *(text_of(np.array([scores[key]])) for key in shown.values()),
                *(text_of(np.array([beside["mask_ap"][name]])) for name in ("AP", "AP50")),
                f"{beside['seconds'] / fastest:.1f}",
            ]
        )
    for variant, seconds in beside["seconds_of"].items():
        rows.append(
            [
                variant.title,
                variant.size,
                *(
                    text_of(value_of(results[variant], ("validation", key)))
                    for key in shown.values()
                ),
                *(
                    text_of(value_of(results[variant], ("mask_ap", name)))
                    for name in ("AP", "AP50")
                ),
                f"{seconds / fastest:.1f}",
            ]
        )
    page.table(rows)


def _curves(page, results):
    histories = {
        variant: [record["history"] for record in records] for variant, records in results.items()
    }
    page.chapter("By epoch, pair by pair")
    for by, title in (
        ("loss", "Losses"),
        ("optimizer", "Optimisers"),
        ("network", "Networks"),
        ("size", "Sizes"),
    ):
        figure = comparison(histories, by)
        if figure:
            page.section(title)
            page.figure(
                figure,
                f"Validation scores after each epoch; the lines of a panel differ in the {by} alone.",
            )


def _categories(page, results):
    first = next(iter(results.values()))[0]["validation"]
    total = first["pixels"]
    rows = [
        ["category", "% of pixels", *(f"{variant.title}, {variant.size}" for variant in results)]
    ]
    for i, row in sorted(first["per_category"].items(), key=lambda item: -item[1]["pixels"]):
        if row["pixels"]:
            rows.append(
                [
                    row["name"].split(",")[0],
                    f"{100 * row['pixels'] / total:.2f}",
                    *(
                        text_of(value_of(records, ("validation", "per_category", i, "iou")), 2)
                        for records in results.values()
                    ),
                ]
            )
    page.chapter("IoU of each category")
    page.text("Validation photos; categories that occur in none of them are left out.")
    page.table(rows)


def _pictures(page, photos):
    page.chapter("The same photos")
    page.figure(
        legend({label: name for photo in photos for label, name in photo["names"].items()}),
        "Colours of the categories",
    )
    for photo in photos:
        within = {size: labels != IGNORED for size, (_, labels) in photo["labels"].items()}
        first = min(within)
        canvas, labels = photo["labels"][first]
        pictures = [
            painted(canvas, np.zeros_like(labels), within[first]),
            painted(canvas, labels, within[first]),
        ]
        pictures += [
            painted(photo["labels"][variant.size][0], said, within[variant.size])
            for variant, said in photo["predicted"].items()
        ]
        titles = [
            "photo",
            "truth",
            *(f"{variant.name} {variant.size}" for variant in photo["predicted"]),
        ]
        height, width = pictures[0].shape[:2]
        cell_hw = tuple(round(_CELL * n / max(height, width)) for n in (height, width))
        page.section(photo["name"])
        page.image(
            image_grid(pictures, titles, columns=_COLUMNS, cell_hw=cell_hw),
            wide=True,
            caption=f"{photo['name']}: photo, truth, and what each network says",
        )


def _csv(results):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["network", "loss", "optimizer", "size", "seeds", *COLUMNS])
    for variant, records in results.items():
        writer.writerow(
            [
                variant.network,
                variant.loss,
                variant.optimizer,
                variant.size,
                len(records),
                *(value_of(records, keys).mean() for keys in COLUMNS.values()),
            ]
        )
    return text.getvalue()
