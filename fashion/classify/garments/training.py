"""Training: the optimiser of a classifier of garments, and how often it is right about objects that it has not learned from."""

import numpy as np

from fashion.classify.garments.batches import read
from fashion.classify.garments.candidates import labels_of_boxes
from mrcnn.config import Config
from mrcnn.training import optimizers

WARMUP_STEPS = 50
WEIGHT_DECAY = 0.01


def make_optimizer(rate, steps):
    """AdamW whose rate rises to `rate` and falls to nothing in half a cosine over `steps`."""
    config = Config.from_dict(
        {
            "OPTIMIZER": "adamw",
            "LR_SCHEDULE": "cosine",
            "WARMUP_STEPS": WARMUP_STEPS,
            "WEIGHT_DECAY": WEIGHT_DECAY,
        }
    )
    return optimizers.make_optimizer(config, rate, steps)


def classify_objects(rescorer, dataset):
    """The share of a data set's objects, in their true boxes, whose category a Rescorer takes for the most probable; NaN of none."""
    right = []
    for image_id in dataset.image_ids:
        runs, class_ids, _ = dataset.load_objects(image_id)
        garments = (class_ids > 0) & (runs.areas > 0)
        photo, boxes = read(dataset, image_id, runs.boxes[garments], rescorer.size)
        said = rescorer.probabilities(photo, boxes)[:, 1:].argmax(axis=1) + 1
        right += (said == class_ids[garments]).tolist()
    return float(np.mean(right)) if right else float("nan")


def second_look(rescorer, dataset, image_id, boxes, class_ids):
    """What a Rescorer says of detections in a photo, and what they show.

    boxes: (N, 4) yxyx, pixels of the photo; class_ids: (N,), of the detector
    Returns: (N,) float32, the probabilities of these classes; (N,) int64, see `labels_of_boxes`.
    """
    runs, true_ids, _ = dataset.load_objects(image_id)
    certainties = rescorer.certainties(dataset.load_image(image_id), boxes, class_ids)
    return certainties, labels_of_boxes(boxes, runs.boxes, true_ids, class_ids)
