"""Segmenter: predicted label maps, and their connected parts as objects.

A network that labels pixels knows no objects. Each connected part of a category counts as one, so
that it can be scored beside a detector: two coats that touch are one object, and a coat that an
arm cuts in two is two.
"""

from typing import Any

import cv2
import keras
import numpy as np
from keras import ops

from fashion.formats import rle
from fashion.semantic.label_maps import LabelBatches
from fashion.semantic.losses import IGNORED
from mrcnn.data.placement import Placement
from mrcnn.evaluation.semantic_iou import confusion
from mrcnn.inference.compiled import compiled
from mrcnn.typing import Array, Tensor

MIN_SHARE = 0.0005  # of the canvas; smaller parts are noise
_CONNECTIVITY = 8  # neighbours of a pixel, diagonal ones included


class Segmenter:
    """Predicts label maps.

    Args:
        model: A network of `fashion.semantic.networks`.
        xla: Whether TensorFlow compiles it with XLA.
    """

    def __init__(self, model: keras.Model, xla: bool = False) -> None:
        self.model = model
        self._step = compiled(self._predict, model, xla=xla)

    def __call__(self, images: Tensor) -> tuple[Array, Array]:
        """Predicts the label of every pixel.

        Args:
            images: `(B, S, S, 3)` float32, normalised.

        Returns:
            labels: `(B, S, S)` uint8.
            probabilities: `(B, S, S)` float32, of the label of each pixel.
        """
        labels, probabilities = self._step(ops.convert_to_tensor(images))
        return ops.convert_to_numpy(labels).astype(np.uint8), ops.convert_to_numpy(probabilities)

    def count(self, batches: LabelBatches) -> Array:
        """Counts how often each label is predicted for each ground-truth label.

        Args:
            batches: `LabelBatches`.

        Returns:
            `(K, K)` int64; row: ground truth, column: prediction. `IGNORED` pixels are left out.
        """
        classes = self.model.output_shape[-1]
        counts = np.zeros((classes, classes), np.int64)
        for index in range(len(batches)):
            images, labels = batches[index]
            counts += confusion(labels, self(images)[0], classes)
        return counts

    def _predict(self, images):
        logits = ops.cast(self.model(images, training=False), "float32")
        outputs = label_outputs(logits)
        return outputs["labels"], outputs["probabilities"]


def label_outputs(logits: Tensor) -> dict[str, Tensor]:
    """Computes the most probable label of every pixel.

    Args:
        logits: `(B, H, W, K)` float32.

    Returns:
        "labels" `(B, H, W)` int32, and "probabilities" `(B, H, W)` float32, of these labels.
    """
    # Not argmax: of floats it becomes an operation in ONNX that ONNX Runtime does not have.
    best, labels = ops.top_k(logits, 1)
    log_probabilities = best[..., 0] - ops.logsumexp(logits, axis=-1)
    return {
        "labels": ops.cast(labels[..., 0], "int32"),
        "probabilities": ops.exp(log_probabilities),
    }


def instances_of(
    labels: Array, probabilities: Array, placement: Placement, *, min_share: float = MIN_SHARE
) -> list[dict[str, Any]]:
    """Finds the objects of a label map, without painting a mask of the original image's size.

    Args:
        labels: `(S, S)` uint8, on the canvas.
        probabilities: `(S, S)` float32, of the label of each pixel.
        placement: Where the original image lies on the canvas.
        min_share: Parts that cover less of the canvas than this share are dropped.

    Returns:
        Objects ordered by class: "class_id"; "score", the mean probability of the pixels;
        "segmentation", compressed RLE; "bbox", xywh. In pixels of the original image.
    """
    y1, x1, y2, x2 = placement.window.astype(int)
    inside = np.full_like(labels, IGNORED)
    inside[y1:y2, x1:x2] = labels[y1:y2, x1:x2]
    rows_and_columns = [
        _canvas_index(n, size, corner)
        for n, size, corner in zip(placement.original_hw, placement.size_hw, placement.corner)
    ]
    objects = []
    for class_id in np.setdiff1d(inside, (0, IGNORED)).tolist():
        parts, part, boxes, _ = cv2.connectedComponentsWithStats(
            (inside == class_id).view(np.uint8), connectivity=_CONNECTIVITY
        )
        for k in range(1, parts):
            x, y, width, height, area = boxes[k].tolist()
            if area < min_share * labels.size:
                continue
            window = part[y : y + height, x : x + width] == k
            score = float(probabilities[y : y + height, x : x + width][window].mean())
            outline = _in_original(window, (y, x), rows_and_columns, placement.original_hw)
            if outline:
                objects.append({"class_id": class_id, "score": score, **outline})
    return objects


def _canvas_index(count, size, corner):
    """(count,) int: the canvas row (or column) under the centre of each row of the original."""
    return np.floor((np.arange(count) + 0.5) * size / count).astype(int) + corner


def _in_original(window, corner, rows_and_columns, original_hw):
    """Mask and box, in the original image, of a window of the canvas; None if no pixel shows it."""
    (top, bottom), (left, right) = (
        np.searchsorted(index, (at, at + n))
        for index, at, n in zip(rows_and_columns, corner, window.shape)
    )
    rows = rows_and_columns[0][top:bottom] - corner[0]
    columns = rows_and_columns[1][left:right] - corner[1]
    runs = rle.encode_window(window[np.ix_(rows, columns)], int(top), int(left), original_hw)
    if not runs:
        return None
    y1, x1, y2, x2 = rle.box_of_runs(runs, original_hw).tolist()
    return {"segmentation": rle.to_coco(runs, original_hw), "bbox": [x1, y1, x2 - x1, y2 - y1]}
