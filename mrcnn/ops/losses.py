"""Losses: means over the rows that count, which survive there being none.

`used` is float32, 1 for rows that count and 0 for padding; every loss is float32 whatever the network computes in.
"""

from keras import ops


def masked_mean(values, used):
    """Mean of `values` over the rows where `used` is 1; 0 if there are none.  Both (...,) float32 of one shape."""
    return ops.sum(values * used) / ops.maximum(ops.sum(used), 1.0)


def softmax_cross_entropy(logits, targets, used):
    """Mean cross-entropy.  logits: (..., K); targets: (...,) int32 in 0..K-1; used: (...,)."""
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    picked = ops.sum(log_p * ops.one_hot(targets, logits.shape[-1], dtype="float32"), axis=-1)
    return masked_mean(-picked, used)


def smooth_l1(predicted, targets, used):
    """Mean over rows and their 4 numbers of the Huber loss with its knee at 1 (Fast R-CNN, eq. 3).  (..., 4), (..., 4), (...,)."""
    error = ops.abs(ops.cast(predicted, "float32") - targets)
    loss = ops.where(error < 1.0, 0.5 * ops.square(error), error - 0.5)
    return masked_mean(ops.mean(loss, axis=-1), used)


def binary_cross_entropy(logits, targets):
    """Cross-entropy of every sigmoid: logits, targets (...,) -> (...,) float32. Stable for large logits."""
    return ops.binary_crossentropy(targets, ops.cast(logits, "float32"), from_logits=True)


def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    """Focal loss of every sigmoid (Lin et al. 2017, arXiv:1708.02002, eq. 5): what is right already counts little.

    logits, targets: (...,); targets 0 or 1; alpha: weight of the ones, 1 - alpha of the zeros; gamma: 0 is weighted cross-entropy
    Returns: (...,) float32.
    """
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
    wrong = ops.sigmoid(ops.where(targets > 0.5, -logits, logits))  # 1 - p of what is true
    weight = ops.where(targets > 0.5, alpha, 1.0 - alpha)
    return weight * _power(wrong, gamma) * binary_cross_entropy(logits, targets)


def asymmetric_loss(logits, targets, gamma_positive=0.0, gamma_negative=4.0, margin=0.05):
    """Asymmetric loss of every sigmoid (Ridnik et al. 2021, arXiv:2009.14119, eq. 7): absent labels count less, and not at all once
    their probability is below a margin.

    logits, targets: (...,); targets 0 or 1; gamma_positive, gamma_negative: focusing of ones and zeros; margin: 0..1
    Returns: (...,) float32.
    """
    logits, targets = ops.cast(logits, "float32"), ops.cast(targets, "float32")
    p = ops.sigmoid(logits)
    shifted = ops.maximum(p - margin, 0.0)
    positive = _power(1.0 - p, gamma_positive) * binary_cross_entropy(logits, ops.ones_like(logits))
    # Without a margin 1 - p is 0 in float32 from a logit of 17 on, and its logarithm would teach nothing where most is wrong.
    log_of_rest = ops.log(1.0 - shifted) if margin else -ops.softplus(logits)
    negative = -_power(shifted, gamma_negative) * log_of_rest
    return ops.where(targets > 0.5, positive, negative)


def _power(base, exponent):
    """base ** exponent for base >= 0, with a gradient at 0 for any exponent: that of pow is not a number below 1."""
    return ops.ones_like(base) if exponent == 0 else ops.power(ops.maximum(base, 1e-7), exponent)
