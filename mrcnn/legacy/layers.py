"""Matterport's layers without weights, on `mrcnn.ops` and `mrcnn.modeling`.

They take boxes in 0..1 and image metas. A box in 0..1, times the image's height and width less 1,
is a box in the convention CORNERS. Deltas and overlaps do not depend on which image that is, if it
is the same for both boxes.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mrcnn.config import Config
from mrcnn.legacy.examples import FIELDS
from mrcnn.legacy.targets import sample_rois
from mrcnn.modeling.detections import DetectionSettings, select_detections
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.modeling.rpn import propose
from mrcnn.ops.boxes import encode
from mrcnn.ops.masks import crop
from mrcnn.ops.pixel_convention import CORNERS
from mrcnn.ops.roi_align import crop_and_resize
from mrcnn.typing import Size, Tensor

STRIDES = (4, 8, 16, 32)


class ProposalLayer(keras.layers.Layer):
    """Region proposals from the outputs of an RPN, see `mrcnn.modeling.rpn.propose`.

    Args:
        proposal_count: Proposals for each image.
        nms_threshold: IoU above which a worse proposal is suppressed.
        config: PRE_NMS_LIMIT and RPN_BBOX_STD_DEV are read.

    Input:
        `[rpn_probs (B, A, 2), rpn_bbox (B, A, 4), anchors (B, A, 4)]`; anchors yxyx in 0..1, the
        same for all images.

    Output:
        `(B, proposal_count, 4)` yxyx in 0..1, zeros for padding. No gradient flows back.
    """

    def __init__(
        self,
        proposal_count: int,
        nms_threshold: float,
        config: Config | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)  # bfloat16 would round boxes
        self.proposal_count, self.nms_threshold = proposal_count, nms_threshold
        self.config = _required(config, type(self))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        probabilities, deltas, anchors = (ops.cast(t, "float32") for t in inputs)
        steps = _steps(self.config.image_hw)
        # Proposals are ranked by the difference of the logits, so a probability can take its place.
        logits = ops.stack([ops.zeros_like(probabilities[..., 1]), probabilities[..., 1]], axis=-1)
        boxes, _ = propose(
            logits,
            deltas,
            anchors[0] * steps,
            std=self.config.RPN_BBOX_STD_DEV,
            pre_nms=self.config.PRE_NMS_LIMIT,
            post_nms=self.proposal_count,
            iou_threshold=self.nms_threshold,
            window=ops.concatenate([ops.zeros(2), steps[:2]]),
        )
        return boxes / steps


class PyramidROIAlign(keras.layers.Layer):
    """Pools features of each box from its pyramid level, see `ops.roi_align.crop_and_resize`.

    Args:
        pool_shape: (size, size), cells.
        strides: Pixels per cell of each level, finest first.

    Input:
        `[boxes (B, N, 4), image_meta (B, 12 + K), P2, P3, P4, P5]`; boxes yxyx in 0..1, levels
        `(B, H, W, C)`.

    Output:
        `(B, N, size, size, C)`.
    """

    def __init__(self, pool_shape: Size, strides: Sequence[int] = STRIDES, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        if len(set(pool_shape)) != 1:
            raise ValueError(
                f"pool_shape must be a square, as the heads read it. Got {tuple(pool_shape)}."
            )
        self.pool_shape, self.strides = tuple(pool_shape), tuple(strides)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        boxes, _, *features = inputs
        image_hw = [n * self.strides[0] for n in features[0].shape[1:3]]
        boxes = ops.cast(boxes, "float32") * _steps(image_hw)
        return crop_and_resize(features, boxes, self.strides, size=self.pool_shape[0])


class DetectionTargetLayer(keras.layers.Layer):
    """Samples RoIs for training the heads, and computes their targets.

    Args:
        config: TRAIN_ROIS_PER_IMAGE (R), ROI_POSITIVE_RATIO, BBOX_STD_DEV, USE_MINI_MASK and
            MASK_SHAPE are read; SEED seeds the sampling.

    Input:
        `[proposals (B, P, 4), gt_class_ids (B, M), gt_boxes (B, M, 4), gt_masks (B, h, w, M)]`.
        Boxes yxyx in 0..1; proposals of zeros and class id 0 are padding, negative ids are crowds;
        masks are of the image or mini-masks.

    Output:
        `[rois (B, R, 4), class_ids (B, R), deltas (B, R, 4), masks (B, R, *MASK_SHAPE)]`: yxyx in
        0..1, int32, float32, 0 or 1. Positive RoIs come first, then negative ones, then padding;
        the last two have zeros for targets. No gradient flows back.
    """

    def __init__(self, config: Config, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.config = _required(config, type(self))
        self.seeds = keras.random.SeedGenerator(config.SEED)

    def call(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        proposals, class_ids, gt_boxes, masks = inputs
        steps = _steps(self.config.image_hw)
        proposals, gt_boxes = (
            ops.cast(boxes, "float32") * steps for boxes in (proposals, gt_boxes)
        )
        whole = ops.concatenate([ops.zeros(2), steps[:2]])
        frames = (
            gt_boxes if self.config.USE_MINI_MASK else ops.broadcast_to(whole, ops.shape(gt_boxes))
        )
        ground_truth = {
            "gt_class_ids": ops.cast(class_ids, "int32"),
            "gt_boxes": gt_boxes,
            "gt_mask_frames": frames,
            "gt_masks": ops.transpose(ops.cast(masks, "float32"), (0, 3, 1, 2)),
        }
        seed = keras.random.randint(
            (ops.shape(proposals)[0],), 0, 2**31 - 1, dtype="int32", seed=self.seeds
        )
        samples = sample_rois(proposals, ground_truth, seed, self.config, CORNERS)
        is_positive = samples.is_positive
        deltas = (
            encode(samples.gather("gt_boxes"), samples.rois, self.config.BBOX_STD_DEV)
            * is_positive[..., None]
        )
        rois = samples.rois / steps * samples.valid[..., None]
        return [
            rois,
            samples.gather("gt_class_ids") * ops.cast(is_positive, "int32"),
            deltas,
            self._masks(samples),
        ]

    def _masks(self, samples: RoISamples) -> Tensor:
        rows = samples.positive_rows()
        masks = crop(
            rows.gather("gt_masks"),
            rows.gather("gt_mask_frames"),
            rows.rois,
            tuple(self.config.MASK_SHAPE),
            CORNERS,
        )
        masks = ops.round(masks) * rows.is_positive[..., None, None]
        return ops.pad(
            masks, [[0, 0], [0, samples.label.shape[1] - rows.label.shape[1]], [0, 0], [0, 0]]
        )


class DetectionLayer(keras.layers.Layer):
    """Detections from the outputs of the box head, see `mrcnn.modeling.detections`.

    Args:
        config: BBOX_STD_DEV, DETECTION_MIN_CONFIDENCE, DETECTION_NMS_THRESHOLD,
            DETECTION_MAX_INSTANCES (D) and DETECTION_ALL_CLASSES are read.

    Input:
        `[rois (B, P, 4), mrcnn_class (B, P, K), mrcnn_bbox (B, P, K, 4), image_meta (B, 12 + K)]`:
        yxyx in 0..1, zeros for padding; probabilities; deltas.

    Output:
        `(B, D, 6)`: y1, x1, y2, x2 in 0..1, class id, score; best first, zeros for padding.
    """

    def __init__(self, config: Config | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.config = _required(config, type(self))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        rois, probabilities, deltas, meta = (ops.cast(t, "float32") for t in inputs)
        steps = _steps(meta[0, FIELDS["image_shape"]])  # all images of a batch have one size
        c, valid = self.config, ops.any(ops.not_equal(rois, 0.0), axis=-1)
        logits = ops.log(ops.maximum(probabilities, 1e-37))  # their softmax is `probabilities`
        found = select_detections(
            logits,
            deltas,
            rois * steps,
            valid,
            CORNERS.measure(meta[:, FIELDS["window"]]),
            std=c.BBOX_STD_DEV,
            settings=DetectionSettings(
                c.DETECTION_MIN_CONFIDENCE,
                c.DETECTION_NMS_THRESHOLD,
                c.DETECTION_MAX_INSTANCES,
                c.DETECTION_ALL_CLASSES,
            ),
        )
        class_ids, scores = (
            ops.cast(found[name], "float32")[..., None] for name in ("class_ids", "scores")
        )
        return ops.concatenate([found["boxes"] / steps, class_ids, scores], axis=-1)


def _steps(image_hw: Any) -> Tensor:
    """`(4,)` float32: pixels from the first to the last of each side, for y, x, y, x."""
    height, width = (ops.cast(image_hw[i], "float32") - 1.0 for i in (0, 1))
    return ops.stack([height, width, height, width])


def _required(config: Config | None, layer: type) -> Config:
    if config is None:
        raise ValueError(
            f"{layer.__name__} needs a config for its limits and thresholds. Pass config=..."
        )
    return config


def smooth_l1_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Computes the Huber loss of every element, quadratic below 1.

    Args:
        y_true: Any shape.
        y_pred: The same shape.

    Returns:
        float32, the same shape.
    """
    y_true, y_pred = (ops.convert_to_tensor(y, "float32") for y in (y_true, y_pred))
    # Keras takes the mean over the last axis, so each element gets an axis of its own.
    return keras.losses.huber(y_true[..., None], y_pred[..., None], delta=1.0)
