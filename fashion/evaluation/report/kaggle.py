"""The chapter of Kaggle: the scores of both contests, over their thresholds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fashion.evaluation.report.figures import line_figure, precision_heat_map
from fashion.pages.html import Page
from fashion.pages.text import number


def add_chapter(page: Page, scores: Mapping[str, Any]) -> None:
    """Adds both scores, their ten precisions over IoU, and 2020's table of IoU by F1.

    Args:
        page: The page so far.
        scores: As in `page.write_report`.
    """
    if "kaggle_2019" not in scores or "kaggle_2020" not in scores:
        return
    of_2019, of_2020 = scores["kaggle_2019"], scores["kaggle_2020"]
    page.chapter("Kaggle 2019 and 2020")
    page.text(
        "2019: TP / (TP + FP + FN), where category and all attributes must be equal. Its rules do "
        "not say where the mean is taken, so both readings are given. 2020: TP / (TP + FP), where "
        "the category must be equal and the F1 of the attributes above a threshold. 2020 ignores "
        "false negatives."
    )
    page.table(
        [
            ["contest", "score", "how it is averaged"],
            [
                "2019",
                number(of_2019["mean_over_images_and_classes"]),
                "over thresholds, then ClassIds of an image, then images",
            ],
            [
                "2019, pooled",
                number(of_2019["pooled"]),
                "all images and ClassIds counted together, then over thresholds",
            ],
            [
                "2020",
                number(of_2020["score"]),
                "over 100 pairs of thresholds, then images; "
                f"images without detections: {of_2020['images_without_detections']:,}",
            ],
        ]
    )
    _add_precisions(page, of_2019, of_2020)


def _add_precisions(page: Page, of_2019: Mapping[str, Any], of_2020: Mapping[str, Any]) -> None:
    pooled = []
    for tp, fp, fn in zip(of_2019["tp"], of_2019["fp"], of_2019["fn"]):
        pooled.append(tp / (tp + fp + fn) if tp + fp + fn else 1.0)
    over_f1 = np.mean(of_2020["precision"], axis=1).tolist()
    page.section("Precision over IoU")
    page.figure(
        line_figure(
            {
                "2019, pooled": (of_2019["thresholds"], pooled),
                "2020, mean over F1": (of_2020["thresholds"], over_f1),
            },
            "mask IoU above",
            "precision",
            top=None,
        ),
        "What each contest calls precision, at its ten IoU thresholds.",
    )
    page.table(
        [
            ["IoU above", *(f"{t:.2f}" for t in of_2019["thresholds"])],
            ["2019, pooled", *map(number, pooled)],
            ["2020, mean over F1", *map(number, over_f1)],
        ]
    )
    page.section("2020: precision over IoU and F1")
    page.figure(
        precision_heat_map(of_2020["precision"], of_2020["thresholds"]),
        "Precision at each pair of thresholds, the mean over images. The score is the mean of the "
        "100 cells.",
    )
