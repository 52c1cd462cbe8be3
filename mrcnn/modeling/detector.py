"""Detector: Mask R-CNN as one Keras model, for training and for inference, as a string of named stops."""

import functools
import logging
from pathlib import Path

import keras
from keras import ops

from mrcnn.modeling.backbones.pretrained import load_file
from mrcnn.modeling.detections import select_detections
from mrcnn.modeling.devices import devices_of
from mrcnn.modeling.layer_names import NO_LIST_OF_INPUTS, layer_of, what_to_use_for
from mrcnn.modeling.normalization import FoldedGraph
from mrcnn.modeling.plain_graphs import in_plain_graph, plain_graph
from mrcnn.modeling.roi_sampling import RoISamples, sample_rois
from mrcnn.modeling.rpn import propose, rpn_losses, rpn_targets
from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.pixel_convention import CORNERS, convention_named, convention_of_setting
from mrcnn.ops.roi_align import crop_and_resize, roi_align
from mrcnn.weights import layer_files

log = logging.getLogger(__name__)

# Proposals that the box head looks at together when nothing is trained.
PART = 256
# What layers add to the loss by themselves: the regularisers of a backbone of one's own, the `add_loss` of a head.
LAYER_LOSS = "layer_loss"


class Detector(keras.Model):
    """Mask R-CNN (He et al. 2017) on a feature pyramid. Made by `build_detector`.

    Inputs are a dict: "images" (B, H, W, 3) float32, normalised; "windows" (B, 4) yxyx, where the photo lies in the input; and,
    to train, "seed" (B,) int32 and the columns gt_class_ids (B, M) int32, gt_boxes (B, M, 4), gt_masks (B, M, h, w),
    gt_mask_frames (B, M, 4) and whatever the extra heads ask for. Rows with class id 0 are padding, with a negative one crowds.
    "active_class_ids" (B, K), 1 for classes the image's source labels, and "rois" (B, P, 4), to be trained on in place of the RPN's
    proposals, zeros for padding, may be there or not. The presence of gt_* chooses the path; `training` only switches BatchNorm and
    dropout. H and W must be static multiples of 64.
    """

    def __init__(self, backbone, fpn, rpn, heads, settings, **kwargs):
        """heads: the box head first. settings: a `DetectorSettings`."""
        # No autocast: under mixed precision it would round boxes to bfloat16, which turns 1023 into 1024. The layers cast for themselves.
        super().__init__(autocast=False, **kwargs)
        self.backbone, self.fpn, self.rpn = backbone, fpn, rpn
        self._folded_backbone = FoldedGraph(backbone)
        self.heads = list(heads)
        self.settings = settings
        self.convention = convention_of_setting(settings.roi_align)  # see `adopt`
        names = [
            "rpn_class_loss",
            "rpn_bbox_loss",
            *(name for head in self.heads for name in head.loss_names),
        ]
        self.loss_trackers = {name: keras.metrics.Mean(name=name) for name in [*names, LAYER_LOSS]}
        self.layers_add_losses = False  # as far as `compute_loss` has seen

    # ---- the stops, in order ----------------------------------------------------------------------------------------

    def features(self, images, training=False):
        """Stop 2: images (B, H, W, 3) -> [P2, P3, P4, P5, P6], or what levels the neck has."""
        return self.fpn(self._folded_backbone(images, training=training))

    def proposals(self, rpn_outputs, image_hw, training_path):
        """Stop 4: -> boxes (B, P, 4) yxyx, valid (B, P) bool."""
        s, image = self.settings, ops.convert_to_tensor([0.0, 0.0, *image_hw], dtype="float32")
        boxes, valid = propose(
            rpn_outputs["logits"],
            rpn_outputs["deltas"],
            self.convention.measure(self.anchors(image_hw)),
            std=s.rpn_std,
            pre_nms=s.pre_nms,
            post_nms=s.post_nms_training if training_path else s.post_nms_inference,
            iou_threshold=s.rpn_nms_threshold,
            window=self.convention.measure(image),
            convention=self.convention,
        )
        return self.convention.unmeasure(boxes, valid), valid

    def detections(self, pyramid, boxes, valid, windows):
        """Stop 5: proposals -> {"boxes", "class_ids", "scores", "valid"}, (B, D, ...)."""
        s, head, boxes = self.settings, self.heads[0], self.convention.measure(boxes)
        # Part by part: pooled features of a thousand proposals are 50 MB, and pooling holds several times that.
        parts = [
            head(self._pool(pyramid, boxes[:, i : i + PART], head.pool_size))
            for i in range(0, boxes.shape[1], PART)
        ]
        outputs = {
            name: ops.concatenate([part[name] for part in parts], axis=1)
            for name in ("logits", "deltas")
        }
        found = select_detections(
            outputs["logits"],
            outputs["deltas"],
            boxes,
            valid,
            self.convention.measure(windows),
            std=s.box_std,
            min_confidence=s.min_confidence,
            iou_threshold=s.detection_nms_threshold,
            count=s.max_detections,
            all_classes=s.all_classes,
            convention=self.convention,
        )
        return found | {"boxes": self.convention.unmeasure(found["boxes"], found["valid"])}

    def describe(self, pyramid, boxes, class_ids):
        """Stop 6: what every other head says of the detections: boxes (B, N, 4), class_ids (B, N) -> dict of (B, N, ...)."""
        outputs = self._run_heads(
            pyramid,
            self.convention.measure(boxes),
            skip_box_head=all(h.reads == "pooled" for h in self.heads[1:]),
        )
        fields = {}
        for head in self.heads[1:]:
            fields |= head.describe(outputs[head.name], class_ids)
        return fields

    # ---- Keras' entry points ----------------------------------------------------------------------------------------

    def call(self, inputs, training=False):
        """Inference: the detections with every head's fields. Training: the tensors that `compute_loss` reads."""
        for_training = "gt_class_ids" in inputs
        self._check_inputs(inputs, for_training)
        image_hw = tuple(inputs["images"].shape[1:3])
        pyramid = self.features(inputs["images"], training)
        rpn_outputs = self.rpn(pyramid)
        if for_training:  # the losses come by `RPNHead.at`, at the sampled anchors
            rpn_outputs = {name: ops.stop_gradient(output) for name, output in rpn_outputs.items()}
        if for_training and "rois" in inputs:
            boxes = ops.cast(inputs["rois"], "float32")
            valid = ops.any(ops.not_equal(boxes, 0.0), axis=-1)
        else:
            boxes, valid = self.proposals(rpn_outputs, image_hw, for_training)
        if not for_training:
            found = self.detections(pyramid, boxes, valid, inputs["windows"])
            return found | self.describe(pyramid, found["boxes"], found["class_ids"])
        s = self.settings
        missing = s.train_rois - boxes.shape[1]
        if missing > 0:  # so many rows are drawn, whatever there is to draw from
            boxes, valid = (
                ops.pad(boxes, [[0, 0], [0, missing], [0, 0]]),
                ops.pad(valid, [[0, 0], [0, missing]]),
            )
        samples = sample_rois(
            self.convention.measure(boxes),
            valid,
            self._ground_truth(inputs),
            inputs["seed"],
            count=s.train_rois,
            positives=s.positive_rois,
            convention=self.convention,
        )
        heads = self._run_heads(pyramid, samples.rois, samples, training)
        targets = self._rpn_targets(inputs)
        return {
            "rpn": rpn_outputs,
            "rpn_targets": targets,
            "rpn_samples": self.rpn.at(pyramid, targets["index"]),
            "proposals": boxes,
            "heads": heads,
            "samples": {"rois": samples.rois, "label": samples.label, "gt_index": samples.gt_index},
        }

    def compute_losses(self, inputs, outputs):
        """Every loss by its name, unweighted scalars, from what `call` returned for `inputs`."""
        losses = rpn_losses(outputs["rpn_samples"], outputs["rpn_targets"])
        samples = RoISamples(
            **outputs["samples"],
            ground_truth=self._ground_truth(inputs),
            positives=self.settings.positive_rois,
            convention=self.convention,
        )
        for head in self.heads:
            losses |= head.compute_losses(outputs["heads"][head.name], _rows_of(head, samples))
        return losses

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The weighted sum of `compute_losses` and, if there are any, of the layers' own losses; each is tracked under its name."""
        losses, total = self.compute_losses(x, y_pred), 0.0
        if added := self.losses:
            self.layers_add_losses = True
            losses |= {LAYER_LOSS: sum(ops.sum(ops.cast(loss, "float32")) for loss in added)}
        for name, loss in losses.items():
            weighted = loss * self.settings.loss_weights.get(name, 1.0)
            self.loss_trackers[name].update_state(weighted)
            total = total + weighted
        # On several devices TensorFlow adds up the gradients of each; Keras expects every one to have divided its loss by their number.
        strategy = getattr(self, "distribute_strategy", None)
        return total / strategy.num_replicas_in_sync if strategy else total

    def make_train_function(self, force=False):
        """Keras' own, with an optimiser whose variables exist: made in the first step, they let TensorFlow trace that step twice."""
        if getattr(self, "optimizer", None) is not None and not self.optimizer.built:
            with devices_of(self):
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, *args, **kwargs):
        """Keras' own, told whether XLA compiles it, see `modeling.plain_graphs`."""
        with plain_graph(not self.jit_compile):
            return super().train_step(*args, **kwargs)

    def get_metrics_result(self):
        """The mean of every loss by its name, of the layers' own ones only if there are any."""
        return {
            name: mean
            for name, mean in super().get_metrics_result().items()
            if name != LAYER_LOSS or self.layers_add_losses
        }

    def trace(self, images, windows):
        """Every stop's tensors for images (B, H, W, 3), windows (B, 4), under Matterport's names; boxes in pixels of the network input.

        input_image; C2..C5; P2..P6, or what levels the neck has; rpn_class_logits, rpn_class (B, A, 2); rpn_bbox (B, A, 4); rpn_rois
        (B, P, 4), zeros for padding; mrcnn_class_logits, mrcnn_class (B, P, K) and mrcnn_bbox (B, P, K, 4) at those; detections: a dict,
        see `detections`, with what the other heads say of them.
        """
        features = self._folded_backbone(images)
        pyramid = self.fpn(features)
        rpn = self.rpn(pyramid)
        rois, valid = self.proposals(rpn, tuple(images.shape[1:3]), training_path=False)
        head = self.heads[0]
        boxes = head(self._pool(pyramid, self.convention.measure(rois), head.pool_size))
        found = self.detections(pyramid, rois, valid, windows)
        return (
            {"input_image": images}
            | {f"C{i}": t for i, t in enumerate(features, 2)}
            | {f"P{i}": t for i, t in zip(self.fpn.levels, pyramid, strict=True)}
            | {
                "rpn_class_logits": rpn["logits"],
                "rpn_class": ops.softmax(rpn["logits"]),
                "rpn_bbox": rpn["deltas"],
                "rpn_rois": rois,
                "mrcnn_class_logits": boxes["logits"],
                "mrcnn_class": ops.softmax(boxes["logits"]),
                "mrcnn_bbox": boxes["deltas"],
                "detections": found | self.describe(pyramid, found["boxes"], found["class_ids"]),
            }
        )

    def get_layer(self, name=None, index=None):
        """Keras' own, which also finds layers with weights inside of parts, by Matterport's names."""
        if name is not None and (found := layer_of(self, name)) is not None:
            return found
        try:
            return super().get_layer(name, index)
        except ValueError as error:
            if name is None:
                raise
            raise ValueError(f"There is no layer {name!r}. {what_to_use_for(name)}") from error

    def predict(self, x, *args, **kwargs):
        """Keras' own, for a dict of inputs. Raises TypeError for the list that Matterport's graph took."""
        if isinstance(x, (list, tuple)):
            raise TypeError(NO_LIST_OF_INPUTS)
        return super().predict(x, *args, **kwargs)

    def save(self, filepath, overwrite=True, **kwargs):
        """As `save_weights`, which is all there is to save. Raises ValueError for a name that is not a .h5, before anything is written."""
        if Path(filepath).suffix != ".h5":
            raise ValueError(
                f"A Detector is saved as its weights, in one .h5 file. Got {filepath}; call save_weights with a .h5 name, and "
                "build the model from its config to load them."
            )
        self.save_weights(filepath, overwrite)

    def save_weights(self, filepath, overwrite=True):
        """Write the weights to a .h5 file in Matterport's layout, see `weights.layer_files`."""
        if not overwrite and Path(filepath).exists():
            raise FileExistsError(f"{filepath} exists already, and overwrite is False.")
        layer_files.save_weights(self, filepath)

    def load_weights(self, filepath, by_name=True, exclude=()):
        """Fills layers by name, and measures boxes as the heads in the file were trained to.

        Args:
            filepath: Of a layout that `backbones.pretrained.load_file` knows.
            by_name: Accepted; weights are always loaded by name.
            exclude: Names of layers to leave as they are.

        Returns:
            A `LoadReport`.
        """
        report = load_file(self, filepath, exclude)
        if "mrcnn_class_conv1" in report.loaded and not str(filepath).endswith(".npz"):
            self.adopt(layer_files.convention_in(filepath) or "corners")
        return report

    def adopt(self, convention):
        """Measure boxes as loaded heads learned to, see `ops.roi_align`, if the setting is "auto"; else warn if it is another."""
        convention = convention_named(convention)
        if self.settings.roi_align == "auto":
            self.convention = convention
        elif self.convention is not convention:
            log.warning(
                "The heads that were loaded were trained with ROI_ALIGN = %r, and the config says %r: boxes and masks will be off. "
                'Leave it at "auto".',
                convention.name,
                self.convention.name,
            )

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _check_inputs(self, inputs, for_training):
        """Raises ValueError for what would end in an error about shapes somewhere inside."""
        needed = (
            ("images", "seed", "gt_boxes", "gt_masks", "gt_mask_frames")
            if for_training
            else ("images", "windows")
        )
        if lacking := [name for name in needed if name not in inputs]:
            raise ValueError(
                f"A Detector takes a dict with {', '.join(needed)}{' and gt_class_ids' if for_training else ''}. Lacking: "
                f"{', '.join(lacking)}."
            )
        image_hw, multiple = tuple(inputs["images"].shape[1:3]), self.settings.strides[:4][-1]
        if any(n is None or n % multiple for n in image_hw):
            raise ValueError(
                f"Images must have a height and a width that are known and multiples of {multiple}, the stride of the "
                f"coarsest level. Got {image_hw}; IMAGE_RESIZE_MODE and `mold_inputs` make such images."
            )

    def anchors(self, image_hw):
        """(A, 4) float32 yxyx: the anchors of an input of this size."""
        return ops.convert_to_tensor(_anchors(image_hw, self.settings))

    def _run_heads(self, pyramid, rois, samples=None, training=False, skip_box_head=False):
        """Every head's outputs at the rois, by name; with `samples`, whose rois they are, at the rows that the head learns from."""
        pools, outputs = {}, {}
        for head in self.heads[1:] if skip_box_head else self.heads:
            rows = None if samples is None else _rows_of(head, samples)
            used = None if rows is None else ops.greater(rows.used, 0)
            at = rois if rows is None else rows.rois
            if head.reads == "box_features":
                features = outputs[self.heads[0].name]["features"]
                inputs = features if rows is None else features[:, : ops.shape(at)[1]]
            else:
                key = (head.pool_size, at.shape[1])
                if key not in pools:
                    pools[key] = self._pool(pyramid, at, head.pool_size)
                inputs = pools[key]
            outputs[head.name] = head.run(inputs, training, used)
        return outputs

    def _pool(self, pyramid, boxes, size):
        features, strides = pyramid[:4], self.settings.strides[:4]
        if self.convention is CORNERS:
            return crop_and_resize(features, boxes, strides, size=size)
        # A RoI spans about 14 cells of the level it reads: one sample for each of them.
        return roi_align(features, boxes, strides, size=size, samples=max(1, 14 // size))

    def _rpn_targets(self, inputs):
        # Not by corner pixels, whatever the convention: this is how Matterport's loader made its targets, too.
        s, anchors = self.settings, self.anchors(tuple(inputs["images"].shape[1:3]))
        return rpn_targets(
            anchors,
            inputs["gt_boxes"],
            inputs["gt_class_ids"],
            inputs["seed"],
            count=s.train_anchors,
            std=s.rpn_std,
        )

    def _ground_truth(self, inputs):
        columns = {
            name: column
            for name, column in inputs.items()
            if name.startswith("gt_") or name == "active_class_ids"
        }
        return columns | {
            name: self.convention.measure(columns[name]) for name in ("gt_boxes", "gt_mask_frames")
        }


def _rows_of(head, samples):
    """The rows of `samples` that a head is trained on, in a plain graph without padding."""
    rows = head.rows_of(samples)
    if head.positives_only and head.takes_any_rows and in_plain_graph():
        return rows.without_trailing_padding()
    return rows


@functools.lru_cache(maxsize=8)
def _anchors(image_hw, settings):
    return pyramid_anchors(
        image_hw,
        settings.strides,
        settings.anchor_scales,
        settings.anchor_ratios,
        settings.anchor_step,
    )
