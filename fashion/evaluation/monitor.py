"""Monitor: the scores and the figure that a training shows after an epoch."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from fashion.evaluation.io.image_ids import evenly_spaced
from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.recall import recall_per_category
from fashion.evaluation.metrics.registry import Inputs
from fashion.evaluation.scoring import compute_metrics
from fashion.pages.overlays import MAX_LABELS, OverlayRenderer
from mrcnn.data.loading.samplers import boost_missed_classes
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path, write_text
from mrcnn.json_files import read_json_object
from mrcnn.training.progress import progress
from mrcnn.training.run_folder import RunFolder
from mrcnn.typing import Array

NUM_OVERLAYS = 6  # images in the figure of an epoch
SELECTED_BY = "val_mask_ap"  # the score of the best epoch
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
        self.image_ids = evenly_spaced(dataset.image_ids, model.config.EVALUATE_IMAGES)
        self.ground_truth = dataset.to_coco(self.image_ids)
        self.repeats = None if batches is None else batches.sampler.repeats
        self.draw = OverlayRenderer(model.ontology, max_labels=MAX_LABELS)
        self._best: tuple[int, float] | None = None  # epoch and score of predictions.json

    def __call__(self, epoch: int) -> dict[str, float]:
        """Scores the model, and draws.

        Args:
            epoch: From 0.

        Returns:
            The values of `LOGS`; without attributes in the label list, not their F1.
        """
        overlays: list[Array] = []

        title = f"epoch {epoch + 1}, validation scores"
        with progress(len(self.image_ids), title, "image") as step:

            def on_result(image_id: int, result: dict) -> None:
                if len(overlays) < NUM_OVERLAYS:
                    overlays.append(self.draw(self.dataset.load_image(image_id), result))
                step()

            detections = predict_dataset(
                self.model, self.dataset, self.image_ids, on_result=on_result
            )
        inputs = Inputs(self.ground_truth, detections)
        scores = compute_metrics(inputs, {path[0] for path in LOGS.values()})
        with atomic_path(self.run.pictures / f"epoch_{epoch + 1:04d}.jpg") as path:
            Image.fromarray(image_grid(overlays, columns=3)).save(path, quality=85)
        if self.batches is not None:
            self._follow_recall(inputs)
        logs = {name: _at(scores, path) for name, path in LOGS.items()}
        if not self.model.ontology.num_attributes:  # an F1 of 0 would read as a bad score
            del logs["val_attribute_micro_f1"]
        self._keep_best(epoch, logs[SELECTED_BY], detections)
        return logs

    def _keep_best(self, epoch: int, score: float, detections: list[dict]) -> None:
        """Stores the predictions if their score is the best so far, as that of best.h5."""
        if self._best is None:
            stored = stored_predictions(self.run) or {"epoch": 0, "score": -1.0}
            self._best = stored["epoch"], stored["score"]
        best_epoch, best_score = self._best
        # What is stored of a later epoch is of a run that was killed and has been started again.
        if score > best_score or epoch + 1 < best_epoch:
            self._best = epoch + 1, score
            content = self.ground_truth | {"annotations": detections}
            store_predictions(self.run, content, epoch=epoch + 1, score=score)

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


def store_predictions(
    run: RunFolder, content: Mapping[str, Any], *, epoch: int, score: float
) -> None:
    """Writes predictions.json of a run folder, which `evaluate --predictions` reads, too.

    Args:
        run: The run folder.
        content: COCO dict whose "annotations" are the predictions.
        epoch: Whose weights predicted, counted from 1.
        score: The score by which the best epoch is selected.
    """
    kept = {key: content[key] for key in ("images", "categories", "attributes", "annotations")}
    about = {"rescored": False, "epoch": epoch, "score": score}
    write_text(run.path / "predictions.json", json.dumps(about | kept))


def stored_predictions(run: RunFolder) -> dict[str, Any] | None:
    """Reads predictions.json of a run folder.

    Args:
        run: The run folder.

    Returns:
        Its content with "epoch" and "score"; None if there is none, or it is not of a training.
    """
    path = run.path / "predictions.json"
    if not path.exists():
        return None
    content = read_json_object(path)
    is_number = all(isinstance(content.get(key), int | float) for key in ("epoch", "score"))
    return content if is_number else None


def _at(scores: Any, path: Sequence[str]) -> float:
    for key in path:
        scores = scores[key]
    return scores
