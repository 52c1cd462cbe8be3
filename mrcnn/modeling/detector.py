"""Detector: Mask R-CNN as one Keras model, for training and for inference, as a string of named stops."""
import functools

import keras
from keras import ops

from mrcnn.modeling.detections import select_detections
from mrcnn.modeling.rpn import propose, rpn_losses
from mrcnn.modeling.samples import Samples, draw_samples
from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.roi_align import roi_align


class Detector(keras.Model):
    """Mask R-CNN (He et al. 2017) on a feature pyramid. Made by `build_detector`.

    Inputs are a dict: "images" (B, H, W, 3) float32, normalised; "windows" (B, 4) yxyx, where the photo lies in the input; and,
    to train, "seed" (B,) int32 and the columns gt_class_ids (B, M) int32, gt_boxes (B, M, 4), gt_masks (B, M, h, w),
    gt_mask_frames (B, M, 4) and whatever the extra heads ask for. Rows with class id 0 are padding. The presence of gt_* chooses
    the path; `training` only switches BatchNorm and dropout. H and W must be static multiples of 64.
    """

    def __init__(self, backbone, fpn, rpn, heads, settings, **kwargs):
        """heads: the box head first. settings: a `DetectorSettings`."""
        # No autocast: under mixed precision it would round boxes to bfloat16, which turns 1023 into 1024. The layers cast for themselves.
        super().__init__(autocast=False, **kwargs)
        self.backbone, self.fpn, self.rpn = backbone, fpn, rpn
        self.heads = list(heads)
        self.settings = settings
        names = ["rpn_class_loss", "rpn_bbox_loss", *(name for head in self.heads for name in head.loss_names)]
        self.loss_trackers = {name: keras.metrics.Mean(name=name) for name in names}

    # ---- the stops, in order ----------------------------------------------------------------------------------------

    def features(self, images, training=False):
        """Stop 2: images (B, H, W, 3) -> [P2, P3, P4, P5, P6]."""
        return self.fpn(self.backbone(images, training=training))

    def proposals(self, rpn_outputs, image_hw, training_path):
        """Stop 4: -> boxes (B, P, 4) yxyx, valid (B, P) bool."""
        s = self.settings
        return propose(rpn_outputs["logits"], rpn_outputs["deltas"], self.anchors(image_hw), std=s.rpn_std, pre_nms=s.pre_nms,
                       post_nms=s.post_nms_training if training_path else s.post_nms_inference,
                       iou_threshold=s.rpn_nms_threshold, image_hw=image_hw)

    def detections(self, pyramid, boxes, valid, windows):
        """Stop 5: proposals -> {"boxes", "class_ids", "scores", "valid"}, (B, D, ...)."""
        s, head = self.settings, self.heads[0]
        outputs = head(self._pool(pyramid, boxes, head.pool_size))
        return select_detections(outputs["logits"], outputs["deltas"], boxes, valid, windows, std=s.box_std,
                                 min_confidence=s.min_confidence, iou_threshold=s.detection_nms_threshold,
                                 count=s.max_detections, all_classes=s.all_classes)

    def describe(self, pyramid, boxes, class_ids):
        """Stop 6: what every other head says of the detections: boxes (B, N, 4), class_ids (B, N) -> dict of (B, N, ...)."""
        outputs = self._run_heads(pyramid, boxes, skip_box_head=all(h.reads == "pooled" for h in self.heads[1:]))
        fields = {}
        for head in self.heads[1:]:
            fields |= head.describe(outputs[head.name], class_ids)
        return fields

    # ---- Keras' entry points ----------------------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Inference: the detections with every head's fields. Training: the tensors that `compute_loss` reads."""
        image_hw = tuple(inputs["images"].shape[1:3])
        pyramid = self.features(inputs["images"], training)
        rpn_outputs = self.rpn(pyramid)
        for_training = "gt_class_ids" in inputs
        boxes, valid = self.proposals(rpn_outputs, image_hw, for_training)
        if not for_training:
            found = self.detections(pyramid, boxes, valid, inputs["windows"])
            return found | self.describe(pyramid, found["boxes"], found["class_ids"])
        s = self.settings
        samples = draw_samples(boxes, valid, _ground_truth(inputs), inputs["seed"], count=s.train_rois, positives=s.positive_rois)
        heads = self._run_heads(pyramid, samples.rois, training=training, positives=s.positive_rois)
        return {"rpn": rpn_outputs, "proposals": boxes, "heads": heads,
                "samples": {"rois": samples.rois, "label": samples.label, "gt_index": samples.gt_index}}

    def compute_losses(self, inputs, outputs):
        """Every loss by its name, unweighted scalars, from what `call` returned for `inputs`."""
        s, gt = self.settings, _ground_truth(inputs)
        image_hw = tuple(inputs["images"].shape[1:3])
        losses = rpn_losses(outputs["rpn"], self.anchors(image_hw), gt["gt_boxes"], ops.greater(gt["gt_class_ids"], 0),
                            inputs["seed"], count=s.train_anchors, std=s.rpn_std)
        samples = Samples(**outputs["samples"], ground_truth=gt, positives=s.positive_rois)
        for head in self.heads:
            rows = samples.positive_rows() if head.positives_only else samples
            losses |= head.compute_losses(outputs["heads"][head.name], rows)
        return losses

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of `compute_losses`; each is tracked under its own name."""
        total = 0.0
        for name, loss in self.compute_losses(x, y_pred).items():
            weighted = loss * self.settings.loss_weights.get(name, 1.0)
            self.loss_trackers[name].update_state(weighted)
            total = total + weighted
        # On several devices TensorFlow adds up the gradients of each; Keras expects every one to have divided its loss by their number.
        strategy = getattr(self, "distribute_strategy", None)
        return total / strategy.num_replicas_in_sync if strategy else total

    # ---- inside -----------------------------------------------------------------------------------------------------

    def anchors(self, image_hw):
        """(A, 4) float32 yxyx: the anchors of an input of this size."""
        return ops.convert_to_tensor(_anchors(image_hw, self.settings))

    def _run_heads(self, pyramid, rois, training=False, positives=None, skip_box_head=False):
        """Every head's outputs at the rois, by name; heads that need positives only see the first `positives` rows."""
        pools, outputs = {}, {}
        for head in self.heads[1:] if skip_box_head else self.heads:
            rows = positives if head.positives_only else None
            if head.reads == "box_features":
                inputs = outputs[self.heads[0].name]["features"][:, :rows]
            else:
                key = (head.pool_size, rows)
                if key not in pools:
                    pools[key] = self._pool(pyramid, rois[:, :rows], head.pool_size)
                inputs = pools[key]
            outputs[head.name] = head(inputs, training=training)
        return outputs

    def _pool(self, pyramid, boxes, size):
        # A roi spans about 14 cells of the level it reads: one sample for each of them.
        return roi_align(pyramid[:4], boxes, self.settings.strides[:4], size=size, samples=max(1, 14 // size))


def _ground_truth(inputs):
    return {name: column for name, column in inputs.items() if name.startswith("gt_")}


@functools.lru_cache(maxsize=8)
def _anchors(image_hw, settings):
    return pyramid_anchors(image_hw, settings.strides, settings.anchor_scales, settings.anchor_ratios, settings.anchor_step)
