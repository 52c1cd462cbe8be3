"""Losses of label maps, over the labelled pixels."""

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


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Computes the soft Dice loss (Milletari et al. 2016), the mean over the classes of the batch.

    Args:
        logits: `(B, H, W, K)`.
        labels: `(B, H, W)` int, 0 to K - 1 or `IGNORED`.

    Returns:
        Scalar float32 in [0, 1]. Classes without a pixel in the batch do not count: their Dice is
        0 for any prediction, however small.
    """
    probabilities, hot = _pixels_by_class(logits, labels)
    shared = ops.sum(probabilities * hot, axis=1)
    pixels = ops.sum(hot, axis=1)
    total = ops.sum(probabilities, axis=1) + pixels
    return masked_mean(1.0 - 2.0 * shared / ops.maximum(total, 1e-7), _occurs(pixels))


def lovasz_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Computes the Lovász-Softmax loss (Berman et al. 2018), a surrogate of 1 - IoU.

    Args:
        logits: `(B, H, W, K)`.
        labels: `(B, H, W)` int, 0 to K - 1 or `IGNORED`.

    Returns:
        Scalar float32 in [0, 1], the mean over the classes of the batch. Pixels of all its images
        are sorted together.
    """
    probabilities, hot = _pixels_by_class(logits, labels)
    errors = ops.abs(hot - probabilities)  # 0 where a pixel is ignored, so it is sorted last
    order = ops.argsort(-errors, axis=1)
    errors = ops.take_along_axis(errors, order, axis=1)
    hot = ops.take_along_axis(hot, order, axis=1)
    # IoU when the pixels up to here are wrong; its steps are the gradient of the extension.
    pixels = ops.sum(hot, axis=1, keepdims=True)
    shared = pixels - ops.cumsum(hot, axis=1)
    union = pixels + ops.cumsum(1.0 - hot, axis=1)
    distance = 1.0 - shared / ops.maximum(union, 1e-7)
    steps = distance - ops.pad(distance, [[0, 0], [1, 0]])[:, :-1]
    return masked_mean(ops.sum(errors * ops.stop_gradient(steps), axis=1), _occurs(pixels[:, 0]))


def _pixels_by_class(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities and ground truth, both (K, pixels) float32, 0 where a pixel is ignored."""
    classes = logits.shape[-1]
    used = ops.reshape(labels != IGNORED, (1, -1))
    probabilities = ops.softmax(ops.cast(logits, "float32"), axis=-1)
    probabilities = ops.transpose(ops.reshape(probabilities, (-1, classes)))
    flat = ops.reshape(ops.where(labels != IGNORED, ops.cast(labels, "int32"), 0), (-1,))
    hot = ops.transpose(ops.one_hot(flat, classes, dtype="float32"))
    used = ops.cast(used, "float32")
    return probabilities * used, hot * used


def _occurs(pixels: Tensor) -> Tensor:
    """(K,) float32, 1 for the classes with a pixel in the batch."""
    return ops.cast(pixels > 0, "float32")


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
