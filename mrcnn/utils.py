"""The front door for `from mrcnn import utils`: Matterport's names, leading to where the work is done.

Boxes are yxyx in pixels, (y2, x2) outside; masks are (height, width, N). What needs Keras or scikit-image imports it when called,
so that scripts which only want `Dataset` start at once.
"""

import random

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.masks import instance as instance_masks
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement, nearest_on_corners
from mrcnn.evaluation import instance_ap
from mrcnn.inference.pasting import paste
from mrcnn.ops.pixel_convention import CORNERS, from_unit, to_unit
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


def extract_bboxes(mask):
    """Matterport's name for `boxes_of_masks`: (H, W, N) -> (N, 4) int32 yxyx, zeros for an empty mask."""
    return instance_masks.boxes_of_masks(np.asarray(mask)).astype(np.int32)


def compute_iou(box, boxes, box_area, boxes_area):
    """IoU of one box with each of (M, 4): (M,) float64. The areas are accepted; they are those of the boxes."""
    return compute_overlaps(np.asarray(box)[None], boxes)[0]


def compute_overlaps(boxes1, boxes2):
    """Matterport's name for `mrcnn.ops.boxes.pairwise_iou`: (N, 4), (M, 4) -> (N, M) float64."""
    from mrcnn.ops.boxes import pairwise_iou

    return np.asarray(
        pairwise_iou(np.asarray(boxes1, np.float64), np.asarray(boxes2, np.float64)), np.float64
    )


def non_max_suppression(boxes, scores, threshold):
    """Matterport's name for `mrcnn.ops.nms.non_max_suppression`, for one image: (N, 4), (N,) -> int32 indices of the boxes kept,
    best first. Of equal scores the first in the list counts as the better."""
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


def apply_box_deltas(boxes, deltas):
    """Matterport's name for `mrcnn.ops.boxes.decode`: (N, 4), (N, 4) of (dy, dx, log dh, log dw) -> (N, 4) float32."""
    from mrcnn.ops.boxes import decode

    return np.asarray(
        decode(np.asarray(deltas, np.float32), np.asarray(boxes, np.float32), std=(1, 1, 1, 1))
    )


def box_refinement(box, gt_box):
    """Matterport's name for `mrcnn.ops.boxes.encode`: the deltas that move `box` onto `gt_box`, both (N, 4) -> (N, 4) float32."""
    from mrcnn.ops.boxes import encode

    return np.asarray(
        encode(np.asarray(gt_box, np.float32), np.asarray(box, np.float32), std=(1, 1, 1, 1))
    )


def box_refinement_graph(box, gt_box):
    """Gone: there is one formula for arrays and tensors."""
    raise NotImplementedError(
        "box_refinement_graph is gone. Call mrcnn.ops.boxes.encode(gt_box, box, std=(1, 1, 1, 1)); it takes tensors, "
        "in a graph too."
    )


def norm_boxes(boxes, shape):
    """Matterport's name for `mrcnn.ops.pixel_convention.to_unit`: pixels -> normalised coordinates, float32. shape: (height, width)."""
    return to_unit(boxes, shape).astype(np.float32)


def denorm_boxes(boxes, shape):
    """Matterport's name for `mrcnn.ops.pixel_convention.from_unit`: normalised coordinates -> whole pixels, int32. shape: (height, width)."""
    return np.around(from_unit(boxes, shape)).astype(np.int32)


def trim_zeros(x):
    """(n, k) -> its rows that are not all zeros."""
    return np.asarray(x)[instance_ap.real_rows(x)]


# Anchors


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """Matterport's name for `mrcnn.ops.anchors.level_anchors`, for any number of scales.

    scales: one side length or several, pixels; ratios: width / height; shape: (height, width) of the feature map, cells;
    feature_stride: pixels a cell; anchor_stride: cells from anchor to anchor
    Returns: (cells * ratios * scales, 4) float64 yxyx, pixels; those of one cell together, all scales of a ratio side by side.
    """
    from mrcnn.ops.anchors import level_anchors

    image_hw = [n * feature_stride for n in shape]
    anchors = [
        level_anchors(image_hw, feature_stride, scale, np.atleast_1d(ratios), anchor_stride)
        for scale in np.atleast_1d(scales)
    ]
    by_cell = np.stack([a.reshape(-1, np.size(ratios), 4) for a in anchors], axis=2)
    return by_cell.reshape(-1, 4).astype(np.float64)


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """`generate_anchors` of all levels, finest first: (A, 4) float64 yxyx, pixels. scales: one, or a list, for each level, or for the
    first levels, which then have all the anchors."""
    if len(scales) > min(len(feature_shapes), len(feature_strides)):
        raise ValueError(
            f"There are {len(scales)} scales for {len(feature_shapes)} feature maps of {len(feature_strides)} strides; each "
            "scale needs a map and its stride."
        )
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in zip(scales, feature_shapes, feature_strides)
        ]
    )


# Images and masks


def resize(
    image,
    output_shape,
    order=1,
    mode="constant",
    cval=0,
    clip=True,
    preserve_range=False,
    anti_aliasing=False,
    anti_aliasing_sigma=None,
):
    """`skimage.transform.resize` with Matterport's defaults, and masks of bool for any `order`: 0.0 to 1.0, float64."""
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


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """Matterport's name for `mrcnn.data.resize.place`, with its resampling: (h, w, C) ->

    image: (H, W, C) of the same type; window: (y1, x1, y2, x2) of the photo in it; scale: the factor; padding: [(top, bottom),
    (left, right), (0, 0)]; crop: (y, x, height, width) of the scaled photo in mode "crop", else None. `random.seed` repeats crops.
    """
    canvas_hw = (max_dim, max_dim) if mode == "square" and max_dim else None
    rng = np.random.default_rng(random.getrandbits(64)) if mode == "crop" else None
    placement = make_placement(
        image.shape[:2], canvas_hw, mode, min_dim=min_dim or 0, min_scale=min_scale or 0, rng=rng
    )
    image = placement.image(
        image, resample=lambda picture, size_hw: resize(picture, size_hw, preserve_range=True)
    )
    window = tuple(int(n) for n in placement.window)
    return (
        image,
        window,
        placement.scale,
        [*placement.padding, (0, 0)],
        placement.crop if mode == "crop" else None,
    )


def resize_mask(mask, scale, padding, crop=None):
    """Masks (h, w, N) after the photo, by what `resize_image` returned: (H, W, N) of the same type; nearest neighbour."""
    return Placement.from_padding(mask.shape[:2], scale, padding, crop).image(
        mask, resample=nearest_on_corners
    )


def minimize_mask(bbox, mask, mini_shape):
    """Matterport's name for `minimise`, with its resampling: (N, 4) boxes, (H, W, N) masks -> (*mini_shape, N) bool."""
    mask = np.asarray(mask).astype(bool)
    boxes = _whole_boxes(bbox, mask)
    for i, (y1, x1, y2, x2) in enumerate(boxes.tolist()):
        if not mask[y1:y2, x1:x2, i].size:
            raise ValueError(
                f"Object {i} has the box {(y1, x1, y2, x2)} (y1, x1, y2, x2), which holds no pixel of its mask of "
                f"{mask.shape[:2]}. Leave out objects whose mask is empty, and cut boxes to the image."
            )
    return (
        instance_masks.minimise(mask, boxes, tuple(mini_shape), resample=_half_is_empty)
        .transpose(1, 2, 0)
        .astype(bool)
    )


def expand_mask(bbox, mini_mask, image_shape):
    """Matterport's name for `expand`, with its resampling: (N, 4) boxes, (h, w, N) mini-masks -> (H, W, N) bool."""
    mini = np.asarray(mini_mask)
    mini = mini if mini.dtype.kind == "f" else mini.astype(bool)
    return instance_masks.expand(
        mini.transpose(2, 0, 1),
        _whole_boxes(bbox, mini),
        tuple(image_shape[:2]),
        resample=_half_is_empty,
    )


def mold_mask(mask, config):
    """A stub in Matterport, and so here."""
    raise NotImplementedError(
        "mold_mask was a stub that did nothing in Matterport's code too. minimize_mask makes mini-masks; "
        "mrcnn.ops.masks.crop makes the mask head's targets."
    )


def unmold_mask(mask, bbox, image_shape):
    """Matterport's name for `paste`, with its resampling: a small mask of 0..1 and its box -> (H, W) bool."""
    return paste(mask, bbox, image_shape[:2], convention=CORNERS)


def _whole_boxes(boxes, masks):
    # A batch's boxes are padded, and some callers add the class id as a fifth column.
    return np.asarray(boxes)[: masks.shape[2], :4].astype(int)


def _half_is_empty(mask, size_hw):
    # Matterport's np.around takes an exact half for 0.
    return np.around(resize(mask, size_hw))


# Evaluation


def compute_overlaps_masks(masks1, masks2):
    """Matterport's name for `mask_overlaps`: (H, W, N), (H, W, M) -> (N, M) float32, the IoU of all pairs."""
    return instance_ap.mask_overlaps(masks1, masks2)


def compute_matches(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
    score_threshold=0.0,
):
    """Which prediction found which object: gt_match (M,), pred_match (N,) float64, -1 for none; overlaps (N, M) float32.

    Predictions are counted best first. score_threshold: a floor for the IoU, not for the score; so it is in Matterport's code.
    """
    comparison = instance_ap.compare(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    gt_match, pred_match = comparison.matches(iou_threshold, overlap_floor=score_threshold)
    return gt_match.astype(np.float64), pred_match.astype(np.float64), comparison.overlaps


def compute_ap(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
):
    """Average precision of one image: mAP, precisions (N + 2,), recalls (N + 2,), overlaps (N, M).

    Without predictions mAP is 0.0; without objects it is nan, so average images with np.nanmean.
    """
    comparison = instance_ap.compare(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks
    )
    return *comparison.average_precision(iou_threshold), comparison.overlaps


def compute_ap_range(
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    iou_thresholds=None,
    verbose=1,
):
    """Mean of `compute_ap` over IoU thresholds, 0.5 to 0.95 unless given. verbose: print each."""
    thresholds = instance_ap.IOU_THRESHOLDS if iou_thresholds is None else iou_thresholds
    comparison = instance_ap.compare(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask
    )
    precisions = [comparison.average_precision(threshold)[0] for threshold in thresholds]
    mean = np.mean(precisions)
    if verbose:
        for threshold, precision in zip(thresholds, precisions):
            print(f"AP @{threshold:.2f}:\t {precision:.3f}")
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(pred_boxes, gt_boxes, iou):
    """Matterport's name for `recall`: share of (M, 4) objects that (N, 4) boxes find at IoU `iou`; indices of those boxes."""
    return instance_ap.recall(compute_overlaps(pred_boxes, gt_boxes), iou)


# Gone


def batch_slice(inputs, graph_fn, batch_size, names=None):
    """Gone: every function here works on whole batches."""
    raise NotImplementedError(
        "batch_slice is gone: the functions of mrcnn.ops and the layers of mrcnn.modeling take whole batches. Call "
        "yours on the batch, or use keras.ops.vectorized_map."
    )
