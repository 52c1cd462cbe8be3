"""Monitor: the scores and the picture that a training shows after an epoch."""

import numpy as np
from PIL import Image

from fashion.evaluation.io.results import predict_dataset
from fashion.evaluation.metrics.recall import found_per_category
from fashion.evaluation.scoring import score_detections
from fashion.pages.overlays import OverlayRenderer
from mrcnn.data.loading.samplers import boost_missed_classes
from mrcnn.drawing.grid import image_grid
from mrcnn.files import atomic_path

PICTURES = 6


class Monitor:
    """Called after an epoch: predicts the validation photos, scores them, and saves a picture of the first few.

    model: FashionModel; dataset: validation data; run: RunFolder; batches: the training batches to rebalance by what was missed,
    or None; labels: the class ids of the training photos, as `mrcnn.data.loading.samplers` takes them; on_repeats: called with the new (n,) repeat
    factors of the photos.
    """

    def __init__(self, model, dataset, run, batches=None, labels=(), on_repeats=None):
        self.on_repeats = on_repeats
        self.model, self.dataset, self.run, self.batches, self.labels = (
            model,
            dataset,
            run,
            batches,
            labels,
        )
        count = min(len(dataset.image_ids), model.config.EVALUATE_IMAGES)
        self.image_ids = dataset.image_ids[
            np.linspace(0, len(dataset.image_ids) - 1, count).astype(int)
        ]
        self.ground_truth = dataset.to_coco(self.image_ids)
        self.repeats = None if batches is None else batches.sampler.repeats
        self.draw = OverlayRenderer(model.ontology)

    def __call__(self, epoch):
        """epoch: 0-based -> {"val_mask_ap", "val_mask_ap50", "val_box_ap", "val_attribute_micro_f1"}."""
        pictures = []

        def on_result(image_id, result):
            if len(pictures) < PICTURES:
                pictures.append(self.draw(self.dataset.load_image(image_id), result))

        detections = predict_dataset(self.model, self.dataset, self.image_ids, on_result=on_result)
        scores = score_detections(self.ground_truth, detections)
        with atomic_path(self.run.pictures / f"epoch_{epoch + 1:04d}.jpg") as path:
            Image.fromarray(image_grid(pictures, columns=3)).save(path, quality=85)
        if self.batches is not None:
            rows = found_per_category(
                self.ground_truth, detections, iou_type="bbox", score_threshold=0.5
            )["per_category"]
            found = {
                self.model.ontology.class_id_of(c): row["sensitivity"]
                for c, row in rows.items()
                if row["instances"]
            }
            self.batches.sampler.repeats = self.repeats * boost_missed_classes(self.labels, found)
            if self.on_repeats:
                self.on_repeats(self.batches.sampler.repeats)
        return {
            "val_mask_ap": scores["segm"]["AP"],
            "val_mask_ap50": scores["segm"]["AP50"],
            "val_box_ap": scores["bbox"]["AP"],
            "val_attribute_micro_f1": scores["attributes"]["micro_f1"],
        }
