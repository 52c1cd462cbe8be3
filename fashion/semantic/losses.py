"""Losses of label maps: means over the labelled pixels."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from mrcnn.ops.losses import masked_mean
from mrcnn.typing import Array, Tensor

IGNORED = 255  # label of pixels that no loss and no score counts: the padding around an image


def pixel_loss(
    logits: Tensor,
    labels: Tensor,
    gamma: float = 0.0,
    class_weights: Sequence[float] | Array | None = None,
) -> Tensor:
    """Computes the mean cross-entropy or focal loss (Lin et al. 2017) of the labelled pixels.

    Args:
        logits: `(B, H, W, K)`.
        labels: `(B, H, W)` int, 0 to K - 1 or `IGNORED`.
        gamma: Exponent of the factor (1 - probability of the label); 0 is cross-entropy.
        class_weights: `(K,)`, weights of the pixels of each class in the mean; None weighs all
            pixels alike.

    Returns:
        Scalar float32.
    """
    used = labels != IGNORED
    labels = ops.where(used, ops.cast(labels, "int32"), 0)
    loss = ops.sparse_categorical_crossentropy(
        labels, ops.cast(logits, "float32"), from_logits=True
    )
    if gamma:
        # For gamma below 1 the derivative at 0 is infinite, so the base stays above 1e-7.
        loss = ops.power(ops.maximum(-ops.expm1(-loss), 1e-7), gamma) * loss
    used = ops.cast(used, "float32")
    if class_weights is None:
        return masked_mean(loss, used)
    weight = ops.take(ops.convert_to_tensor(class_weights, "float32"), labels) * used
    return ops.sum(loss * weight) / ops.maximum(ops.sum(weight), 1e-7)


def median_frequency_weights(pixels: Array, image_pixels: Array) -> Array:
    """Computes class weights: the median frequency of the classes over the frequency of each.

    Eigen and Fergus 2015; the weights that SegNet was trained with.

    Args:
        pixels: `(K,)`, pixels of each class.
        image_pixels: `(K,)`, pixels of all images in which the class occurs.

    Returns:
        `(K,)` float64. Classes that do not occur weigh 0.

    Raises:
        ValueError: No pixel has a label.
    """
    none = np.zeros(len(pixels))
    frequency = np.divide(pixels, image_pixels, out=none, where=np.asarray(image_pixels) > 0)
    occurs = frequency > 0
    if not occurs.any():
        raise ValueError("Classes cannot be weighed by their frequency, for no pixel has a label.")
    median = np.median(frequency[occurs])
    return np.divide(median, frequency, out=np.zeros(len(pixels)), where=occurs)
