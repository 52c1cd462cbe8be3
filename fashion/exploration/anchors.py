"""Anchors: how well the fixed boxes of a network fit the objects, and which would fit better."""

import numpy as np

_SAMPLE = 5000  # boxes that the search looks at
_FIRST_STEP, _LAST_STEP = 0.25, 0.01  # by how much it changes one scale or ratio, as a share


def anchor_shapes(strides, scales, ratios):
    """A list of (stride, height, width), pixels: scale i and all `ratios` (width / height) at stride i; all scales at a single stride."""
    if len(strides) == 1:
        strides = tuple(strides) * len(scales)
    return [
        (stride, scale / np.sqrt(ratio), scale * np.sqrt(ratio))
        for stride, scale in zip(strides, scales, strict=True)
        for ratio in ratios
    ]


def best_iou(boxes, canvas_hw, shapes, step=1):
    """The IoU of each box with the anchor that fits it best.

    boxes: (N, 4) yxyx, pixels of the canvas; canvas_hw: (N, 2); shapes: of `anchor_shapes`; step: RPN_ANCHOR_STRIDE
    Returns: (N,) float64. Exact: of all anchors of one shape, the one whose centre is nearest in y and in x overlaps most.
    """
    boxes = np.asarray(boxes, np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    best, away = np.zeros(len(boxes)), {}
    for stride, *sides_of_anchor in shapes:
        if stride not in away:
            pitch = stride * step
            last = (
                -(-np.asarray(canvas_hw) // stride) - 1
            ) // step  # the last cell that has anchors
            away[stride] = np.abs(centres - np.clip(np.round(centres / pitch), 0, last) * pitch)
        anchor = np.array(sides_of_anchor)
        shared = np.prod(
            np.clip((sides + anchor) / 2 - away[stride], 0, np.minimum(sides, anchor)), axis=1
        )
        best = np.maximum(best, shared / (np.prod(sides, axis=1) + np.prod(anchor) - shared))
    return best


def suggest(boxes, canvas_hw, strides, scales, ratios, step=1, seed=0):
    """As many scales and ratios that fit the boxes better, or those given where none were found.

    Arguments as in `anchor_shapes` and `best_iou`. Returns: scales, whole pixels, ascending; ratios, two decimals, ascending.
    What is made small is, as in k-means, the mean squared distance, which is 1 - IoU (YOLO9000, Redmon & Farhadi 2017, §2). Scales are
    combined with ratios and centres lie on a grid, so instead of moving clusters one scale or ratio is changed at a time, from the
    settings given and from quantiles of the boxes.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    usable = np.flatnonzero((sides > 0).all(axis=1))
    some = np.random.default_rng(seed).permutation(usable)[:_SAMPLE]
    if not len(some):
        return tuple(scales), tuple(ratios)
    boxes, canvas_hw, sides = boxes[some], np.asarray(canvas_hw)[some], sides[some]

    def fit(values):
        return -np.mean(
            (
                1
                - best_iou(
                    boxes, canvas_hw, anchor_shapes(strides, *_parted(values, len(scales))), step
                )
            )
            ** 2
        )

    at = [(np.arange(n) + 0.5) / n for n in (len(scales), len(ratios))]
    common = np.append(
        np.quantile(np.sqrt(sides.prod(axis=1)), at[0]),
        np.quantile(sides[:, 1] / sides[:, 0], at[1]),
    )
    given = np.append(scales, ratios).astype(np.float64)
    found = max((_climbed(start, fit) for start in (given, np.maximum(common, 0.01))), key=fit)
    new_scales, new_ratios = _parted(found, len(scales))
    rounded = np.append(
        np.maximum(np.round(new_scales), 1), np.maximum(np.round(new_ratios, 2), 0.01)
    )
    if fit(rounded) <= fit(given):
        return tuple(scales), tuple(ratios)
    new_scales, new_ratios = _parted(rounded, len(scales))
    return tuple(int(s) for s in new_scales), tuple(round(float(r), 2) for r in new_ratios)


def _parted(values, scales):
    return np.sort(values[:scales]), np.sort(values[scales:])


def _climbed(values, fit):
    """`values` changed one after the other by ever smaller shares, as long as `fit` grows."""
    best, step = fit(values), _FIRST_STEP
    while step >= _LAST_STEP:
        before = best
        for i in range(len(values)):
            for factor in (1 + step, 1 / (1 + step)):
                changed = values.copy()
                changed[i] *= factor
                if (score := fit(changed)) > best:
                    values, best = changed, score
        if best - before < 1e-4:
            step /= 2
    return values
