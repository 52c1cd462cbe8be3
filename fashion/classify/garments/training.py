"""Training of a garment classifier: its optimiser, and how often it is right on other images."""

from typing import Any

import keras
import numpy as np

from fashion.classify.garments.batches import labels_of_boxes, read
from fashion.classify.garments.rescorer import Rescorer
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.training import optimizers
from mrcnn.typing import Array

WARMUP_STEPS = 50
WEIGHT_DECAY = 0.01


def make_optimizer(rate: float, steps: int) -> keras.optimizers.Optimizer:
    """Makes AdamW with a warm-up and half a cosine.

    Args:
        rate: Highest learning rate.
        steps: Batches of the training.

    Returns:
        A new optimiser.
    """
    config = Config.from_dict(
        {
            "OPTIMIZER": "adamw",
            "LR_SCHEDULE": "cosine",
            "WARMUP_STEPS": WARMUP_STEPS,
            "WEIGHT_DECAY": WEIGHT_DECAY,
        }
    )
    return optimizers.make_optimizer(config, rate, steps)


def classification_accuracy(rescorer: Rescorer, dataset: Dataset) -> float:
    """Computes the share of objects whose class is the most probable one, given their boxes.

    Args:
        rescorer: Classifier.
        dataset: Prepared data set whose masks are run lengths.

    Returns:
        Accuracy in [0, 1]; NaN without objects.
    """
    right = []
    for image_id in dataset.image_ids:
        masks: Any
        masks, class_ids, _ = dataset.load_objects(image_id)
        garments = (class_ids > 0) & (masks.areas > 0)
        image, boxes = read(dataset, image_id, masks.boxes[garments], rescorer.size)
        predicted = rescorer.probabilities(image, boxes)[:, 1:].argmax(axis=1) + 1
        right += (predicted == class_ids[garments]).tolist()
    return float(np.mean(right)) if right else float("nan")


def classify_detections(
    rescorer: Rescorer, dataset: Dataset, image_id: int, boxes: Array, class_ids: Array
) -> tuple[Array, Array]:
    """Classifies the detections of an image, and finds out what they show.

    Args:
        rescorer: Classifier.
        dataset: Prepared data set with ground truth.
        image_id: Internal image id.
        boxes: `(N, 4)` yxyx, pixels of the original image.
        class_ids: `(N,)` int, predicted by the detector.

    Returns:
        probabilities: `(N,)` float32, of the predicted classes.
        labels: `(N,)` int64, see `labels_of_boxes`.
    """
    masks: Any
    masks, gt_class_ids, _ = dataset.load_objects(image_id)
    probabilities = rescorer.probabilities_of(dataset.load_image(image_id), boxes, class_ids)
    return probabilities, labels_of_boxes(boxes, masks.boxes, gt_class_ids, class_ids)
