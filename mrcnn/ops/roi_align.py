"""RoIAlign: features of fixed size for boxes of any size, each read from the pyramid level that suits its scale."""

import itertools

from keras import ops
from keras.backend import result_type

CANONICAL_SIDE = 224.0


def assign_levels(boxes, levels, magnification=1.0):
    """Which pyramid level each roi is read from: (..., 4) yxyx, pixels of the network input -> (...,) int32 in 0..levels-1 (0 is P2).

    Feature Pyramid Networks (Lin et al. 2017), eq. 1, rounded to the nearest level as Matterport does: a roi of 224 x 224 pixels
    reads P4, one of half that side P3. That counts in pixels of the input, whatever its size, because a level has so many cells a pixel.
    magnification: how many pixels a unit of `boxes` is. A box that is not finite reads some level, too.
    """
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    side = ops.sqrt(ops.maximum((y2 - y1) * (x2 - x1), 1e-6)) * magnification
    level = 2.0 + ops.round(ops.log(side / CANONICAL_SIDE) / 0.6931471805599453)
    return ops.cast(ops.clip(ops.where(ops.isnan(level), 0.0, level), 0.0, levels - 1.0), "int32")


def roi_align(features, boxes, strides, *, size, samples, convention="aligned"):
    """Pool a `size` x `size` grid of features for every box.

    features: P2.. as a list of (B, H, W, C), finest first; strides: pixels a cell, one for each
    boxes: (B, N, 4) float32, yxyx, pixels of the network input
    samples: points averaged along each side of a bin
    convention: "aligned" has cell centres at half pixels (Mask R-CNN, He et al. 2017, §3, as Detectron2 corrected it). "corners" is
    Matterport's: the corner pixels of the image lie on the corner cells of every level, a box is given by its corner pixels, both
    inside it (see `ops.boxes.to_corner_pixels`), and one point is read for each cell of the result, the outer ones on the box's edges.
    Returns: (B, N, size, size, C), dtype of the features. Points outside a level read its border, edges that are not finite pixel 0.
    Features of 16 bits are added up in float32 and rounded once: 16 terms in bfloat16 were wrong by
        4.6e-3 (rms), so they are by 1.7e-3.

    All levels are flattened into one table, and each point gathers only from its own level.
    """
    batch, channels = ops.shape(features[0])[0], features[0].shape[-1]
    table = ops.concatenate(
        [ops.reshape(f, (-1, f.shape[1] * f.shape[2], channels)) for f in features], axis=1
    )
    rows = table.shape[1]
    table = ops.reshape(table, (-1, channels))
    heights, widths, starts = _level_table(features)
    corners = convention == "corners"
    boxes = ops.where(
        ops.isfinite(boxes), boxes, 0.0
    )  # NaN would be cast to an index far outside of the table
    image_h, image_w = (n * strides[0] for n in features[0].shape[1:3])

    level = assign_levels(
        boxes,
        len(features),
        (image_h * image_w / ((image_h - 1) * (image_w - 1))) ** 0.5 if corners else 1.0,
    )
    height, width = ops.take(heights, level, axis=0), ops.take(widths, level, axis=0)
    image = ops.arange(batch, dtype="int32")[:, None] * rows
    origin = (image + ops.take(starts, level, axis=0))[..., None, None]
    if corners:
        samples = 1
        pixels_y, pixels_x = (
            (side - 1.0) / ops.cast(n - 1, "float32")
            for n, side in ((height, image_h), (width, image_w))
        )
    else:
        pixels_y = pixels_x = ops.take(
            ops.convert_to_tensor(strides, dtype="float32"), level, axis=0
        )  # of a cell
    margin = (
        0.0 if corners else 0.5
    )  # of a cell, between a level's edge and the centre of its outer cells
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    y1, y2, x1, x2 = y1 / pixels_y, y2 / pixels_y, x1 / pixels_x, x2 / pixels_x
    wide, pooled = result_type(table.dtype, "float32"), 0.0
    # Adding up small gathers is several times faster than one large gather and a mean over its samples.
    for row, column in itertools.product(range(samples), repeat=2):
        at_y = _cells(y1, y2, height, _fractions(size, (row + 0.5) / samples, corners), margin)
        at_x = _cells(x1, x2, width, _fractions(size, (column + 0.5) / samples, corners), margin)
        for (y, y_share), (x, x_share) in itertools.product(at_y, at_x):
            index = origin + y[..., :, None] * width[..., None, None] + x[..., None, :]
            share = (y_share[..., :, None] * x_share[..., None, :])[..., None] / samples**2
            pooled = pooled + ops.cast(ops.take(table, index, axis=0), wide) * ops.cast(share, wide)
    return ops.cast(pooled, table.dtype)


def _level_table(features):
    sizes = [(f.shape[1], f.shape[2]) for f in features]
    starts = [sum(h * w for h, w in sizes[:i]) for i in range(len(sizes))]
    return tuple(
        ops.convert_to_tensor(v, dtype="int32")
        for v in ([h for h, _ in sizes], [w for _, w in sizes], starts)
    )


def _fractions(bins, offset, corners):
    """Where along a box the points of `bins` bins lie: (bins,) float32, 0 at its low edge and 1 at its high one."""
    if not corners:
        return (ops.arange(bins, dtype="float32") + offset) / bins
    return ops.arange(bins, dtype="float32") / (bins - 1) if bins > 1 else ops.full((1,), 0.5)


def _cells(low, high, length, fractions, margin):
    """The two cells beside each point between `low` and `high`, and their shares.

    low, high: (B, N) float32, cells; length: (B, N) int32, cells of the level; fractions: (bins,);
    margin: of a cell, see above
    Returns: ((cell, share), (cell, share)); cell int32, share float32, all (B, N, bins).
    """
    last = ops.cast(length - 1, "float32")[..., None]
    # Clipped: rounding may put the last point of a box at the edge a hair outside, which crop_and_resize reads as 0.
    at = ops.clip(low[..., None] + (high - low)[..., None] * fractions - margin, 0.0, last)
    first = ops.floor(at)
    second = ops.minimum(first + 1.0, last)
    return (ops.cast(first, "int32"), 1.0 - (at - first)), (ops.cast(second, "int32"), at - first)
