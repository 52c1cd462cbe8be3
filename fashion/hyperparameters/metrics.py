"""What a search maximizes: a column of history.csv, or a number of metrics.json."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fashion.cli.parser import did_you_mean
from mrcnn.json_files import read_json_object

# Written down here and not read from the code that computes them, which imports Keras.
COLUMNS = {
    "val_mask_ap": "mask AP on the validation images",
    "val_mask_ap50": "mask AP50",
    "val_box_ap": "box AP",
    "val_attribute_micro_f1": "micro F1 of the attributes",
    "val_loss": "validation loss, the lowest",
}
# Keys in metrics.json, one alternative after the other.
SCORES: dict[str, tuple[tuple[str, ...], ...]] = {
    "f1_ap": (("f1_ap", "segm", "f1AP"),),
    "fashionpedia": (
        ("fashionpedia", "segm", "iou_f1/AP"),
        ("fashionpedia_fixed", "segm", "iou_f1/AP"),
    ),
    "kaggle_2019": (("kaggle_2019", "mean_over_images_and_classes"),),
    "kaggle_2019_pooled": (("kaggle_2019", "pooled"),),
    "kaggle_2020": (("kaggle_2020", "score"),),
    "attributes": (("attributes", "micro_f1"),),
}
_AVERAGED = "ema_"  # before the name of a score of averaged weights


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number that a search maximizes or minimizes.

    Attributes:
        name: As the user wrote it.
        column: Column of history.csv that is reported after each epoch.
        paths: Keys in metrics.json, alternatives; empty where the column itself is meant.
        maximize: False where less is better.
    """

    name: str
    column: str
    paths: tuple[tuple[str, ...], ...] = ()
    maximize: bool = True

    def of_epochs(self, history: Sequence[Mapping[str, Any]]) -> dict[int, float]:
        """Reads the column.

        Args:
            history: Rows of history.csv.

        Returns:
            The value by epoch, counted from 1, of the epochs that were scored. Where averaged
            weights were scored as well, the better of both.
        """
        found = {}
        for row in history:
            values = [row.get(prefix + self.column) for prefix in ("", _AVERAGED)]
            numbers = [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
            if numbers:
                found[int(row["epoch"])] = self.best(numbers)
        return found

    def best(self, values: Sequence[float]) -> float:
        """Chooses the best value.

        Args:
            values: At least one.

        Returns:
            The largest, or the smallest.
        """
        return max(values) if self.maximize else min(values)

    def of_run(self, folder: Path, history: Sequence[Mapping[str, Any]]) -> float:
        """Reads the value of a finished training.

        Args:
            folder: Its run folder.
            history: Rows of its history.csv.

        Returns:
            The best value of an epoch, or the number in metrics.json, which describes best.h5.

        Raises:
            ValueError: The training has not measured it.
        """
        if not self.paths:
            values = self.of_epochs(history)
            if not values:
                raise ValueError(f"{folder / 'history.csv'} has no {self.column}.")
            return self.best(list(values.values()))
        path = folder / "metrics.json"
        if not path.exists():
            raise ValueError(
                f"{path} is missing, so {self.name} is not known. Does train.log next to it say "
                "why the page of the run could not be written?"
            )
        scores = read_json_object(path)
        for keys in self.paths:
            number = _at(scores, keys)
            if isinstance(number, int | float) and not isinstance(number, bool):
                return float(number)
        dotted = " or ".join(".".join(keys) for keys in self.paths)
        raise ValueError(f"{path} has no number {self.name} ({dotted}).")


def metric_of(text: str) -> Metric:
    """Reads the value of --metric.

    Args:
        text: A name of COLUMNS or SCORES, or keys of metrics.json joined by points, such as
            coco.segm.AP75.

    Returns:
        The metric.

    Raises:
        ValueError: There is none of this name.
    """
    if text in COLUMNS:
        return Metric(text, text, maximize=text != "val_loss")
    if text in SCORES:
        return Metric(text, "val_mask_ap", SCORES[text])
    if "." in text.strip("."):
        return Metric(text, "val_mask_ap", (tuple(text.split(".")),))
    names = [*COLUMNS, *SCORES]
    raise ValueError(
        f"--metric must be one of {', '.join(names)}, or keys of metrics.json such as "
        f"coco.segm.AP75. Got {text}.{did_you_mean(text, names)}"
    )


def _at(scores: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(scores, dict):
            return None
        scores = scores.get(key)
    return scores
