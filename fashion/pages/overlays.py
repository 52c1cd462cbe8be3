"""Pictures of predictions: mask, box, class, score and the attributes that speak for themselves."""

import numpy as np

from mrcnn.drawing.colors import distinct_colors
from mrcnn.drawing.overlays import draw_instances, enlarge
from mrcnn.inference.pasting import paste_window

# What says that nothing is to be said: true of nearly every garment, and noise beside it.
UNREMARKABLE = ("no ", "symmetrical", "regular", "normal waist", "plain")
SHOWN_ATTRIBUTES = 3


class OverlayRenderer:
    """Draws results of a model.  ontology: its label list; min_confidence: leaves out less sure detections."""

    def __init__(self, ontology, min_confidence=0.5):
        self.ontology, self.min_confidence = ontology, min_confidence
        self.names = [name.split(",")[0] for name in ontology.category_names]
        self.attribute_names = dict(
            zip(ontology.attribute_ids, ontology.attribute_names, strict=True)
        )
        self.colors = distinct_colors(len(self.names))

    def __call__(self, photo, result):
        """photo: (H, W, 3) uint8; result: a result dict with "attributes", or a truth, which has no "scores" -> (H, W, 3) uint8, a new
        picture."""
        scores = result.get("scores", np.ones(len(result["boxes"])))
        sure = np.flatnonzero(scores >= self.min_confidence)
        boxes = result["boxes"][sure]
        windows = [
            paste_window(result["mask_probabilities"][i], result["boxes"][i], result["image_hw"])
            for i in sure
        ]
        photo, boxes, windows = enlarge(photo, boxes, windows)
        return draw_instances(
            photo,
            boxes,
            windows,
            [self._label(result, i) for i in sure],
            colors=[self.colors[int(result["class_ids"][i]) - 1] for i in sure],
        )

    def _label(self, result, i):
        """The lines beside one object: class and score, then its most certain attributes."""
        scores = dict(zip(self.ontology.attribute_ids, result["attribute_scores"][i], strict=True))
        names = [(scores[a], self.attribute_names[a]) for a in result["attributes"][i]]
        names = [
            name for _, name in sorted(names, reverse=True) if not name.startswith(UNREMARKABLE)
        ]
        headline = self.names[int(result["class_ids"][i]) - 1] + (
            f" {result['scores'][i]:.2f}" if "scores" in result else ""
        )
        return [headline, *names[:SHOWN_ATTRIBUTES]]
