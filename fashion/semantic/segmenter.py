"""Segmenter: what a network says about every pixel, and how often it is right."""

import numpy as np
from keras import ops

from mrcnn.evaluation.semantic_iou import confusion
from mrcnn.inference.compiled import compiled


class Segmenter:
    """Calls `model`, a network of this folder. xla: whether TensorFlow compiles it with XLA"""

    def __init__(self, model, xla=False):
        self.model = model
        self._step = compiled(self._said, model, xla=xla)

    def __call__(self, images):
        """(B, S, S, 3) float32 -> labels (B, S, S) uint8, and the probability that the network gives each, float32."""
        labels, probabilities = self._step(ops.convert_to_tensor(images))
        return ops.convert_to_numpy(labels).astype(np.uint8), ops.convert_to_numpy(probabilities)

    def count(self, batches):
        """`confusion` of all photos of a `LabelBatches` together, (K, K) int64; the border around them does not count."""
        classes = self.model.output_shape[-1]
        counts = np.zeros((classes, classes), np.int64)
        for index in range(len(batches)):
            images, labels = batches[index]
            counts += confusion(labels, self(images)[0], classes)
        return counts

    def _said(self, images):
        logits = ops.cast(self.model(images, training=False), "float32")
        return ops.argmax(logits, axis=-1), ops.exp(
            ops.max(logits, axis=-1) - ops.logsumexp(logits, axis=-1)
        )
