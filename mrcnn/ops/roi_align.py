"""RoIAlign: features of fixed size for boxes of any size, each read from the pyramid level that suits its scale."""
import itertools

from keras import ops


def assign_levels(boxes, levels):
    """Which pyramid level each roi is read from: (..., 4) yxyx, pixels of the network input -> (...,) int32 in 0..levels-1 (0 is P2).

    Feature Pyramid Networks (Lin et al. 2017), eq. 1, rounded to the nearest level as Matterport does: a roi of 224 x 224 pixels
    reads P4, one of half that side P3. That counts in pixels of the input, whatever its size, because a level has so many cells a pixel.
    """
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    side = ops.sqrt(ops.maximum((y2 - y1) * (x2 - x1), 1e-6))
    level = 2.0 + ops.round(ops.log(side / 224.0) / 0.6931471805599453)
    return ops.cast(ops.clip(level, 0.0, levels - 1.0), "int32")


def roi_align(features, boxes, strides, *, size, samples):
    """Pool a `size` x `size` grid of features for every box.

    features: P2.. as a list of (B, H, W, C), finest first; strides: pixels a cell, one for each
    boxes: (B, N, 4) float32, yxyx, pixels of the network input
    samples: points averaged along each side of a bin
    Returns: (B, N, size, size, C), dtype of the features. Points outside a level read its border.

    Mask R-CNN (He et al. 2017), §3, with cell centres at half pixels ("aligned"). All levels are flattened into one table,
    and each point gathers only from its own level.
    """
    batch, channels = ops.shape(features[0])[0], features[0].shape[-1]
    table = ops.concatenate([ops.reshape(f, (-1, f.shape[1] * f.shape[2], channels)) for f in features], axis=1)
    rows = table.shape[1]
    table = ops.reshape(table, (-1, channels))
    heights, widths, starts = _level_table(features)

    level = assign_levels(boxes, len(features))
    stride = ops.take(ops.convert_to_tensor(strides, dtype="float32"), level, axis=0)
    height, width = ops.take(heights, level, axis=0), ops.take(widths, level, axis=0)
    image = ops.arange(batch, dtype="int32")[:, None] * rows
    origin = (image + ops.take(starts, level, axis=0))[..., None, None]
    y1, x1, y2, x2 = ops.unstack(boxes / stride[..., None], 4, axis=-1)
    pooled = 0.0
    # Adding up small gathers is several times faster than one large gather and a mean over its samples.
    for row, column in itertools.product(range(samples), repeat=2):
        at_y = _corners(y1, y2, height, size, (row + 0.5) / samples)
        at_x = _corners(x1, x2, width, size, (column + 0.5) / samples)
        for (y, y_share), (x, x_share) in itertools.product(at_y, at_x):
            index = origin + y[..., :, None] * width[..., None, None] + x[..., None, :]
            share = (y_share[..., :, None] * x_share[..., None, :])[..., None] / samples**2
            pooled = pooled + ops.take(table, index, axis=0) * ops.cast(share, table.dtype)
    return pooled


def _level_table(features):
    sizes = [(f.shape[1], f.shape[2]) for f in features]
    starts = [sum(h * w for h, w in sizes[:i]) for i in range(len(sizes))]
    return tuple(ops.convert_to_tensor(v, dtype="int32") for v in ([h for h, _ in sizes], [w for _, w in sizes], starts))


def _corners(low, high, length, bins, offset):
    """The two cells beside one point in each of `bins` equal bins between `low` and `high`, and their shares.

    low, high: (B, N) float32, cells; length: (B, N) int32, cells of the level; offset: where in its bin a point lies, 0..1
    Returns: ((cell, share), (cell, share)); cell int32, share float32, all (B, N, bins).
    """
    fraction = (ops.arange(bins, dtype="float32") + offset) / bins
    last = ops.cast(length - 1, "float32")[..., None]
    at = ops.clip(low[..., None] + (high - low)[..., None] * fraction - 0.5, 0.0, last)
    first = ops.floor(at)
    second = ops.minimum(first + 1.0, last)
    return (ops.cast(first, "int32"), 1.0 - (at - first)), (ops.cast(second, "int32"), at - first)
