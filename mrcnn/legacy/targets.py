"""Training targets of one image made outside the network, in pixels: NumPy in, NumPy out."""

import random
from collections.abc import Mapping, Sequence

import numpy as np
from keras import ops

from mrcnn.config import Config
from mrcnn.modeling import roi_sampling
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.modeling.rpn import rpn_targets
from mrcnn.ops.boxes import encode
from mrcnn.ops.masks import crop
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE
from mrcnn.ops.pixel_convention import ALIGNED, PixelConvention
from mrcnn.typing import Array, Tensor

# The share of RoIs that generate_random_rois places around objects, as in Matterport's code.
NEAR_OBJECTS = 0.9


def build_rpn_targets(
    image_shape: Sequence[int],
    anchors: Array,
    gt_class_ids: Array,
    gt_boxes: Array,
    config: Config,
    seed: int | None = None,
) -> tuple[Array, Array]:
    """Samples anchors for training and computes their targets, see `modeling.rpn.rpn_targets`.

    Args:
        image_shape: Accepted.
        anchors: `(A, 4)` yxyx, pixels.
        gt_class_ids: `(N,)` int, negative for crowds.
        gt_boxes: `(N, 4)` yxyx, pixels.
        config: RPN_TRAIN_ANCHORS_PER_IMAGE and RPN_BBOX_STD_DEV are read.
        seed: Of the sampling; None takes one from `random`.

    Returns:
        rpn_match: `(A,)` int32: 1 positive, -1 negative, 0 ignored.
        rpn_bbox: `(RPN_TRAIN_ANCHORS_PER_IMAGE, 4)` float32, deltas of the positive anchors in
            their order, then zeros.
    """
    count = config.RPN_TRAIN_ANCHORS_PER_IMAGE
    class_ids, boxes = _at_least_one(gt_class_ids, gt_boxes)
    targets = rpn_targets(
        np.asarray(anchors, np.float32),
        boxes,
        class_ids,
        _seed(seed),
        num_samples=count,
        std=config.RPN_BBOX_STD_DEV,
    )
    index, label, deltas = (np.asarray(targets[name])[0] for name in ("index", "label", "deltas"))
    rpn_match, rpn_bbox = np.zeros(len(anchors), np.int32), np.zeros((count, 4), np.float32)
    rpn_match[index[label == NEGATIVE]] = -1
    positive = np.flatnonzero(label == POSITIVE)
    positive = positive[np.argsort(index[positive])]
    rpn_match[index[positive]] = 1
    rpn_bbox[: len(positive)] = deltas[positive]
    return rpn_match, rpn_bbox


def build_detection_targets(
    rpn_rois: Array,
    gt_class_ids: Array,
    gt_boxes: Array,
    gt_masks: Array,
    config: Config,
    seed: int | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Samples RoIs for training the heads and computes their targets.

    RoIs are repeated if there are too few.

    Args:
        rpn_rois: `(P, 4)` yxyx, pixels; rows of zeros are padding.
        gt_class_ids: `(N,)` int.
        gt_boxes: `(N, 4)` yxyx, pixels; rows of zeros are padding.
        gt_masks: `(H, W, N)`, or `(*MINI_MASK_SHAPE, N)` with USE_MINI_MASK.
        config: TRAIN_ROIS_PER_IMAGE (R), BBOX_STD_DEV, MASK_SHAPE and so on are read.
        seed: Of the sampling; None takes one from `random`.

    Returns:
        rois: `(R, 4)` int32 yxyx.
        class_ids: `(R,)` int32, 0 for background.
        deltas: `(R, K, 4)` float32, 0 except for the class of the object.
        masks: `(R, *MASK_SHAPE, K)` float32, in the same rows.
    """
    ground_truth = _ground_truth(gt_class_ids, gt_boxes, np.asarray(gt_masks), config.USE_MINI_MASK)
    samples = sample_rois(
        np.asarray(rpn_rois, np.float32)[None], ground_truth, _seed(seed), config, ALIGNED
    )
    objects = samples.positive_rows()
    label, rois = np.asarray(samples.label)[0], np.asarray(samples.rois)[0]
    ids = np.asarray(samples.gather("gt_class_ids"))[0]
    deltas = np.asarray(encode(objects.gather("gt_boxes"), objects.rois, config.BBOX_STD_DEV))[0]
    masks_of, frames = objects.gather("gt_masks"), objects.gather("gt_mask_frames")
    small = np.rint(crop(masks_of, frames, objects.rois, tuple(config.MASK_SHAPE)))[0]

    positive, count = np.flatnonzero(label == POSITIVE), len(label)
    class_ids = np.where(label == POSITIVE, ids, 0).astype(np.int32)
    bboxes = np.zeros((count, config.NUM_CLASSES, 4), np.float32)
    masks = np.zeros((count, *config.MASK_SHAPE, config.NUM_CLASSES), np.float32)
    bboxes[positive, class_ids[positive]] = deltas[positive]
    masks[positive, :, :, class_ids[positive]] = small[positive]
    rows = _filled(label)
    return np.rint(rois[rows]).astype(np.int32), class_ids[rows], bboxes[rows], masks[rows]


def _ground_truth(
    class_ids: Array, boxes: Array, masks: Array, mini_masks: bool
) -> dict[str, Array]:
    """The objects of one image as the detector takes those of a batch."""
    class_ids, boxes = _at_least_one(class_ids, boxes)
    height, width, count = masks.shape
    moved = np.zeros((1, len(class_ids[0]), height, width), np.float32)
    moved[0, :count] = np.moveaxis(masks, 2, 0)
    whole = np.array([0, 0, height, width], np.float32)
    return {
        "gt_class_ids": class_ids,
        "gt_boxes": boxes,
        "gt_masks": moved,
        "gt_mask_frames": boxes if mini_masks else np.broadcast_to(whole, boxes.shape),
    }


def generate_random_rois(
    image_shape: Sequence[int],
    count: int,
    gt_class_ids: Array,
    gt_boxes: Array,
    rng: np.random.Generator | None = None,
) -> Array:
    """Draws RoIs for training the heads without an RPN.

    Nine in ten lie around an object, no further away than its height and width; the rest anywhere.

    Args:
        image_shape: (height, width, ...).
        count: Number of RoIs.
        gt_class_ids: `(N,)`, 0 for padding.
        gt_boxes: `(N, 4)` yxyx, pixels.
        rng: None takes a seed from `random`.

    Returns:
        `(count, 4)` int32 yxyx, pixels, none empty.
    """
    rng = rng if rng is not None else np.random.default_rng(random.getrandbits(64))
    image = np.array([0, 0, *image_shape[:2]])
    regions = _around(
        np.asarray(gt_boxes).reshape(-1, 4).astype(int)[np.asarray(gt_class_ids) != 0], image
    )
    each = int(NEAR_OBJECTS * count / len(regions)) if len(regions) else 0
    regions = np.repeat(
        [*regions, image], [each] * len(regions) + [count - each * len(regions)], axis=0
    )
    y1, y2 = _intervals(regions[:, 0], regions[:, 2], rng)
    x1, x2 = _intervals(regions[:, 1], regions[:, 3], rng)
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)


def _around(boxes: Array, image: Array) -> Array:
    """Boxes of three times the height and width, clipped to the image; empty ones are left out."""
    sides = boxes[:, 2:] - boxes[:, :2]
    boxes = boxes[(sides > 0).all(axis=1)]
    sides = boxes[:, 2:] - boxes[:, :2]
    regions = np.clip(
        boxes + np.concatenate([-sides, sides], axis=1),
        np.tile(image[:2], 2),
        np.tile(image[2:], 2),
    )
    return regions[(regions[:, 2:] > regions[:, :2]).all(axis=1)]


def _intervals(low: Array, high: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two different integers from each range low..high, both included, the smaller first."""
    first = rng.integers(low, high + 1)
    second = rng.integers(low, high)
    second = second + (second >= first)  # so that it skips `first`
    return np.minimum(first, second), np.maximum(first, second)


def _at_least_one(class_ids: Array, boxes: Array) -> tuple[Array, Array]:
    """As a batch of one, with a row of padding, so that images without objects have a row too."""
    return (
        np.append(np.asarray(class_ids, np.int32), np.int32(0))[None],
        np.concatenate(
            [np.asarray(boxes, np.float32).reshape(-1, 4), np.zeros((1, 4), np.float32)]
        )[None],
    )


def _seed(seed: int | None) -> Array:
    return np.array([random.getrandbits(31) if seed is None else seed], np.int32)


def _filled(label: Array) -> Array:
    """Rows in order; padding is replaced by negative rows in turn, or else by positive ones."""
    rows, padding = np.arange(len(label)), label == IGNORE
    for spare in (np.flatnonzero(label == NEGATIVE), np.flatnonzero(label == POSITIVE)):
        if len(spare):
            rows[padding] = np.resize(spare, padding.sum())
            break
    return rows


def sample_rois(
    rois: Tensor,
    ground_truth: Mapping[str, Tensor],
    seed: Tensor,
    config: Config,
    convention: PixelConvention,
) -> RoISamples:
    """Samples RoIs as Matterport's code does: ground-truth boxes are not among them.

    Args:
        rois: `(B, P, 4)` yxyx; rows of zeros are padding.
        ground_truth: "gt_class_ids" `(B, M)`, negative for crowds, 0 for padding; "gt_boxes"
            `(B, M, 4)` in the frame of the RoIs; and further columns for `RoISamples.gather`.
        seed: `(B,)` int32.
        config: TRAIN_ROIS_PER_IMAGE and ROI_POSITIVE_RATIO are read.
        convention: How these boxes are measured.

    Returns:
        Positive RoIs (IoU of at least 0.5) first, then negative ones, then padding. Negative RoIs
        also take the places that positive ones leave.
    """
    count = config.TRAIN_ROIS_PER_IMAGE
    rois = ops.pad(rois, [[0, 0], [0, max(0, count - rois.shape[1])], [0, 0]])
    drawn = roi_sampling.sample_rois(
        rois,
        ops.any(ops.not_equal(rois, 0.0), axis=-1),
        ground_truth,
        seed,
        num_samples=count,
        max_positives=config.positive_rois,
        convention=convention,
        append_gt_boxes=False,
    )
    order = _best_label_first(drawn.label)
    rois, label, gt_index = (
        ops.take_along_axis(rows, order[..., None] if len(rows.shape) == 3 else order, axis=1)
        for rows in (drawn.rois, drawn.label, drawn.gt_index)
    )
    return RoISamples(rois, label, gt_index, ground_truth, drawn.max_positives, convention)


def _best_label_first(label: Tensor) -> Tensor:
    """`(B, N)` positions that sort labels from POSITIVE to IGNORE; equal ones keep their order."""
    count = label.shape[1]
    rank = label * count - ops.arange(count, dtype="int32")
    return ops.cast(ops.top_k(ops.cast(rank, "float32"), count)[1], "int32")
