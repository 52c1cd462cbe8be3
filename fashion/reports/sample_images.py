"""Evenly spaced images of a data set, ground truth beside predictions."""

import logging
from collections.abc import Callable

import numpy as np

from fashion.evaluation.errors.error_types import classify_errors
from fashion.evaluation.errors.overlaps import read_overlaps
from fashion.evaluation.errors.side_by_side import OutcomeRenderer
from fashion.evaluation.errors.worst_images import image_outcomes
from fashion.evaluation.io.image_ids import evenly_spaced
from fashion.evaluation.metrics.registry import Inputs
from fashion.pages.text import count
from mrcnn.typing import Array

log = logging.getLogger(__name__)


def draw_sample(
    inputs: Inputs, read_image: Callable[[str], Array | None] | None, number: int
) -> list[tuple[Array, str]]:
    """Draws some images.

    Args:
        inputs: Ground truth and predictions.
        read_image: `file name -> (H, W, 3) uint8 RGB or None`; images are grey without it.
        number: At most this many.

    Returns:
        `(sheet, caption)` of each.
    """
    overlaps = read_overlaps(inputs.ground_truth, inputs.detections, inputs.masks)
    places = evenly_spaced(np.arange(len(overlaps.images)), number)
    rows = image_outcomes(
        overlaps, classify_errors(overlaps), inputs.score_threshold, places.tolist()
    )
    draw = OutcomeRenderer(inputs.ground_truth, inputs.detections, inputs.score_threshold)
    images = []
    for row in rows:
        pixels = None
        try:
            pixels = read_image(row["file_name"]) if read_image else None
        except OSError as error:
            log.warning("Drawn without its image: %s", error)
        caption = (
            f"{row['file_name']}: {row['right']} matched, {row['missed']} missed, "
            f"{count(row['false'], 'false positive')}"
        )
        images.append((draw(row, pixels), caption))
    return images
