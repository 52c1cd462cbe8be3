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
