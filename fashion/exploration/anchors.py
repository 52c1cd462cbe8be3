"""How well the anchors of a network fit the boxes of a data set, and which would fit better."""

from collections.abc import Callable, Sequence

import numpy as np

from mrcnn.typing import Array

AnchorShapes = list[tuple[float, float, float]]  # (stride, height, width), network pixels

_MAX_BOXES = 5000  # the search reads a random sample of this size
_FIRST_STEP, _LAST_STEP = 0.25, 0.01  # relative change of one scale or ratio


def anchor_shapes(
    strides: Sequence[int], scales: Sequence[float] | Array, ratios: Sequence[float] | Array
) -> AnchorShapes:
    """Lists the shapes of all anchors.

    Args:
        strides: Of the feature levels, pixels. A single level has all scales.
        scales: One for each level, pixels: square root of an anchor's area.
        ratios: Width / height.

    Returns:
        `(stride, height, width)` of every anchor at a cell of its level.
    """
    if len(strides) == 1:
        strides = tuple(strides) * len(scales)
    shapes: AnchorShapes = []
    for stride, scale in zip(strides, scales, strict=True):
        for ratio in ratios:
            shapes.append((stride, scale / np.sqrt(ratio), scale * np.sqrt(ratio)))
    return shapes


def best_iou(boxes: Array, canvas_hw: Array, shapes: AnchorShapes, step: int = 1) -> Array:
    """Returns the IoU of each box with its best anchor.

    Exact: of all anchors of one shape, the one whose centre is nearest in y and in x overlaps most.

    Args:
        boxes: `(N, 4)` yxyx, pixels of the network input.
        canvas_hw: `(N, 2)` size of the network input of each box.
        shapes: From `anchor_shapes`.
        step: RPN_ANCHOR_STRIDE, in cells.

    Returns:
        `(N,)` float64.
    """
    boxes = np.asarray(boxes, np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    best = np.zeros(len(boxes))
    offsets: dict[float, Array] = {}  # from each box's centre to the nearest anchor, by stride
    for stride, *anchor_hw in shapes:
        if stride not in offsets:
            pitch = stride * step
            last_cell = (-(-np.asarray(canvas_hw) // stride) - 1) // step
            nearest = np.clip(np.round(centres / pitch), 0, last_cell) * pitch
            offsets[stride] = np.abs(centres - nearest)
        anchor = np.array(anchor_hw)
        overlap_hw = np.clip((sides + anchor) / 2 - offsets[stride], 0, np.minimum(sides, anchor))
        shared = np.prod(overlap_hw, axis=1)
        best = np.maximum(best, shared / (np.prod(sides, axis=1) + np.prod(anchor) - shared))
    return best


def suggest_anchors(
    boxes: Array,
    canvas_hw: Array,
    strides: Sequence[int],
    scales: Sequence[float],
    ratios: Sequence[float],
    step: int = 1,
    seed: int = 0,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Searches scales and ratios that fit the boxes better.

    As in k-means on boxes (YOLO9000, Redmon and Farhadi 2017, section 2), the distance is
    1 - IoU; its mean square is minimised. Scales are combined with ratios and centres lie on a
    grid, so one value is changed at a time, from the given ones and from quantiles of the boxes.

    Args:
        boxes: `(N, 4)` yxyx, pixels of the network input.
        canvas_hw: `(N, 2)` size of the network input of each box.
        strides: Of the feature levels, pixels.
        scales: Given scales, pixels.
        ratios: Given ratios, width / height.
        step: RPN_ANCHOR_STRIDE, in cells.
        seed: Of the sample of boxes.

    Returns:
        As many scales (whole pixels) and ratios (two decimals), ascending; those given if none
        fit better.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    usable = np.flatnonzero((sides > 0).all(axis=1))
    sample = np.random.default_rng(seed).permutation(usable)[:_MAX_BOXES]
    if not len(sample):
        return tuple(scales), tuple(ratios)
    boxes, canvas_hw, sides = boxes[sample], np.asarray(canvas_hw)[sample], sides[sample]

    def fit(values: Array) -> float:
        shapes = anchor_shapes(strides, *_split(values, len(scales)))
        return -np.mean((1 - best_iou(boxes, canvas_hw, shapes, step)) ** 2)

    given = np.append(scales, ratios).astype(np.float64)
    # From two starts, because coordinate ascent ends in the nearest optimum.
    starts = given, _typical(sides, len(scales), len(ratios))
    best = max((_climb(start, fit) for start in starts), key=fit)
    new_scales, new_ratios = _split(best, len(scales))
    whole, two_decimals = np.round(new_scales), np.round(new_ratios, 2)
    rounded = np.append(np.maximum(whole, 1), np.maximum(two_decimals, 0.01))
    if fit(rounded) <= fit(given):
        return tuple(scales), tuple(ratios)
    new_scales, new_ratios = _split(rounded, len(scales))
    return tuple(int(s) for s in new_scales), tuple(round(float(r), 2) for r in new_ratios)


def _typical(sides: Array, num_scales: int, num_ratios: int) -> Array:
    """Quantiles of the boxes' scales and ratios."""
    scale_levels, ratio_levels = ((np.arange(n) + 0.5) / n for n in (num_scales, num_ratios))
    scales = np.quantile(np.sqrt(sides.prod(axis=1)), scale_levels)
    ratios = np.quantile(sides[:, 1] / sides[:, 0], ratio_levels)
    return np.maximum(np.append(scales, ratios), 0.01)


def _split(values: Array, num_scales: int) -> tuple[Array, Array]:
    return np.sort(values[:num_scales]), np.sort(values[num_scales:])


def _climb(values: Array, fit: Callable[[Array], float]) -> Array:
    """Changes one value at a time by ever smaller steps while `fit` grows."""
    best, step = fit(values), _FIRST_STEP
    while step >= _LAST_STEP:
        before = best
        for i in range(len(values)):
            for factor in (1 + step, 1 / (1 + step)):
                changed = values.copy()
                changed[i] *= factor
                if (score := fit(changed)) > best:
                    values, best = changed, score
        if best - before < 1e-4:  # of the mean squared distance: nothing left at this step
            step /= 2
    return values
