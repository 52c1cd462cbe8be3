"""Overlays of detections on an image: masks, boxes, classes, scores and attributes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fashion.labels.ontology import Ontology
from mrcnn.drawing.colors import distinct_colors
from mrcnn.drawing.overlays import draw_instances, enlarge
from mrcnn.inference.pasting import paste_window
from mrcnn.typing import Array

# Attributes of nearly every garment, such as "no waistline" or "symmetrical": they hide the others.
_UNINFORMATIVE = ("no ", "symmetrical", "regular", "normal waist", "plain")
_MAX_ATTRIBUTES = 3  # more lines hide the object


class OverlayRenderer:
    """Draws the results of a model, or ground truth, on images.

    Args:
        ontology: Label list of the model.
        min_confidence: Minimum score of the detections that are drawn.
    """

    def __init__(self, ontology: Ontology, min_confidence: float = 0.5) -> None:
        self.ontology, self.min_confidence = ontology, min_confidence
        self.names = [name.split(",")[0] for name in ontology.category_names]
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
        return draw_instances(
            image,
            boxes,
            masks,
            [self._label(result, i) for i in confident],
            # By instance: objects of one category that overlap are told apart.
            colors=distinct_colors(len(confident)),
        )

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
