"""Sampling: a random mix of boxes of fixed size, of which a fraction is positive.

Random numbers come from an integer hash of (seed, position) rather than from the backend's
generator. So the same seed draws the same boxes eagerly, in a graph, under XLA, on TensorFlow and
on JAX, and a resumed run repeats what the interrupted one would have done.
"""

from keras import ops

from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE
from mrcnn.typing import Tensor


def uniform(seed: Tensor, count: int) -> Tensor:
    """Makes pseudo-random numbers for every row of a batch.

    Two rounds of the 32-bit finaliser of MurmurHash3 (Appleby) over (seed, position).

    Args:
        seed: `(B,)` int32.
        count: Numbers for each row.

    Returns:
        `(B, count)` float32 in [0, 1).
    """
    position = ops.cast(ops.arange(count, dtype="int32"), "uint32")[None, :]
    # 2 ** 32 / golden ratio: multiples of it lie far apart, so neighbouring seeds share no numbers
    # in a row (Knuth, The Art of Computer Programming, volume 3, section 6.4).
    start = ops.cast(seed, "uint32")[:, None] * _u32(2654435769)
    mixed = _finalise(_finalise(position + start) + start)
    # float32 has 24 bits of mantissa: more would round some numbers up to 1.
    return ops.cast(ops.right_shift(mixed, _u32(8)), "float32") * (1.0 / (1 << 24))


def sample(
    label: Tensor, seed: Tensor, *, num_samples: int, max_positives: int
) -> tuple[Tensor, Tensor]:
    """Draws at most `max_positives` POSITIVE boxes, and NEGATIVE ones for the rest.

    Args:
        label: `(B, N)` int32 of IGNORE, NEGATIVE, POSITIVE.
        seed: `(B,)` int32.
        num_samples: Boxes drawn for each image, at most N.
        max_positives: How many of them may be POSITIVE.

    Returns:
        index: `(B, num_samples)` int32 into N.
        drawn: `(B, num_samples)` int32, the label of each row; IGNORE where nothing was left to
            draw. Positives fill the first `max_positives` rows only, so that a head that needs no
            negatives can slice; where they are too few, further negatives take those rows.
    """
    priority = uniform(seed, label.shape[1])
    index, drawn = _draw(ops.equal(label, POSITIVE), priority, max_positives, POSITIVE)
    spare, spare_label = _draw(ops.equal(label, NEGATIVE), priority, num_samples, NEGATIVE)
    found = ops.sum(ops.cast(ops.equal(drawn, POSITIVE), "int32"), axis=1, keepdims=True)
    quota = num_samples - max_positives
    # Which negative a free row takes: those behind the first `quota`, which have rows of their own.
    rows = ops.arange(max_positives, dtype="int32")[None]
    free = ops.clip(rows - found + quota, 0, num_samples - 1)
    is_free = ops.equal(drawn, IGNORE)
    index = ops.where(is_free, ops.take_along_axis(spare, free, axis=1), index)
    drawn = ops.where(is_free, ops.take_along_axis(spare_label, free, axis=1), drawn)
    index = ops.concatenate([index, spare[:, :quota]], axis=1)
    return index, ops.concatenate([drawn, spare_label[:, :quota]], axis=1)


def _draw(eligible, priority, count, label):
    # Eligible boxes rank in [1, 2), the others below 1, so that a row drawn last may not be
    # eligible: it is marked IGNORE.
    rank, index = ops.top_k(ops.where(eligible, 1.0 + priority, priority * 0.5), count)
    return ops.cast(index, "int32"), ops.cast(ops.where(rank >= 1.0, label, IGNORE), "int32")


def _finalise(h):
    # Shifts and factors of MurmurHash3's fmix32.
    h = ops.bitwise_xor(h, ops.right_shift(h, _u32(16))) * _u32(0x85EBCA6B)
    h = ops.bitwise_xor(h, ops.right_shift(h, _u32(13))) * _u32(0xC2B2AE35)
    return ops.bitwise_xor(h, ops.right_shift(h, _u32(16)))


def _u32(value):
    return ops.convert_to_tensor(value, dtype="uint32")
