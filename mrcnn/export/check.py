"""The check of an export: the same images through Keras and through the file in its own runtime."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from mrcnn.inference.batching import BatchPredictor
from mrcnn.inference.final_scores import ScoreSettings, mask_certainty
from mrcnn.ops.calibration import calibrated
from mrcnn.typing import Array, Arrays

__all__ = [
    "ExportCheckFailed",
    "ScoreCheck",
    "TOLERANCES",
    "check_detections",
    "check_outputs",
    "check_scores",
]

# Largest differences of a float32 file. Rounding alone explains a tenth of them.
TOLERANCES = {
    "boxes": 1e-3,  # pixels of the network input
    "scores": 1e-5,
    "mask_probabilities": 1e-4,
    "attribute_scores": 2e-5,
}
OTHER_TOLERANCE = 1e-4
# Rows whose boxes differ by more are different detections.
SAME_BOX = 1.0
# A cell of a mask whose probability is 0.5 up to rounding counts in its certainty, or does not: of
# 100 cells, one changes a score by 0.002 at most. A row may come or go within this of the least.
CERTAINTY_TIE = 2e-3
# Share of the integers of an output, such as labels of pixels, that ties may change.
CHANGED_INTEGERS = 1e-4


class ExportCheckFailed(ValueError):
    """An exported file does not compute what the Keras model computes; it was not kept."""


@dataclasses.dataclass(frozen=True)
class ScoreCheck:
    """The check of a file of lower precision, whose rows may differ: a score on ground truth.

    Attributes:
        score: (a predictor) -> its score, for instance AP of masks, on the same images each time.
        name: What is scored, for messages.
        max_loss: Largest loss.
    """

    score: Callable[[BatchPredictor], float]
    name: str = "AP"
    max_loss: float = 0.005


def check_scores(keras: BatchPredictor, exported: BatchPredictor, check: ScoreCheck) -> dict:
    """Compares scores.

    Args:
        keras: The Keras model.
        exported: The file.
        check: How they are scored.

    Returns:
        "score", its name; "keras" and "exported", the scores; JSON-able.

    Raises:
        ExportCheckFailed: The file loses more than the check allows.
        ValueError: The Keras model scores 0.
    """
    before = float(check.score(keras))
    if not before > 0:
        raise ValueError(
            f"The Keras model has a {check.name} of {before:g} on these images, so a loss could "
            "not be seen. Give ground truth of the kind that the model was trained on."
        )
    after = float(check.score(exported))
    if not after >= before - check.max_loss:
        raise ExportCheckFailed(
            f"The file has a {check.name} of {after:.4f}, and the Keras model one of "
            f"{before:.4f}: a loss of more than {check.max_loss:g}. Choose a higher precision, or "
            "calibrate with more images."
        )
    return {"score": check.name, "keras": before, "exported": after, "max_loss": check.max_loss}


def check_detections(
    keras: BatchPredictor,
    exported: BatchPredictor,
    images: Iterable[Array],
    least_score: float,
    settings: ScoreSettings | None = None,
) -> dict[str, Any]:
    """Compares detections, row by row.

    Args:
        keras: The Keras model.
        exported: The file, with the settings of `keras`.
        images: Each `(h, w, C)` uint8.
        least_score: Rows within the tolerance of it may be missing on one side.
        settings: What the final scores are; None leaves them as they are. Where the certainty of
            masks counts, scores are compared for equal masks: a cell at 0.5 up to rounding is in a
            mask or not.

    Returns:
        "images", "rows", "reordered" (rows that lie at another index), and "worst", the largest
        difference of each field; JSON-able.

    Raises:
        ExportCheckFailed: A detection has no partner, or a difference is above its tolerance.
        ValueError: There are no images, or nothing is detected in them.
    """
    total = _Comparison(settings or ScoreSettings())
    for image in images:
        total.images += 1
        name = f"Image {total.images}"
        ours, theirs = _detected(keras, image, name), _detected(exported, image, name)
        total.add_image(ours, theirs, least_score)
    if not total.rows:
        raise ValueError(
            f"The Keras model detects nothing in the {total.images} images that the export is "
            "checked with. Give images of what the model was trained on."
        )
    total.require_equal()
    return {
        "images": total.images,
        "rows": total.rows,
        "reordered": total.reordered,
        "worst": total.worst,
    }


def check_outputs(expected: Iterable[Arrays], found: Iterable[Arrays]) -> dict[str, Any]:
    """Compares the outputs of a network without detections, such as labels of pixels.

    Args:
        expected: Of Keras, for each batch.
        found: Of the file, for each batch.

    Returns:
        "batches", and "worst", the largest difference of each output of floats, and the share of
        integers that differ; JSON-able.

    Raises:
        ExportCheckFailed: A difference is above its tolerance.
        ValueError: There are no batches.
    """
    worst: dict[str, float] = {}
    wrong, batches = [], 0
    for one, other in zip(expected, found, strict=True):
        batches += 1
        for name, values in one.items():
            if np.issubdtype(values.dtype, np.floating):
                _note(worst, name, np.abs(values - other[name]).max(initial=0.0))
            else:
                _note(worst, name, np.mean(values != other[name]))
    for name, value in worst.items():
        is_float = np.issubdtype(one[name].dtype, np.floating)
        tolerance = OTHER_TOLERANCE if is_float else CHANGED_INTEGERS
        if not value <= tolerance:
            wrong.append(f"{name} by {value:.3g} (at most {tolerance:g})")
    if not batches:
        raise ValueError("An export is checked with images, and none were given.")
    if wrong:
        raise ExportCheckFailed(f"The file differs from the Keras model: {'; '.join(wrong)}.")
    return {"batches": batches, "worst": worst}


@dataclasses.dataclass
class _Comparison:
    """What differs so far; `where` has the number of the image in which a field differs most."""

    settings: ScoreSettings
    images: int = 0
    rows: int = 0
    reordered: int = 0
    lost: int = 0
    added: int = 0
    worst: dict[str, float] = dataclasses.field(default_factory=dict)
    where: dict[str, int] = dataclasses.field(default_factory=dict)

    def add_image(self, keras: Arrays, exported: Arrays, least_score: float) -> None:
        """Adds the detections of an image."""
        partners, left = _partners(keras, exported)
        tolerance = CERTAINTY_TIE if self.settings.mask_certainty else TOLERANCES["scores"]
        for i, j in enumerate(partners):
            if j is None:
                self.lost += bool(keras["scores"][i] > least_score + tolerance)
                continue
            self.rows += 1
            self.reordered += i != j
            row = {name: column[i : i + 1] for name, column in keras.items()}
            other = {name: column[j : j + 1] for name, column in exported.items()}
            row["scores"] = _score_with_mask_of(row, other, self.settings)
            for name in row.keys() - {"class_ids", "valid"}:
                if _note(self.worst, name, np.abs(row[name] - other[name]).max()):
                    self.where[name] = self.images
        self.added += int(np.sum(exported["scores"][left] > least_score + tolerance))

    def require_equal(self) -> None:
        """Raises ExportCheckFailed for differences above their tolerances."""
        wrong = []
        if self.lost or self.added:
            wrong.append(
                f"{self.lost} detections are missing, and {self.added} are found by the file only"
            )
        for name, value in self.worst.items():
            tolerance = TOLERANCES.get(name, OTHER_TOLERANCE)
            if not value <= tolerance:
                wrong.append(
                    f"{name} differ by up to {value:.3g}, in image {self.where[name]} (at most "
                    f"{tolerance:g})"
                )
        if wrong:
            raise ExportCheckFailed(
                f"The file does not detect what the Keras model detects, of {self.images} images "
                f"that were compared: {'; '.join(wrong)}. It was not kept. Other versions of the "
                "packages of the extra `export` may convert the network correctly."
            )


def _score_with_mask_of(row: Arrays, other: Arrays, settings: ScoreSettings) -> Array:
    """The final score `(1,)` that a row would have if its mask were that of the other."""
    if not settings.mask_certainty:
        return row["scores"]
    masks = (other["mask_probabilities"], row["mask_probabilities"])
    ratio = mask_certainty(masks[0]) / mask_certainty(masks[1])
    scale, shift = settings.calibration or (1.0, 0.0)
    before = calibrated(row["scores"], 1 / scale, -shift / scale)
    return calibrated(before * ratio**settings.mask_certainty, scale, shift)


def _detected(predictor, image, name):
    """The valid detections of an image, in pixels of the network input."""
    canvas, placement = predictor._canvas(image, name)
    found = predictor.detect_molded(canvas[None], placement.window[None])
    valid = found["valid"][0]
    return {key: column[0][valid] for key, column in found.items()}


def _partners(keras: Mapping[str, Array], exported: Mapping[str, Array]):
    """For each row of Keras the row of the file that is the same detection, or None; what is left.

    A row at the same index goes first: the order differs only where scores are equal.
    """
    free = dict.fromkeys(range(len(exported["scores"])))
    partners: list[int | None] = []
    for i, (class_id, box) in enumerate(zip(keras["class_ids"], keras["boxes"], strict=True)):
        best, least = None, SAME_BOX
        for j in free:
            if exported["class_ids"][j] != class_id:
                continue
            distance = np.abs(exported["boxes"][j] - box).max()
            if distance < least or (j == i and distance <= least):
                best, least = j, distance
        if best is not None:
            del free[best]
        partners.append(best)
    return partners, list(free)


def _note(worst: dict[str, float], name: str, value: Any) -> bool:
    """Keeps the largest difference; NaN is worse than every number. True if this one is larger."""
    largest = worst.setdefault(name, 0.0)
    is_larger = not float(value) <= largest
    if is_larger:
        worst[name] = float(value)
    return is_larger
