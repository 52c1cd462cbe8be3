"""Sampling: a random mix of boxes with a positive fraction, a fixed count, and a seed that travels with the batch.

The random numbers come from an integer hash rather than from the backend's generator, so the same seed draws the same
boxes eagerly, in a graph, under XLA, on TensorFlow and on JAX, and a resumed run repeats what the broken one would have done.
"""

from keras import ops

from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE


def uniform(seed, count):
    """`count` pseudo-random numbers for every row: seed (B,) int32 -> (B, count) float32 in [0, 1).

    Two rounds of the 32-bit finaliser of MurmurHash3 (Appleby) over (seed, position).
    """
    position = ops.cast(ops.arange(count, dtype="int32"), "uint32")[None, :]
    start = ops.cast(seed, "uint32")[:, None] * _u32(2654435769)
    mixed = _finalise(_finalise(position + start) + start)
    return ops.cast(ops.right_shift(mixed, _u32(8)), "float32") * (1.0 / (1 << 24))


def sample(label, seed, *, count, positives):
    """Draw at most `positives` POSITIVE boxes, and NEGATIVE ones for the rest of `count`.

    label: (B, N) int32 of IGNORE, NEGATIVE, POSITIVE; seed: (B,) int32; count, positives: ints, count <= N
    Returns: index (B, count) int32 into N; drawn (B, count) int32, the label of each row, IGNORE where nothing was left
    to draw. Positives fill the first `positives` rows only, so a head that needs no negatives can slice; where they are too few,
    further negatives take those rows.
    """
    priority = uniform(seed, label.shape[1])
    index, drawn = _draw(ops.equal(label, POSITIVE), priority, positives, POSITIVE)
    spare, spared = _draw(ops.equal(label, NEGATIVE), priority, count, NEGATIVE)
    found = ops.sum(ops.cast(ops.equal(drawn, POSITIVE), "int32"), axis=1, keepdims=True)
    quota = count - positives
    free = ops.clip(
        ops.arange(positives, dtype="int32")[None] - found + quota, 0, count - 1
    )  # which negative a free row takes
    is_free = ops.equal(drawn, IGNORE)
    index = ops.where(is_free, ops.take_along_axis(spare, free, axis=1), index)
    drawn = ops.where(is_free, ops.take_along_axis(spared, free, axis=1), drawn)
    return ops.concatenate([index, spare[:, :quota]], axis=1), ops.concatenate(
        [drawn, spared[:, :quota]], axis=1
    )


def _draw(eligible, priority, count, label):
    # Eligible boxes rank in [1, 2), the others below 1, so what is drawn last may not be eligible: it is marked IGNORE.
    rank, index = ops.top_k(ops.where(eligible, 1.0 + priority, priority * 0.5), count)
    return ops.cast(index, "int32"), ops.cast(ops.where(rank >= 1.0, label, IGNORE), "int32")


def _finalise(h):
    h = ops.bitwise_xor(h, ops.right_shift(h, _u32(16))) * _u32(0x85EBCA6B)
    h = ops.bitwise_xor(h, ops.right_shift(h, _u32(13))) * _u32(0xC2B2AE35)
    return ops.bitwise_xor(h, ops.right_shift(h, _u32(16)))


def _u32(value):
    return ops.convert_to_tensor(value, dtype="uint32")
