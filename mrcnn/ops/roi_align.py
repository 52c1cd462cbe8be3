"""RoIAlign: features of a fixed size for boxes of any size, each read from one pyramid level.

Mask R-CNN (He et al. 2017), section 3. Shapes: B images, N boxes, C channels. There is one
function for each pixel convention: `roi_align` for ALIGNED and `crop_and_resize` for CORNERS.
"""

import itertools
from collections.abc import Iterator, Sequence

from keras import ops
from keras.backend import result_type

from mrcnn.typing import Tensor

# FPN, eq. 1: a box of ImageNet's training size reads P4.
CANONICAL_SIDE = 224.0
CANONICAL_LEVEL = 2.0  # P4, counted from P2
LOG_2 = 0.6931471805599453


def roi_align(
    features: Sequence[Tensor],
    boxes: Tensor,
    strides: Sequence[int],
    *,
    size: int,
    samples: int,
) -> Tensor:
    """Pools a grid of features for every box; the convention is ALIGNED.

    Cells have their centres at half pixels, as in Detectron2's ROIAlignV2. Each bin is the mean of
    `samples` x `samples` points, each interpolated between its four nearest cells.

    Args:
        features: P2, P3, ... as `(B, H, W, C)`, finest first.
        boxes: `(B, N, 4)` float32, yxyx, pixels of the network input.
        strides: Pixels per cell of each level.
        size: Bins along each side of the result.
        samples: Points averaged along each side of a bin.

    Returns:
        `(B, N, size, size, C)`, dtype of the features. Points outside a level read its border; an
        edge that is not finite counts as 0.
    """
    boxes = _finite(boxes)
    level = assign_levels(boxes, len(features))
    table = _LevelTable(features, level)
    stride = ops.take(ops.convert_to_tensor(strides, dtype="float32"), level, axis=0)
    y1, x1, y2, x2 = (edge / stride for edge in ops.unstack(boxes, 4, axis=-1))
    bins = ops.arange(size, dtype="float32")
    pooled = 0.0
    # Adding up small gathers is several times faster than one large gather and a mean.
    for row, column in itertools.product(range(samples), repeat=2):
        y = _between(y1, y2, (bins + (row + 0.5) / samples) / size) - 0.5
        x = _between(x1, x2, (bins + (column + 0.5) / samples) / size) - 0.5
        for values, share in table.neighbours(y, x):
            pooled = pooled + values * ops.cast(share / samples**2, values.dtype)
    return ops.cast(pooled, features[0].dtype)


def crop_and_resize(
    features: Sequence[Tensor], boxes: Tensor, strides: Sequence[int], *, size: int
) -> Tensor:
    """Pools a grid of features for every box; the convention is CORNERS.

    This is what Matterport's weights were trained with, `tf.image.crop_and_resize`: the corner
    pixels of the input lie on the corner cells of every level, and one point is read for each cell
    of the result, the outer ones on the edges of the box.

    Args:
        features: As in `roi_align`.
        boxes: `(B, N, 4)` float32, yxyx, by corner pixels of the network input.
        strides: As in `roi_align`.
        size: Cells along each side of the result.

    Returns:
        As `roi_align`.
    """
    boxes = _finite(boxes)
    image_h, image_w = (n * strides[0] for n in features[0].shape[1:3])
    # Matterport measures a side of n pixels as n - 1 when it chooses the level.
    magnification = (image_h * image_w / ((image_h - 1) * (image_w - 1))) ** 0.5
    table = _LevelTable(features, assign_levels(boxes, len(features), magnification))
    pixels_y, pixels_x = (
        (side - 1.0) / ops.cast(n - 1, "float32")
        for n, side in ((table.height, image_h), (table.width, image_w))
    )
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    cells = ops.arange(size, dtype="float32")
    fractions = cells / (size - 1) if size > 1 else ops.full((1,), 0.5)
    y = _between(y1 / pixels_y, y2 / pixels_y, fractions)
    x = _between(x1 / pixels_x, x2 / pixels_x, fractions)
    pooled = 0.0
    for values, share in table.neighbours(y, x):
        pooled = pooled + values * ops.cast(share, values.dtype)
    return ops.cast(pooled, features[0].dtype)


def assign_levels(boxes: Tensor, levels: int, magnification: float = 1.0) -> Tensor:
    """Chooses the pyramid level that each box is read from.

    Feature Pyramid Networks (Lin et al. 2017), eq. 1: a box of 224 x 224 pixels reads P4, one of
    half that side P3. Rounded to the nearest level as in Matterport's code; the paper and
    Detectron2 round down.

    Args:
        boxes: `(..., 4)` yxyx, pixels of the network input. Boxes that are not finite get some
            level, too.
        levels: Number of levels.
        magnification: Pixels in a unit of `boxes`.

    Returns:
        `(...,)` int32 in 0..levels-1; 0 is P2.
    """
    y1, x1, y2, x2 = ops.unstack(boxes, 4, axis=-1)
    # Padding has no area, inverted boxes a negative one: neither has a root and a logarithm.
    side = ops.sqrt(ops.maximum((y2 - y1) * (x2 - x1), 1e-6)) * magnification
    level = CANONICAL_LEVEL + ops.round(ops.log(side / CANONICAL_SIDE) / LOG_2)
    return ops.cast(ops.clip(ops.where(ops.isnan(level), 0.0, level), 0.0, levels - 1.0), "int32")


class _LevelTable:
    """All levels flattened into one table, so that one gather serves boxes of every level.

    Each point gathers from its own level only; scenic and others pool every level and select.
    """

    def __init__(self, features: Sequence[Tensor], level: Tensor) -> None:
        batch, channels = ops.shape(features[0])[0], features[0].shape[-1]
        sizes = [(f.shape[1], f.shape[2]) for f in features]
        flat = [ops.reshape(f, (-1, h * w, channels)) for f, (h, w) in zip(features, sizes)]
        table = ops.concatenate(flat, axis=1)
        rows = table.shape[1]
        self._table = ops.reshape(table, (-1, channels))
        starts = list(itertools.accumulate((h * w for h, w in sizes[:-1]), initial=0))

        def of_level(values):
            return ops.take(ops.convert_to_tensor(values, dtype="int32"), level, axis=0)

        # (B, N) int32: cells of the level that each box reads.
        self.height = of_level([h for h, _ in sizes])
        self.width = of_level([w for _, w in sizes])
        image = ops.arange(batch, dtype="int32")[:, None] * rows
        self._origin = (image + of_level(starts))[..., None, None]
        # bfloat16 is summed in float32: 16 terms had an error of 4.6e-3 (rms), now 1.7e-3.
        self._sum_dtype = result_type(self._table.dtype, "float32")

    def neighbours(self, y: Tensor, x: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields values (B, N, rows, columns, C) and shares (..., 1) of the four nearest cells.

        y: (B, N, rows) and x: (B, N, columns) float32, in cells, 0 at the centre of the first one.
        """
        pairs = itertools.product(_two_nearest(y, self.height), _two_nearest(x, self.width))
        for (row, row_share), (column, column_share) in pairs:
            index = row[..., :, None] * self.width[..., None, None] + column[..., None, :]
            share = (row_share[..., :, None] * column_share[..., None, :])[..., None]
            values = ops.take(self._table, self._origin + index, axis=0)
            yield ops.cast(values, self._sum_dtype), share


def _finite(boxes):
    # NaN would be cast to an index far outside the table.
    return ops.where(ops.isfinite(boxes), boxes, 0.0)


def _between(low, high, fractions):
    """Points between low and high (B, N) at fractions (n,): (B, N, n)."""
    return low[..., None] + (high - low)[..., None] * fractions


def _two_nearest(at, length):
    """((cell int32, share float32), (cell, share)) of points (B, N, n) in a row of (B, N) cells."""
    last = ops.cast(length - 1, "float32")[..., None]
    # Rounding may put a point at the edge just outside, which crop_and_resize would read as 0.
    at = ops.clip(at, 0.0, last)
    first = ops.floor(at)
    second = ops.minimum(first + 1.0, last)
    return (ops.cast(first, "int32"), 1.0 - (at - first)), (ops.cast(second, "int32"), at - first)
