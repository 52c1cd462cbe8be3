"""Losses of label maps: a mean over the pixels that have a label."""

import numpy as np
from keras import ops

from mrcnn.ops.losses import masked_mean

IGNORED = 255  # the label of pixels that teach and count nothing: the border around a photo


def pixel_loss(logits, labels, gamma=0.0, class_weights=None):
    """Cross-entropy or focal loss (Lin et al. 2017) of every pixel, averaged over those that are not IGNORED. A float32 scalar.

    logits: (B, H, W, K); labels: (B, H, W) int, 0..K-1 or IGNORED
    gamma: a pixel counts (1 - p of its label) to this power; 0 is cross-entropy
    class_weights: (K,), by which a pixel of each class counts; the mean is then weighted by them, too. None: all alike
    """
    used = labels != IGNORED
    labels = ops.where(used, ops.cast(labels, "int32"), 0)
    loss = ops.sparse_categorical_crossentropy(
        labels, ops.cast(logits, "float32"), from_logits=True
    )
    if gamma:
        # Its own derivative at 0 would be no number for gamma below 1.
        loss = ops.power(ops.maximum(-ops.expm1(-loss), 1e-7), gamma) * loss
    used = ops.cast(used, "float32")
    if class_weights is None:
        return masked_mean(loss, used)
    weight = ops.take(ops.convert_to_tensor(class_weights, "float32"), labels) * used
    return ops.sum(loss * weight) / ops.maximum(ops.sum(weight), 1e-7)


def median_frequency_weights(pixels, photo_pixels):
    """(K,) float64: the median frequency of the classes over each one's own (Eigen and Fergus 2015; SegNet's weights).

    pixels: (K,), of each class; photo_pixels: (K,), of all photos in which the class occurs; classes that do not occur weigh 0
    """
    frequency = np.divide(
        pixels, photo_pixels, out=np.zeros(len(pixels)), where=np.asarray(photo_pixels) > 0
    )
    occurs = frequency > 0
    if not occurs.any():
        raise ValueError("Classes cannot be weighed by their frequency, for no pixel has a label.")
    return np.divide(
        np.median(frequency[occurs]), frequency, out=np.zeros(len(pixels)), where=occurs
    )
