"""The exported graph: a detector from the pixels of the network input to final detections.

Beyond `Detector.call` it holds the normalisation of pixels and the final scores of
`mrcnn.inference.final_scores`, so that a file needs no code beside it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import ops

from mrcnn.inference.final_scores import INSIDE, ScoreSettings
from mrcnn.modeling.detector import Detector
from mrcnn.ops.boxes import pairwise_iou
from mrcnn.ops.calibration import LEAST, uncalibrated
from mrcnn.typing import Size, Tensor

__all__ = ["ExportSettings", "detection_graph", "traced_settings", "with_final_scores"]


@dataclasses.dataclass(frozen=True)
class ExportSettings:
    """What is fixed in an exported file.

    Attributes:
        image_hw: Height and width of the network input, pixels.
        mean: Of each channel, subtracted from pixels of 0..255.
        std: Of each channel, that they are divided by.
        scores: What the final scores are.
        batch: Images that the file takes at once; None for any number.
        max_detections: D, rows of every output.
        min_score: Least final score of a detection.
        embeddings: Whether each detection gets the hidden vector of the box head.
    """

    image_hw: Size
    mean: tuple[float, ...]
    std: tuple[float, ...]
    scores: ScoreSettings = ScoreSettings()
    batch: int | None = 1
    max_detections: int = 100
    min_score: float = 0.01
    embeddings: bool = False


def detection_graph(
    detector: Detector, settings: ExportSettings
) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """Makes the function that is exported.

    Args:
        detector: Must have the settings of `traced_settings` while the function is traced.
        settings: What is fixed.

    Returns:
        (images `(B, H, W, C)` uint8, windows `(B, 4)` float32) -> "boxes" `(B, D, 4)` yxyx in
        pixels of the input, "class_ids" `(B, D)` int32, "scores" `(B, D)` float32, best first,
        "count" `(B,)` int32, the rows that hold a detection, and the fields of the heads. Rows
        beyond the count are zero in "boxes", "class_ids" and "scores".
    """
    mean, std = (np.asarray(value, np.float32) for value in (settings.mean, settings.std))

    def run(images: Tensor, windows: Tensor) -> dict[str, Tensor]:
        pixels = (ops.cast(images, "float32") - mean) / std
        stops = detector.run(pixels, windows, last="detections")
        found = stops["detections"]
        found |= detector.describe(
            stops["pyramid"], found["boxes"], found["class_ids"], embeddings=settings.embeddings
        )
        found = with_final_scores(found, settings.scores, settings.min_score)
        valid = found.pop("valid")
        found["count"] = ops.sum(ops.cast(valid, "int32"), axis=1)
        is_row = ops.cast(valid, "float32")
        found["boxes"] = found["boxes"] * is_row[..., None]
        found["class_ids"] = found["class_ids"] * ops.cast(valid, "int32")
        return found

    return run


def traced_settings(settings: ExportSettings) -> dict[str, Any]:
    """Collects the settings that a detector must have while its graph is traced.

    Args:
        settings: What is fixed.

    Returns:
        For `DetectorSettings.replace`.
    """
    return {
        "detections.max_detections": settings.max_detections,
        "detections.min_confidence": uncalibrated(settings.min_score, settings.scores.calibration),
    }


def with_final_scores(
    found: Mapping[str, Tensor], settings: ScoreSettings, min_confidence: float
) -> dict[str, Tensor]:
    """Gives detections their final scores: `mrcnn.inference.final_scores` in a graph.

    Args:
        found: `(B, D, ...)` tensors: "scores", "boxes", "class_ids", "valid", fields of the heads.
        settings: What is done; with its defaults nothing changes.
        min_confidence: Least final score.

    Returns:
        The same rows, best first. Those below `min_confidence` become invalid.
    """
    if settings == ScoreSettings():
        return dict(found)
    scores = found["scores"]
    if settings.mask_certainty:
        certainty = _mask_certainty(found["mask_probabilities"])
        power = settings.mask_certainty
        scores = scores * (certainty if power == 1 else ops.power(certainty, power))
    if settings.other_class is not None:
        scores = _lowered(scores, found, *settings.other_class)
    if settings.calibration is not None:
        scale, shift = settings.calibration
        clipped = ops.clip(scores, LEAST, 1 - LEAST)
        scores = ops.sigmoid(scale * (ops.log(clipped) - ops.log(1 - clipped)) + shift)
    kept = ops.logical_and(found["valid"], scores >= min_confidence)
    scores = ops.where(kept, scores, 0.0)
    # Of equal scores top_k takes the first, as a stable sort does.
    scores, order = ops.top_k(scores, scores.shape[1])
    changed = dict(found) | {"valid": kept}
    sorted_rows = {
        name: _rows(column, order) for name, column in changed.items() if name != "scores"
    }
    return sorted_rows | {"scores": scores}


def _rows(column, order):
    index = ops.reshape(order, (-1, order.shape[1], *[1] * (len(column.shape) - 2)))
    if str(column.dtype) == "bool":  # LiteRT gathers no bools
        return ops.take_along_axis(ops.cast(column, "int32"), index, axis=1) > 0
    return ops.take_along_axis(column, index, axis=1)


def _mask_certainty(probabilities):
    """(B, D, h, w) -> (B, D): the mean of the probabilities of at least INSIDE, INSIDE if none."""
    inside = ops.cast(probabilities >= INSIDE, "float32")
    total = ops.sum(probabilities * inside, axis=(2, 3))
    count = ops.sum(inside, axis=(2, 3))
    return ops.where(count > 0, total / ops.maximum(count, 1.0), INSIDE)


def _lowered(scores, found, iou_threshold, factor):
    """Lowers the score of what overlaps a better detection of another class, once."""
    iou = pairwise_iou(found["boxes"], found["boxes"])
    classes, rank = found["class_ids"], np.arange(scores.shape[1])
    # [i, j]: j is more confident than i, or comes first of two that are equal.
    equal_before = ops.logical_and(
        scores[:, None, :] == scores[:, :, None], rank[None, :] < rank[:, None]
    )
    better = ops.logical_or(scores[:, None, :] > scores[:, :, None], equal_before)
    beaten = ops.logical_and(better, iou >= iou_threshold)
    beaten = ops.logical_and(beaten, classes[:, None, :] != classes[:, :, None])
    beaten = ops.logical_and(beaten, found["valid"][:, None, :])
    return ops.where(ops.any(beaten, axis=2), scores * factor, scores)
