"""The front door for `from mrcnn import utils`: Matterport's names for this library's functions.

Boxes are yxyx in pixels, (y2, x2) outside; masks are (height, width, N). Functions that need Keras
or scikit-image import it when called, so that scripts which only need `Dataset` start at once.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.masks import instance as instance_masks
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement, nearest_on_corners
from mrcnn.evaluation import instance_ap
from mrcnn.inference.pasting import paste
from mrcnn.ops.pixel_convention import CORNERS, from_unit, to_unit
from mrcnn.typing import Array, Size
from mrcnn.weights.published import COCO_MODEL_URL, download_trained_weights

__all__ = [
    "COCO_MODEL_URL",
    "Dataset",
    "apply_box_deltas",
    "batch_slice",
    "box_refinement",
    "box_refinement_graph",
    "compute_ap",
    "compute_ap_range",
    "compute_iou",
    "compute_matches",
    "compute_overlaps",
    "compute_overlaps_masks",
    "compute_recall",
    "denorm_boxes",
    "download_trained_weights",
    "expand_mask",
    "extract_bboxes",
    "generate_anchors",
    "generate_pyramid_anchors",
    "minimize_mask",
    "mold_mask",
    "non_max_suppression",
    "norm_boxes",
    "resize",
    "resize_image",
    "resize_mask",
    "trim_zeros",
    "unmold_mask",
]


# Boxes


def extract_bboxes(mask: Array) -> Array:
    """Computes the bounding boxes of masks.

    Args:
        mask: `(H, W, N)`.

    Returns:
        `(N, 4)` int32 yxyx, zeros for an empty mask.
    """
    return instance_masks.boxes_of_masks(np.asarray(mask)).astype(np.int32)


def compute_iou(box: Array, boxes: Array, box_area: object, boxes_area: object) -> Array:
    """Computes the IoU of one box with others.

    Args:
        box: `(4,)` yxyx.
        boxes: `(M, 4)` yxyx.
        box_area: Accepted; the area is computed.
        boxes_area: Likewise.

    Returns:
        `(M,)` float64.
    """
    return compute_overlaps(np.asarray(box)[None], boxes)[0]


def compute_overlaps(boxes1: Array, boxes2: Array) -> Array:
    """Computes the IoU of all pairs, see `mrcnn.ops.boxes.pairwise_iou`.

    Args:
        boxes1: `(N, 4)` yxyx.
        boxes2: `(M, 4)` yxyx.

    Returns:
        `(N, M)` float64.
    """
    from mrcnn.ops.boxes import pairwise_iou

    return np.asarray(
        pairwise_iou(np.asarray(boxes1, np.float64), np.asarray(boxes2, np.float64)), np.float64
    )


def non_max_suppression(boxes: Array, scores: Array, threshold: float) -> Array:
    """Suppresses boxes that overlap a better one, see `mrcnn.ops.nms.non_max_suppression`.

    Args:
        boxes: `(N, 4)` yxyx of one image.
        scores: `(N,)`; of equal scores the first is the better.
        threshold: IoU above which the worse box is suppressed.

    Returns:
        `(n,)` int32, indices of the boxes kept, best first.
    """
    from mrcnn.ops.nms import non_max_suppression as suppress

    count = len(boxes)
    if not count:
        return np.zeros(0, np.int32)
    index, kept = suppress(
        np.asarray(boxes, np.float32)[None],
        np.asarray(scores, np.float32)[None],
        np.ones((1, count), bool),
        iou_threshold=threshold,
        max_outputs=count,
    )
    return np.asarray(index)[np.asarray(kept)]


def apply_box_deltas(boxes: Array, deltas: Array) -> Array:
    """Applies deltas to boxes, see `mrcnn.ops.boxes.decode`.

    Args:
        boxes: `(N, 4)` yxyx.
        deltas: `(N, 4)`: dy, dx, log dh, log dw.

    Returns:
        `(N, 4)` float32 yxyx.
    """
    from mrcnn.ops.boxes import decode

    return np.asarray(
        decode(np.asarray(deltas, np.float32), np.asarray(boxes, np.float32), std=(1, 1, 1, 1))
    )


def box_refinement(box: Array, gt_box: Array) -> Array:
    """Computes the deltas from boxes to others, see `mrcnn.ops.boxes.encode`.

    Args:
        box: `(N, 4)` yxyx.
        gt_box: `(N, 4)` yxyx.

    Returns:
        `(N, 4)` float32: dy, dx, log dh, log dw.
    """
    from mrcnn.ops.boxes import encode

    return np.asarray(
        encode(np.asarray(gt_box, np.float32), np.asarray(box, np.float32), std=(1, 1, 1, 1))
    )


def box_refinement_graph(box: object, gt_box: object) -> NoReturn:
    """Removed: one formula serves arrays and tensors.

    Args:
        box: Accepted.
        gt_box: Accepted.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "box_refinement_graph was removed. Call mrcnn.ops.boxes.encode(gt_box, box, "
        "std=(1, 1, 1, 1)); it takes tensors, in a graph too."
    )


def norm_boxes(boxes: Array, shape: Size) -> Array:
    """Converts boxes from pixels to 0..1, see `mrcnn.ops.pixel_convention.to_unit`.

    Args:
        boxes: `(..., 4)` yxyx, pixels.
        shape: (height, width) of the image.

    Returns:
        float32, the same shape.
    """
    return to_unit(boxes, shape).astype(np.float32)


def denorm_boxes(boxes: Array, shape: Size) -> Array:
    """Converts boxes from 0..1 to pixels, see `mrcnn.ops.pixel_convention.from_unit`.

    Args:
        boxes: `(..., 4)` yxyx in 0..1.
        shape: (height, width) of the image.

    Returns:
        int32, the same shape.
    """
    return np.around(from_unit(boxes, shape)).astype(np.int32)


def trim_zeros(x: Array) -> Array:
    """Removes rows of zeros, which are padding.

    Args:
        x: `(n, k)`.

    Returns:
        `(m, k)`, the other rows.
    """
    return np.asarray(x)[instance_ap.real_rows(x)]


# Anchors


def generate_anchors(
    scales: float | Sequence[float],
    ratios: float | Sequence[float],
    shape: Size,
    feature_stride: int,
    anchor_stride: int,
) -> Array:
    """Makes the anchors of a level, see `mrcnn.ops.anchors.level_anchors`.

    Args:
        scales: One side length or several, pixels.
        ratios: Width / height.
        shape: (height, width) of the feature map, cells.
        feature_stride: Pixels per cell.
        anchor_stride: Cells between two anchors.

    Returns:
        `(cells * ratios * scales, 4)` float64 yxyx, pixels. Anchors of a cell are adjacent, and so
        are the scales of a ratio.
    """
    from mrcnn.ops.anchors import level_anchors

    image_hw = shape[0] * feature_stride, shape[1] * feature_stride
    anchors = [
        level_anchors(
            image_hw, feature_stride, scale, np.atleast_1d(ratios).tolist(), anchor_stride
        )
        for scale in np.atleast_1d(scales)
    ]
    by_cell = np.stack([a.reshape(-1, np.size(ratios), 4) for a in anchors], axis=2)
    return by_cell.reshape(-1, 4).astype(np.float64)


def generate_pyramid_anchors(
    scales: Sequence[float | Sequence[float]],
    ratios: float | Sequence[float],
    feature_shapes: Sequence[Size],
    feature_strides: Sequence[int],
    anchor_stride: int,
) -> Array:
    """Makes the anchors of all levels, finest first.

    Args:
        scales: One scale, or a list of them, for each level; if there are fewer, further levels
            have no anchors.
        ratios: Width / height.
        feature_shapes: (height, width) of each feature map, cells.
        feature_strides: Pixels per cell of each feature map.
        anchor_stride: Cells between two anchors.

    Returns:
        `(A, 4)` float64 yxyx, pixels.

    Raises:
        ValueError: There are more scales than levels.
    """
    if len(scales) > min(len(feature_shapes), len(feature_strides)):
        raise ValueError(
            f"There are {len(scales)} scales for {len(feature_shapes)} feature maps of "
            f"{len(feature_strides)} strides; each scale needs a map and its stride."
        )
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in zip(scales, feature_shapes, feature_strides)
        ]
    )


# Images and masks


def resize(
    image: Array,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: Any = None,
) -> Array:
    """Resizes by `skimage.transform.resize` with Matterport's defaults.

    Args:
        image: `(h, w, ...)`; bool is allowed for any `order`.
        output_shape: (height, width, ...).
        order: Of the spline; 0 is nearest neighbour, 1 bilinear.
        mode: What lies outside, see NumPy's `pad`.
        cval: The value outside in mode "constant".
        clip: Limit the result to the range of the input.
        preserve_range: Keep 0..255 instead of converting to 0..1.
        anti_aliasing: Smooth before reducing.
        anti_aliasing_sigma: Of the smoothing.

    Returns:
        float64, `output_shape`.
    """
    from skimage.transform import resize as skimage_resize

    image = np.asarray(image)
    if image.dtype == bool and order:  # scikit-image >= 0.19 refuses to interpolate bool
        image = image.astype(np.float64)
    return skimage_resize(
        image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )


def resize_image(
    image: Array,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
) -> tuple[Array, tuple, float, list, tuple | None]:
    """Resizes and pads an image for the network, with Matterport's resampling.

    Args:
        image: `(h, w, C)`.
        min_dim: See `Config.IMAGE_MIN_DIM`.
        max_dim: See `Config.IMAGE_MAX_DIM`.
        min_scale: See `Config.IMAGE_MIN_SCALE`.
        mode: See `Config.IMAGE_RESIZE_MODE`. `random.seed` repeats crops.

    Returns:
        image: `(H, W, C)` of the same dtype.
        window: (y1, x1, y2, x2), where the original image lies, pixels.
        scale: From the original image.
        padding: [(top, bottom), (left, right), (0, 0)].
        crop: (y, x, height, width) in the scaled image in mode "crop", else None.
    """
    canvas_hw = (max_dim, max_dim) if mode == "square" and max_dim else None
    rng = np.random.default_rng(random.getrandbits(64)) if mode == "crop" else None
    placement = make_placement(
        image.shape[:2], canvas_hw, mode, min_dim=min_dim or 0, min_scale=min_scale or 0, rng=rng
    )
    image = placement.image(
        image, resample=lambda array, size_hw: resize(array, size_hw, preserve_range=True)
    )
    window = tuple(int(n) for n in placement.window)
    return (
        image,
        window,
        placement.scale,
        [*placement.padding, (0, 0)],
        placement.crop if mode == "crop" else None,
    )


def resize_mask(mask: Array, scale: float, padding: Sequence, crop: Any = None) -> Array:
    """Resizes masks like their image, nearest neighbour.

    Args:
        mask: `(h, w, N)`.
        scale: From `resize_image`.
        padding: Likewise.
        crop: Likewise.

    Returns:
        `(H, W, N)` of the same dtype.
    """
    return Placement.from_padding(mask.shape[:2], scale, padding, crop).image(
        mask, resample=nearest_on_corners
    )


def minimize_mask(bbox: Array, mask: Array, mini_shape: Sequence[int]) -> Array:
    """Crops masks to their boxes and resizes them, with Matterport's resampling.

    Args:
        bbox: `(N, 4)` yxyx, pixels.
        mask: `(H, W, N)`.
        mini_shape: (height, width).

    Returns:
        `(*mini_shape, N)` bool.

    Raises:
        ValueError: A box contains no pixel.
    """
    mask = np.asarray(mask).astype(bool)
    boxes = _whole_boxes(bbox, mask)
    for i, (y1, x1, y2, x2) in enumerate(boxes.tolist()):
        if not mask[y1:y2, x1:x2, i].size:
            raise ValueError(
                f"Object {i} has the box {(y1, x1, y2, x2)} (y1, x1, y2, x2), which holds no pixel "
                f"of its mask of {mask.shape[:2]}. Leave out objects whose mask is empty, and clip "
                "boxes to the image."
            )
    return (
        instance_masks.minimise(mask, boxes, _size(mini_shape), resample=_half_is_empty)
        .transpose(1, 2, 0)
        .astype(bool)
    )


def expand_mask(bbox: Array, mini_mask: Array, image_shape: Sequence[int]) -> Array:
    """Inverts `minimize_mask`, with Matterport's resampling.

    Args:
        bbox: `(N, 4)` yxyx, pixels.
        mini_mask: `(h, w, N)`.
        image_shape: (height, width, ...).

    Returns:
        `(H, W, N)` bool.
    """
    mini = np.asarray(mini_mask)
    mini = mini if mini.dtype.kind == "f" else mini.astype(bool)
    return instance_masks.expand(
        mini.transpose(2, 0, 1),
        _whole_boxes(bbox, mini),
        _size(image_shape),
        resample=_half_is_empty,
    )


def mold_mask(mask: object, config: Config) -> NoReturn:
    """Not implemented, as in Matterport's code.

    Args:
        mask: Accepted.
        config: Accepted.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "mold_mask was a stub that did nothing in Matterport's code too. minimize_mask makes "
        "mini-masks; mrcnn.ops.masks.crop makes the mask head's targets."
    )


def unmold_mask(mask: Array, bbox: Array, image_shape: Sequence[int]) -> Array:
    """Pastes a predicted mask into an image, with Matterport's resampling.

    Args:
        mask: `(h, w)`, probabilities.
        bbox: `(4,)` yxyx, pixels.
        image_shape: (height, width, ...).

    Returns:
        `(H, W)` bool.
    """
    return paste(mask, bbox, _size(image_shape), convention=CORNERS)


def _size(shape: Sequence[int]) -> Size:
    """(height, width) of (height, width, ...)."""
    return int(shape[0]), int(shape[1])


def _whole_boxes(boxes: Array, masks: Array) -> Array:
    # Boxes of a batch are padded, and some callers add the class id as a fifth column.
    return np.asarray(boxes)[: masks.shape[2], :4].astype(int)


def _half_is_empty(mask: Array, size_hw: Size) -> Array:
    # Matterport's np.around rounds exactly 0.5 to 0.
    return np.around(resize(mask, size_hw))


# Evaluation


def compute_overlaps_masks(masks1: Array, masks2: Array) -> Array:
    """Computes the IoU of all pairs of masks.

    Args:
        masks1: `(H, W, N)`.
        masks2: `(H, W, M)`.

    Returns:
        `(N, M)` float32.
    """
    return instance_ap.mask_overlaps(masks1, masks2)


def compute_matches(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[Array, Array, Array]:
    """Matches predictions with objects of one image, most confident prediction first.

    Args:
        gt_boxes: `(M, 4)` yxyx; rows of zeros are padding.
        gt_class_ids: `(M,)`.
        gt_masks: `(H, W, M)`.
        pred_boxes: `(N, 4)` yxyx; rows of zeros are padding.
        pred_class_ids: `(N,)`.
        pred_scores: `(N,)`.
        pred_masks: `(H, W, N)`.
        iou_threshold: Least IoU of a match.
        score_threshold: A second least IoU, not a score: so it is in Matterport's code.

    Returns:
        gt_match: `(M,)` float64, the prediction of each object, -1 for none.
        pred_match: `(N,)` float64, the object of each prediction, -1 for none.
        overlaps: `(N, M)` float32, IoU.
    """
    comparison = instance_ap.compare(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    gt_match, pred_match = comparison.matches(iou_threshold, overlap_floor=score_threshold)
    return gt_match.astype(np.float64), pred_match.astype(np.float64), comparison.overlaps


def compute_ap(
    gt_boxes: Array,
    gt_class_ids: Array,
    gt_masks: Array,
    pred_boxes: Array,
    pred_class_ids: Array,
    pred_scores: Array,
    pred_masks: Array,
    iou_threshold: float = 0.5,
) -> tuple[float, Array, Array, Array]:
    """Computes the average precision of one image.

    Args:
        gt_boxes: `(M, 4)` yxyx; rows of zeros are padding.
        gt_class_ids: `(M,)`.
        gt_masks: `(H, W, M)`.
        pred_boxes: `(N, 4)` yxyx; rows of zeros are padding.
        pred_class_ids: `(N,)`.
        pred_scores: `(N,)`.
        pred_masks: `(H, W, N)`.
        iou_threshold: Least IoU of a match.

    Returns:
        mAP: 0.0 without predictions, nan without objects: average images with np.nanmean.
        precisions: `(N + 2,)`.
        recalls: `(N + 2,)`.
        overlaps: `(N, M)` float32, IoU.
    """
    comparison = instance_ap.compare(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    return *comparison.average_precision(iou_threshold), comparison.overlaps


def compute_ap_range(
    gt_box: Array,
    gt_class_id: Array,
    gt_mask: Array,
    pred_box: Array,
    pred_class_id: Array,
    pred_score: Array,
    pred_mask: Array,
    iou_thresholds: Sequence[float] | Array | None = None,
    verbose: int = 1,
) -> float:
    """Averages `compute_ap` over IoU thresholds.

    Args:
        gt_box: `(M, 4)` yxyx; rows of zeros are padding.
        gt_class_id: `(M,)`.
        gt_mask: `(H, W, M)`.
        pred_box: `(N, 4)` yxyx; rows of zeros are padding.
        pred_class_id: `(N,)`.
        pred_score: `(N,)`.
        pred_mask: `(H, W, N)`.
        iou_thresholds: 0.5, 0.55, ..., 0.95 by default.
        verbose: 1 prints the value at each threshold.

    Returns:
        The mean.
    """
    thresholds = instance_ap.IOU_THRESHOLDS if iou_thresholds is None else iou_thresholds
    comparison = instance_ap.compare(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask
    )
    precisions = [comparison.average_precision(threshold)[0] for threshold in thresholds]
    mean = float(np.mean(precisions))
    if verbose:
        for threshold, precision in zip(thresholds, precisions):
            print(f"AP @{threshold:.2f}:\t {precision:.3f}")
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(pred_boxes: Array, gt_boxes: Array, iou: float) -> tuple[float, Array]:
    """Computes the share of objects that boxes match.

    Args:
        pred_boxes: `(N, 4)` yxyx.
        gt_boxes: `(M, 4)` yxyx.
        iou: Least IoU of a match.

    Returns:
        recall: In 0..1.
        indices: `(n,)`, the boxes that match an object.
    """
    return instance_ap.recall(compute_overlaps(pred_boxes, gt_boxes), iou)


# Removed


def batch_slice(
    inputs: object,
    graph_fn: Callable[..., Any],
    batch_size: int,
    names: Sequence[str] | None = None,
) -> NoReturn:
    """Removed: all functions take whole batches.

    Args:
        inputs: Accepted.
        graph_fn: Accepted.
        batch_size: Accepted.
        names: Accepted.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(
        "batch_slice was removed: the functions of mrcnn.ops and the layers of mrcnn.modeling take "
        "whole batches. Call yours on the batch, or use keras.ops.vectorized_map."
    )
