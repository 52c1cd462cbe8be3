"""Losses averaged over valid rows; 0 if there are none. Every loss is float32."""

from keras import ops

from mrcnn.ops.boxes import complete_iou, generalized_iou
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


def softmax_cross_entropy(
    logits: Tensor, targets: Tensor, valid: Tensor, smoothing: float = 0.0
) -> Tensor:
    """Averages the cross-entropy over valid rows.

    Args:
        logits: `(..., K)`.
        targets: `(...)` int32 in 0..K-1.
        valid: `(...)` float32, 1 or 0, or a weight.
        smoothing: Share of the target that is spread evenly over all K classes. Label smoothing
            (Szegedy et al. 2016, arXiv:1512.00567, section 7) makes networks less over-confident.

    Returns:
        A scalar.
    """
    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    picked = ops.sum(log_p * ops.one_hot(targets, logits.shape[-1], dtype="float32"), axis=-1)
    if smoothing:
        picked = (1.0 - smoothing) * picked + smoothing * ops.mean(log_p, axis=-1)
    return masked_mean(-picked, valid)


def seesaw_shift(
    logits: Tensor, targets: Tensor, counts: Tensor, mitigation: float, compensation: float
) -> Tensor:
    """Computes what Seesaw loss adds to the logits of the wrong classes before a cross-entropy.

    Wang et al. 2021, arXiv:2008.10032, eq. 3 to 6, with the counts of the whole data set. Objects
    of frequent classes push the logits of rare classes down less, and a class that scores higher
    than the true one is pushed down more. The background takes no part.

    Args:
        logits: `(..., K)`, the background first.
        targets: `(...)` int32 in 0..K-1.
        counts: `(K,)`, objects of each class in the training data.
        mitigation: The paper's p, 0.8 there.
        compensation: The paper's q, 2 there.

    Returns:
        `(..., K)` float32, without gradient; 0 for the true class.
    """
    logits = ops.stop_gradient(ops.cast(logits, "float32"))
    is_true = ops.one_hot(targets, logits.shape[-1], dtype="float32")
    log_counts = ops.log(ops.maximum(ops.cast(counts, "float32"), 1.0))
    log_p = ops.log_softmax(logits, axis=-1)
    of_true = ops.sum(is_true * log_counts, axis=-1, keepdims=True)
    p_of_true = ops.sum(is_true * log_p, axis=-1, keepdims=True)
    # Both factors of the paper multiply exp(logit), so their logarithms add up: the mitigation
    # (N_j / N_i) ** p where class j is rarer than i, and the compensation (p_j / p_i) ** q where j
    # scores higher.
    shift = mitigation * ops.minimum(log_counts - of_true, 0.0)
    shift = shift + compensation * ops.maximum(log_p - p_of_true, 0.0)
    is_object = ops.cast(ops.arange(logits.shape[-1]) > 0, "float32")
    on_object = ops.cast(targets > 0, "float32")[..., None]
    return shift * is_object * on_object * (1.0 - is_true)


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
    # The four numbers are averaged as in Matterport's code; Detectron2 adds them up.
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


def dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Computes one minus the Dice coefficient of each mask, with squares in the denominator.

    Milletari et al. 2016, V-Net, arXiv:1606.04797. Unlike a cross-entropy it does not depend on
    how much of the box a mask fills, so thin objects count as much as others.

    Args:
        logits: `(..., H, W)`.
        targets: `(..., H, W)`, 0 or 1.

    Returns:
        `(...)` float32 in 0..1.
    """
    p, targets = ops.sigmoid(ops.cast(logits, "float32")), ops.cast(targets, "float32")
    shared = ops.sum(p * targets, axis=(-2, -1))
    total = ops.sum(ops.square(p) + ops.square(targets), axis=(-2, -1))
    # With 1 added, an empty mask that is predicted as empty costs nothing.
    return 1.0 - (2.0 * shared + 1.0) / (total + 1.0)


def iou_loss(predicted: Tensor, targets: Tensor, valid: Tensor, kind: str = "giou") -> Tensor:
    """Averages one minus the generalised or complete IoU over valid rows.

    Args:
        predicted: `(..., 4)` boxes, yxyx.
        targets: `(..., 4)` float32 boxes, yxyx.
        valid: `(...)` float32, 1 or 0.
        kind: "giou" (Rezatofighi et al. 2019, arXiv:1902.09630) or "ciou" (Zheng et al. 2020,
            arXiv:1911.08287).

    Returns:
        A scalar, of 0..2.
    """
    similarity = {"giou": generalized_iou, "ciou": complete_iou}[kind]
    return masked_mean(1.0 - similarity(ops.cast(predicted, "float32"), targets), valid)


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
