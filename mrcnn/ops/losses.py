"""Losses averaged over valid rows; 0 if there are none. Every loss is float32."""

from keras import ops

from mrcnn.typing import Tensor


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Averages values over valid rows.

    Args:
        values: `(...)` float32.
        valid: `(...)` float32 of the same shape: 1 for rows that count, 0 for padding.

    Returns:
        A scalar; 0 if no row is valid.
    """
    return ops.sum(values * valid) / ops.maximum(ops.sum(valid), 1.0)


def softmax_cross_entropy(logits: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Averages the cross-entropy over valid rows.

    Args:
        logits: `(..., K)`.
        targets: `(...)` int32 in 0..K-1.
        valid: `(...)` float32, 1 or 0, or a weight.

    Returns:
        A scalar.
    """
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    picked = ops.sum(log_p * ops.one_hot(targets, logits.shape[-1], dtype="float32"), axis=-1)
    return masked_mean(-picked, valid)


def smooth_l1(predicted: Tensor, targets: Tensor, valid: Tensor) -> Tensor:
    """Averages the Huber loss with its knee at 1 over valid rows and their four numbers.

    Fast R-CNN (Girshick 2015), eq. 3.

    Args:
        predicted: `(..., 4)` deltas.
        targets: `(..., 4)` float32.
        valid: `(...)` float32, 1 or 0.

    Returns:
        A scalar.
    """
    error = ops.abs(ops.cast(predicted, "float32") - targets)
    loss = ops.where(error < 1.0, 0.5 * ops.square(error), error - 0.5)
    return masked_mean(ops.mean(loss, axis=-1), valid)


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Computes the cross-entropy of every sigmoid; stable for large logits.

    Args:
        logits: `(...)`.
        targets: `(...)` in 0..1.

    Returns:
        `(...)` float32.
    """
    return ops.binary_crossentropy(targets, ops.cast(logits, "float32"), from_logits=True)


def focal_loss(logits: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Computes the focal loss of every sigmoid: what is right already counts little.

    Lin et al. 2017, arXiv:1708.02002, eq. 5.

    Args:
        logits: `(...)`.
        targets: `(...)`, 0 or 1.
        alpha: Weight of the ones; zeros weigh 1 - alpha.
        gamma: Focus on what is wrong; 0 is a weighted cross-entropy.

    Returns:
        `(...)` float32.
    """
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
    # The probability of the wrong answer, 1 - p_t of the paper.
    wrong = ops.sigmoid(ops.where(targets > 0.5, -logits, logits))
    weight = ops.where(targets > 0.5, alpha, 1.0 - alpha)
    return weight * _power(wrong, gamma) * binary_cross_entropy(logits, targets)


def asymmetric_loss(
    logits: Tensor,
    targets: Tensor,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Tensor:
    """Computes the asymmetric loss of every sigmoid: absent labels count less.

    They do not count at all once their probability is below a margin. Ridnik et al. 2021,
    arXiv:2009.14119, eq. 7.

    Args:
        logits: `(...)`.
        targets: `(...)`, 0 or 1.
        gamma_positive: Focusing of ones.
        gamma_negative: Focusing of zeros.
        margin: Probability in 0..1 that is subtracted for zeros.

    Returns:
        `(...)` float32.
    """
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
    p = ops.sigmoid(logits)
    shifted = ops.maximum(p - margin, 0.0)
    positive = _power(1.0 - p, gamma_positive) * binary_cross_entropy(logits, ops.ones_like(logits))
    # Without a margin 1 - p is 0 in float32 from a logit of 17 on; its logarithm would have no
    # gradient where the prediction is most wrong.
    log_of_rest = ops.log(1.0 - shifted) if margin else -ops.softplus(logits)
    negative = -_power(shifted, gamma_negative) * log_of_rest
    return ops.where(targets > 0.5, positive, negative)


def _power(base, exponent):
    """A power of base >= 0, with a finite gradient at 0 for exponents below 1 as well."""
    return ops.ones_like(base) if exponent == 0 else ops.power(ops.maximum(base, 1e-7), exponent)
