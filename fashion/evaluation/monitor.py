"""Monitor: the scores and the figure that a training shows after an epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.recall import recall_per_category
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics
from fashion.pages.overlays import OverlayRenderer
from mrcnn.data.loading.samplers import boost_missed_classes
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path
from mrcnn.typing import Array

NUM_OVERLAYS = 6  # images in the figure of an epoch
# Column of history.csv: where `compute_metrics` puts the number.
LOGS = {
    "val_mask_ap": ("coco", "segm", "AP"),
    "val_mask_ap50": ("coco", "segm", "AP50"),
    "val_box_ap": ("coco", "bbox", "AP"),
    "val_attribute_micro_f1": ("attributes", "micro_f1"),
}


class Monitor:
    """Called after an epoch: predicts the validation images, scores them, and draws the first few.

    Args:
        model: `FashionModel`.
        dataset: Validation data.
        run: `RunFolder` for the figures.
        batches: Training batches whose sampling follows the recall of each category, or None.
        labels: Class ids of each training image, as `mrcnn.data.loading.samplers` takes them.
        on_repeats: Called with the new `(n,)` repeat factors of the training images.
    """

    def __init__(
        self,
        model: Any,
        dataset: Any,
        run: Any,
        batches: Any = None,
        labels: Sequence[Sequence[int]] = (),
        on_repeats: Callable[[Array], None] | None = None,
    ) -> None:
        self.model, self.dataset, self.run = model, dataset, run
        self.batches, self.labels, self.on_repeats = batches, labels, on_repeats
        count = min(len(dataset.image_ids), model.config.EVALUATE_IMAGES)
        # Evenly spaced, because neighbours in a data set often resemble each other.
        self.image_ids = dataset.image_ids[
            np.linspace(0, len(dataset.image_ids) - 1, count).astype(int)
        ]
        self.ground_truth = dataset.to_coco(self.image_ids)
        self.repeats = None if batches is None else batches.sampler.repeats
        self.draw = OverlayRenderer(model.ontology)

    def __call__(self, epoch: int) -> dict[str, float]:
        """Scores the model, and draws.

        Args:
            epoch: From 0.

        Returns:
            The values of `LOGS`.
        """
        overlays: list[Array] = []

        def on_result(image_id: int, result: dict) -> None:
            if len(overlays) < NUM_OVERLAYS:
                overlays.append(self.draw(self.dataset.load_image(image_id), result))

        detections = predict_dataset(self.model, self.dataset, self.image_ids, on_result=on_result)
        inputs = Inputs(self.ground_truth, detections)
        scores = compute_metrics(inputs, {path[0] for path in LOGS.values()})
        with atomic_path(self.run.pictures / f"epoch_{epoch + 1:04d}.jpg") as path:
            Image.fromarray(image_grid(overlays, columns=3)).save(path, quality=85)
        if self.batches is not None:
            self._follow_recall(inputs)
        return {name: _at(scores, path) for name, path in LOGS.items()}

    def _follow_recall(self, inputs: Inputs) -> None:
        """Shows images of categories with low recall more often."""
        counts = recall_per_category(inputs.boxes.confident(inputs.score_threshold))
        recalls = {
            self.model.ontology.class_id_of(category_id): row.recall
            for category_id, row in counts.items()
            if row.instances
        }
        self.batches.sampler.repeats = self.repeats * boost_missed_classes(self.labels, recalls)
        if self.on_repeats:
            self.on_repeats(self.batches.sampler.repeats)


def _at(scores: Any, path: Sequence[str]) -> float:
    for key in path:
        scores = scores[key]
    return scores
