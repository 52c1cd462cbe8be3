"""Overlays of detections on an image: masks, boxes, classes, scores and attributes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fashion.labels.ontology import Ontology
from fashion.pages.text import short_name
from mrcnn.drawing.colors import distinct_colors
from mrcnn.drawing.labels import blend, plate, text_size_for
from mrcnn.drawing.overlays import draw_instances, enlarge
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array

# Attributes of nearly every garment, such as "no waistline" or "symmetrical": they hide the others.
_UNINFORMATIVE = ("no ", "symmetrical", "regular", "normal waist", "plain")
_MAX_ATTRIBUTES = 3  # more lines hide the object
MAX_LABELS = 10  # of an image on a page; the many labels of a weak model would hide it
_NOTE_COLOR = np.array([60, 60, 60], np.uint8)


class OverlayRenderer:
    """Draws the results of a model, or ground truth, on images.

    Args:
        ontology: Label list of the model.
        min_confidence: Minimum score of the detections that are drawn.
        max_labels: How many of them have a label, the most confident ones; None for all.
    """

    def __init__(
        self, ontology: Ontology, min_confidence: float = 0.5, max_labels: int | None = None
    ) -> None:
        self.ontology, self.min_confidence = ontology, min_confidence
        self.max_labels = max_labels
        self.names = [short_name(name) for name in ontology.category_names]
        self.attribute_names = dict(
            zip(ontology.attribute_ids, ontology.attribute_names, strict=True)
        )

    def __call__(self, image: Array, result: Mapping[str, Any]) -> Array:
        """Draws one image.

        Args:
            image: `(H, W, 3)` uint8 RGB; not changed.
            result: A result dict with "attributes". Ground truth has no "scores"; all is drawn.

        Returns:
            `(H', W', 3)` uint8 RGB; small images are enlarged.
        """
        scores = result.get("scores", np.ones(len(result["boxes"])))
        confident = np.flatnonzero(scores >= self.min_confidence).tolist()
        boxes = result["boxes"][confident]
        thresholds = result.get("mask_thresholds", [0.5] * len(scores))
        windows = []
        for i in confident:
            probabilities, box = result["mask_probabilities"][i], result["boxes"][i]
            windows.append(paste_window(probabilities, box, result["image_hw"], thresholds[i]))
        # Labels need room: small images are enlarged before anything is drawn.
        image, boxes, masks = enlarge(image, boxes, windows)
        labels: list[Sequence[str]] = [self._label(result, i) for i in confident]
        if self.max_labels is not None:
            labels = keep_labels(labels, scores[confident], self.max_labels)
        # Colors by instance: objects of one category that overlap differ.
        colors = distinct_colors(len(confident))
        drawn = draw_instances(image, boxes, masks, labels, colors=colors)
        if self.max_labels is not None and len(labels) > self.max_labels:
            _write_note(drawn, f"{self.max_labels} of {len(labels)} objects labeled")
        return drawn

    def _label(self, result: Mapping[str, Any], i: int) -> list[str]:
        """Lines next to one object: class and score, then its attributes of highest score."""
        score_of = dict(
            zip(self.ontology.attribute_ids, result["attribute_scores"][i], strict=True)
        )
        by_score = sorted(
            ((score_of[a], self.attribute_names[a]) for a in result["attributes"][i]), reverse=True
        )
        names = [name for _, name in by_score if not name.startswith(_UNINFORMATIVE)]
        heading = self.names[int(result["class_ids"][i]) - 1]
        if "scores" in result:
            heading += f" {result['scores'][i]:.2f}"
        return [heading, *names[:_MAX_ATTRIBUTES]]


def keep_labels(
    labels: Sequence[Sequence[str]], ranks: Array | Sequence[float], most: int = MAX_LABELS
) -> list[Sequence[str]]:
    """Leaves out the labels of objects that matter less, so that the image stays visible.

    Args:
        labels: N lists of lines.
        ranks: `(N,)`, for instance confidence scores; the highest keep their labels.
        most: How many labels stay.

    Returns:
        N lists of lines, empty ones for the others.
    """
    kept = set(np.argsort(-np.asarray(ranks, np.float64), kind="stable")[:most].tolist())
    return [lines if i in kept else [] for i, lines in enumerate(labels)]


def _write_note(image: Array, text: str) -> None:
    """Writes a line into the lower left corner of an image, which is changed."""
    note = plate([text], text_size_for((image.shape[0], image.shape[1])), _NOTE_COLOR)
    blend(image, note, image.shape[0] - note.shape[0], 0)
