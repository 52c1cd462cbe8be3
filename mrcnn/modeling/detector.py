"""Detector: Mask R-CNN as one Keras model, for training and inference.

`Detector.stops` is the whole pipeline. Shapes: B images, A anchors, P proposals, R sampled RoIs,
D detections, M padded ground-truth objects, K classes with the background.
"""

import dataclasses
import functools
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from mrcnn.modeling.backbones.pretrained import load_file
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.cascade import refined_boxes, run_stages
from mrcnn.modeling.detections import (
    DetectionSettings,
    class_probabilities,
    select_detections,
)
from mrcnn.modeling.devices import channels_last, devices_of
from mrcnn.modeling.layer_names import NO_LIST_OF_INPUTS, layer_of, what_to_use_for
from mrcnn.modeling.normalization import FoldedGraph
from mrcnn.modeling.plain_graphs import in_plain_graph, plain_graph
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamples, RoISamplingSettings, sample_rois
from mrcnn.modeling.rpn import RPNSettings, propose, rpn_losses, rpn_targets
from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.pixel_convention import (
    CORNERS,
    PixelConvention,
    convention_named,
    convention_of_setting,
)
from mrcnn.ops.roi_align import crop_and_resize, roi_align
from mrcnn.typing import PathLike, Size, Tensor, Tensors
from mrcnn.weights import layer_files
from mrcnn.weights.layer_files import LoadReport

log = logging.getLogger(__name__)

# Proposals that the box head sees at once in inference: pooled features of a thousand proposals are
# 50 MB, and pooling holds several times that.
PROPOSALS_AT_ONCE = 256
# What layers add to the loss themselves: regularisers of a custom backbone, a head's `add_loss`.
LAYER_LOSS = "layer_loss"
PARTS = ("backbone", "neck", "rpn", "box_head")
LISTS_OF_PARTS = ("other_heads", "cascade")


@dataclasses.dataclass(frozen=True)
class DetectorSettings:
    """What a detector does that its layers do not decide; may be replaced at any time.

    Attributes:
        rpn: Anchors and proposals.
        roi_sampling: RoIs for training the heads.
        detections: What becomes a detection.
        roi_align: The pixel convention: "aligned", "corners", or "auto", which follows the weights
            that are loaded.
        loss_weights: Factor of each loss by its name; others count once.
    """

    rpn: RPNSettings = RPNSettings()
    roi_sampling: RoISamplingSettings = RoISamplingSettings()
    detections: DetectionSettings = DetectionSettings()
    roi_align: str = "auto"
    loss_weights: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)

    def values(self) -> dict[str, Any]:
        """Lists all values.

        Returns:
            Values by dotted name, for instance "rpn.pre_nms".
        """
        found: dict[str, Any] = {}
        for name, value in vars(self).items():
            if dataclasses.is_dataclass(value):
                found |= {f"{name}.{inner}": part for inner, part in vars(value).items()}
            else:
                found[name] = value
        return found

    def replace(self, values: Mapping[str, Any]) -> "DetectorSettings":
        """Copies the settings with other values.

        Args:
            values: By dotted name, see `values`.

        Returns:
            The copy.
        """
        settings = self
        for name, value in values.items():
            owner, _, field = name.rpartition(".")
            if owner:
                value = dataclasses.replace(getattr(settings, owner), **{field: value})
            settings = dataclasses.replace(settings, **{owner or field: value})
        return settings

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "DetectorSettings":
        """Makes settings of what `values` returned, also after a trip through JSON.

        Args:
            values: By dotted name; names that are absent keep their defaults.

        Returns:
            The settings.
        """
        return cls().replace({name: _as_tuples(value) for name, value in values.items()})


@keras.saving.register_keras_serializable(package="mrcnn")
class Detector(keras.Model):
    """Mask R-CNN (He et al. 2017, arXiv:1703.06870). `build_detector` makes one from a `Config`.

    The presence of `gt_class_ids` among the inputs chooses the path: training or inference.
    `training=` only switches batch normalisation and dropout.

    Args:
        backbone: Functional Keras model from images to `[C2, C3, C4, C5]`.
        neck: From those to pyramid levels, see `mrcnn.modeling.necks`.
        rpn: Scores and deltas of anchors.
        box_head: Classes and boxes of RoIs.
        other_heads: What else is predicted for each RoI: masks, and whatever you add.
        settings: Numbers that no layer decides.
        convention: Name of the pixel convention that loaded weights were trained with; only for
            `from_config`.
        cascade: Box heads of the second and further stages, see `mrcnn.modeling.cascade`.
        **kwargs: As of `keras.Model`.

    Input:
        A dict: "images" `(B, H, W, 3)` float32, normalised, H and W static multiples of the
        coarsest RoI level's stride; "windows" `(B, 4)` yxyx, where the original image lies in the
        input. For training also "seed" `(B,)` int32, `gt_class_ids` `(B, M)` int32 (0 is padding,
        negative ids are crowds), `gt_boxes` `(B, M, 4)`, `gt_masks` `(B, M, h, w)`,
        `gt_mask_frames` `(B, M, 4)` and what other heads need. Optional: "active_class_ids"
        `(B, K)`, 1 for classes that the image's source annotates; "rois" `(B, P, 4)`, trained on
        instead of proposals, zeros for padding.

    Output:
        Inference: "boxes" `(B, D, 4)`, "class_ids", "scores", "valid" `(B, D)` and the fields of
        all heads, `(B, D, ...)`. Training: what `compute_losses` reads.
    """

    def __init__(
        self,
        backbone: keras.Model,
        neck: keras.Layer,
        rpn: keras.Layer,
        box_head: RoIHead,
        other_heads: Sequence[RoIHead] = (),
        settings: DetectorSettings | None = None,
        convention: str | None = None,
        cascade: Sequence[BoxHead] = (),
        **kwargs: Any,
    ) -> None:
        # No autocast: mixed precision would round boxes to bfloat16, which turns 1023 into 1024.
        # The layers cast for themselves.
        super().__init__(**({"name": "mask_rcnn"} | kwargs | {"autocast": False}))
        self.backbone, self.neck, self.rpn = backbone, neck, rpn
        self._folded_backbone = FoldedGraph(backbone)
        self.box_head, self.other_heads = box_head, list(other_heads)
        self.cascade = list(cascade)
        self.settings = settings or DetectorSettings()
        if len(self.cascade) > len(self.settings.roi_sampling.cascade_ious):
            raise ValueError(
                f"Each of the {len(self.cascade)} box heads of a cascade needs an IoU in the "
                "setting roi_sampling.cascade_ious. Got "
                f"{self.settings.roi_sampling.cascade_ious}."
            )
        self.convention = convention_of_setting(convention or self.settings.roi_align)
        names = ["rpn_class_loss", "rpn_bbox_loss"]
        for head in self.heads:
            names += head.loss_names
        self.loss_trackers = {name: keras.metrics.Mean(name=name) for name in [*names, LAYER_LOSS]}
        self.input_hw: Size | None = None  # of images on a canvas of one size, for `export`
        self.layers_add_losses = False  # as far as `compute_loss` has seen
        self._create_weights()

    @property
    def heads(self) -> list[RoIHead]:
        """All heads, the box head first, those of further stages of a cascade last."""
        return [self.box_head, *self.other_heads, *self.cascade]

    # ---- the pipeline ----------------------------------------------------------------------------

    def stops(
        self,
        images: Tensor,
        windows: Tensor | None = None,
        *,
        training: bool = False,
        for_training: bool = False,
    ) -> Iterator[tuple[str, Any]]:
        """Yields the named stops of the pipeline, each computed when it is asked for.

        Args:
            images: `(B, H, W, 3)` float32, normalised.
            windows: `(B, 4)` yxyx, needed from "detections" on.
            training: Whether batch normalisation and dropout train.
            for_training: Whether to stop gradients at the RPN's outputs, and to make as many
                proposals as training takes.

        Yields:
            "backbone", `[C2, C3, C4, C5]`; "pyramid", the levels of the neck; "rpn", the output
            of the `RPNHead`; "proposals", boxes `(B, P, 4)` and valid `(B, P)`; "box_outputs", the
            output of the `BoxHead` at the proposals; "detections", see `select_detections`;
            "description", the fields of the other heads.
        """
        features = self._folded_backbone(images, training=training)
        yield "backbone", features
        pyramid = self.neck(features)
        yield "pyramid", pyramid
        rpn_outputs = self.rpn(pyramid)
        if for_training:  # the RPN is trained at its sampled anchors only, see `RPNHead.at`
            rpn_outputs = {name: ops.stop_gradient(output) for name, output in rpn_outputs.items()}
        yield "rpn", rpn_outputs
        boxes, valid = self.proposals(rpn_outputs, tuple(images.shape[1:3]), for_training)
        yield "proposals", (boxes, valid)
        box_outputs = self.box_outputs(pyramid, boxes)
        yield "box_outputs", box_outputs
        detections = self.detections(box_outputs, boxes, valid, windows)
        yield "detections", detections
        yield "description", self.describe(pyramid, detections["boxes"], detections["class_ids"])

    def run(
        self, images: Tensor, windows: Tensor | None = None, *, last: str, **options: bool
    ) -> dict[str, Any]:
        """Runs the pipeline up to a stop.

        Args:
            images: As of `stops`.
            windows: As of `stops`.
            last: Name of the last stop that is computed.
            **options: `training` and `for_training` of `stops`.

        Returns:
            The values of all stops so far, by name.
        """
        values = {}
        for name, value in self.stops(images, windows, **options):
            values[name] = value
            if name == last:
                return values
        raise ValueError(f"The pipeline has no stop {last!r}. It has {', '.join(values)}.")

    def proposals(
        self, rpn_outputs: Tensors, image_hw: Size, for_training: bool
    ) -> tuple[Tensor, Tensor]:
        """Turns the outputs of the RPN into region proposals.

        Args:
            rpn_outputs: "logits" `(B, A, 2)` and "deltas" `(B, A, 4)`.
            image_hw: (height, width) of the network input.
            for_training: Whether to make as many as training takes.

        Returns:
            boxes `(B, P, 4)` float32, yxyx, and valid `(B, P)` bool.
        """
        s, convention = self.settings.rpn, self.convention
        image = ops.convert_to_tensor([0.0, 0.0, *image_hw], dtype="float32")
        boxes, valid = propose(
            rpn_outputs["logits"],
            rpn_outputs["deltas"],
            convention.measure(self.anchors(image_hw)),
            std=s.std,
            pre_nms=s.pre_nms,
            post_nms=s.post_nms_training if for_training else s.post_nms_inference,
            iou_threshold=s.nms_threshold,
            window=convention.measure(image),
            convention=convention,
        )
        return convention.unmeasure(boxes, valid), valid

    def box_outputs(self, pyramid: Sequence[Tensor], boxes: Tensor) -> dict[str, Tensor]:
        """Runs the box head for inference, some proposals at a time.

        Args:
            pyramid: The levels of the neck.
            boxes: `(B, P, 4)` float32, yxyx.

        Returns:
            "logits" `(B, P, K)` and "deltas" `(B, P, K, 4)`; of a cascade see `run_stages`.
        """
        head, boxes, parts = self.box_head, self.convention.measure(boxes), []
        pool = functools.partial(self._pool, pyramid)
        for i in range(0, boxes.shape[1], PROPOSALS_AT_ONCE):
            part = boxes[:, i : i + PROPOSALS_AT_ONCE]
            if self.cascade:
                parts.append(run_stages([head, *self.cascade], pool, part, self._canvas(pyramid)))
            else:
                parts.append(head(pool(part, head.pool_size)))
        return {
            name: ops.concatenate([part[name] for part in parts], axis=1)
            for name in ("logits", "deltas")
        }

    def detections(
        self, box_outputs: Tensors, boxes: Tensor, valid: Tensor, windows: Tensor
    ) -> dict[str, Tensor]:
        """Selects the detections among the classified proposals.

        Args:
            box_outputs: The result of `box_outputs`.
            boxes: `(B, P, 4)` float32, yxyx, the proposals.
            valid: `(B, P)` bool.
            windows: `(B, 4)` yxyx.

        Returns:
            As `select_detections`, with boxes by their edges.
        """
        found = select_detections(
            box_outputs["logits"],
            box_outputs["deltas"],
            self.convention.measure(boxes),
            valid,
            self.convention.measure(windows),
            std=self.box_head.std,
            settings=self.settings.detections,
            convention=self.convention,
        )
        return found | {"boxes": self.convention.unmeasure(found["boxes"], found["valid"])}

    def describe(
        self,
        pyramid: Sequence[Tensor],
        boxes: Tensor,
        class_ids: Tensor,
        *,
        embeddings: bool = False,
    ) -> dict[str, Tensor]:
        """Computes the fields that the other heads add to detections.

        Args:
            pyramid: The levels of the neck, or those that RoIs are pooled from.
            boxes: `(B, N, 4)` float32, yxyx.
            class_ids: `(B, N)` int32.
            embeddings: Whether to add "embeddings" `(B, N, F)` float32: the hidden vector of the
                box head, of length 1.

        Returns:
            A dict of `(B, N, ...)`.
        """
        needs_box_head = embeddings or any(head.reads != "pooled" for head in self.other_heads)
        heads = [self.box_head, *self.other_heads] if needs_box_head else self.other_heads
        outputs = self._run_heads(heads, pyramid, self.convention.measure(boxes))
        fields: dict[str, Tensor] = {}
        for head in self.other_heads:
            fields |= head.describe(outputs[head.name], class_ids)
        if embeddings:
            features = ops.cast(outputs[self.box_head.name]["features"], "float32")
            squares = ops.sum(ops.square(features), axis=-1, keepdims=True)
            fields["embeddings"] = features / ops.sqrt(ops.maximum(squares, 1e-12))
        return fields

    def class_probabilities(self, pyramid: Sequence[Tensor], boxes: Tensor) -> Tensor:
        """Computes what the box head takes given boxes for.

        Args:
            pyramid: As of `describe`.
            boxes: `(B, N, 4)` float32, yxyx.

        Returns:
            `(B, N, K)` float32, which sum to 1; class 0 is the background.
        """
        logits = self.box_outputs(pyramid, boxes)["logits"]
        return class_probabilities(logits, self.settings.detections)

    def anchors(self, image_hw: Size) -> Tensor:
        """Returns the anchors of an input.

        Args:
            image_hw: (height, width) of the input.

        Returns:
            `(A, 4)` float32, yxyx.
        """
        return ops.convert_to_tensor(_anchors(tuple(image_hw), self.settings.rpn))

    def roi_levels(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Returns the levels of a pyramid that RoIs are pooled from.

        Args:
            pyramid: The levels of the neck.

        Returns:
            Those levels; an FPN's P6 serves the RPN only.
        """
        return list(pyramid[: len(self.neck.roi_levels)])

    # ---- Keras' entry points ---------------------------------------------------------------------

    def call(self, inputs: Tensors, training: bool = False) -> dict[str, Any]:
        for_training = "gt_class_ids" in inputs
        self._check_inputs(inputs, for_training)
        if for_training:
            return self._call_for_training(inputs, training)
        stops = self.run(inputs["images"], inputs["windows"], last="description", training=training)
        return stops["detections"] | stops["description"]

    def _call_for_training(self, inputs, training):
        given = "rois" in inputs
        stops = self.run(
            inputs["images"],
            last="rpn" if given else "proposals",
            training=training,
            for_training=True,
        )
        if given:
            boxes = ops.cast(inputs["rois"], "float32")
            valid = ops.any(ops.not_equal(boxes, 0.0), axis=-1)
        else:
            boxes, valid = stops["proposals"]
        missing = self.settings.roi_sampling.num_samples - boxes.shape[1]
        if missing > 0:  # the sample has a fixed size, however few RoIs there are
            boxes = ops.pad(boxes, [[0, 0], [0, missing], [0, 0]])
            valid = ops.pad(valid, [[0, 0], [0, missing]])
        samples = self._sample(self.convention.measure(boxes), valid, inputs)
        pyramid = stops["pyramid"]
        first = [self.box_head, *self.other_heads]
        heads = self._run_heads(first, pyramid, samples.rois, samples, training)
        later, cascade = self._run_cascade(inputs, pyramid, heads, samples, training)
        targets = self._rpn_targets(inputs)
        return {
            "rpn": stops["rpn"],
            "rpn_targets": targets,
            "rpn_samples": self.rpn.at(pyramid, targets["index"]),
            "proposals": boxes,
            "heads": heads | later,
            "samples": _columns(samples),
            "cascade": cascade,
        }

    def _sample(self, boxes, valid, inputs, **options):
        s = self.settings.roi_sampling
        return sample_rois(
            boxes,
            valid,
            self._ground_truth(inputs),
            inputs["seed"],
            num_samples=s.num_samples,
            max_positives=s.max_positives,
            convention=self.convention,
            **options,
        )

    def _run_cascade(self, inputs, pyramid, heads, samples, training):
        """The outputs of the later stages by name, and the samples of each: {}, [] without any."""
        before, outputs, sampled = self.box_head, {}, []
        for head, iou in zip(self.cascade, self.settings.roi_sampling.cascade_ious):
            refined = refined_boxes(
                before, (heads | outputs)[before.name], samples.rois, self._canvas(pyramid)
            )
            valid = ops.logical_and(samples.valid > 0, self.convention.is_nonempty(refined))
            samples = self._sample(refined, valid, inputs, positive_from_iou=iou)
            outputs |= self._run_heads([head], pyramid, samples.rois, samples, training)
            sampled.append(_columns(samples))
            before = head
        return outputs, sampled

    def compute_losses(self, inputs: Tensors, outputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Computes every loss.

        Args:
            inputs: Of `call`, for training.
            outputs: What `call` returned for them.

        Returns:
            Unweighted scalars by name.
        """
        losses = rpn_losses(outputs["rpn_samples"], outputs["rpn_targets"])
        samples_of = functools.partial(
            RoISamples,
            ground_truth=self._ground_truth(inputs),
            max_positives=self.settings.roi_sampling.max_positives,
            convention=self.convention,
        )
        first = samples_of(**outputs["samples"])
        samples = [first] * (1 + len(self.other_heads))
        samples += [samples_of(**columns) for columns in outputs["cascade"]]
        for head, own in zip(self.heads, samples, strict=True):
            losses |= head.compute_losses(outputs["heads"][head.name], _rows_of(head, own))
        return losses

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Adds up the weighted losses, and tracks each under its name; Keras calls this.

        Args:
            x: The inputs.
            y: Not used: targets are among the inputs.
            y_pred: What `call` returned.
            sample_weight: Not used.
            training: Not used.

        Returns:
            A scalar: the losses of `compute_losses` and what layers added with `add_loss`.
        """
        losses, total = self.compute_losses(x, y_pred), 0.0
        if added := self.losses:
            self.layers_add_losses = True
            losses |= {LAYER_LOSS: sum(ops.sum(ops.cast(loss, "float32")) for loss in added)}
        for name, loss in losses.items():
            weighted = loss * self.settings.loss_weights.get(name, 1.0)
            self.loss_trackers[name].update_state(weighted)
            total = total + weighted
        # TensorFlow adds up the gradients of several devices; Keras expects each replica to divide
        # its loss by the number of replicas.
        strategy = getattr(self, "distribute_strategy", None)
        return total / strategy.num_replicas_in_sync if strategy else total

    def make_train_function(self, force: bool = False) -> Any:
        """Creates the optimiser's variables, then does as Keras.

        Made in the first step, they would let TensorFlow trace that step twice.

        Args:
            force: As of `keras.Model.make_train_function`.

        Returns:
            As `keras.Model.make_train_function`.
        """
        if getattr(self, "optimizer", None) is not None and not self.optimizer.built:
            with devices_of(self):
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        with plain_graph(not self.jit_compile):
            return super().train_step(*args, **kwargs)

    def get_metrics_result(self) -> dict[str, Tensor]:
        """Returns the mean of every loss; Keras calls this.

        Returns:
            Means by name. That of losses that layers add is there only if there are any.
        """
        return {
            name: mean
            for name, mean in super().get_metrics_result().items()
            if name != LAYER_LOSS or self.layers_add_losses
        }

    def trace(self, images: Tensor, windows: Tensor) -> dict[str, Any]:
        """Computes every stop's tensors, under Matterport's names.

        Args:
            images: `(B, H, W, 3)` float32, normalised.
            windows: `(B, 4)` yxyx.

        Returns:
            input_image; C2..C5; P2..P6, or the levels that the neck has; rpn_class_logits,
            rpn_class `(B, A, 2)`; rpn_bbox `(B, A, 4)`; rpn_rois `(B, P, 4)`, zeros for padding;
            mrcnn_class_logits, mrcnn_class `(B, P, K)` and mrcnn_bbox `(B, P, K, 4)` at those;
            detections: a dict with the fields of all heads. Boxes are in pixels of the input.
        """
        stops = self.run(images, windows, last="description")
        traced = {"input_image": images}
        traced |= {f"C{n}": t for n, t in enumerate(stops["backbone"], 2)}
        traced |= {f"P{n}": t for n, t in zip(self.neck.levels, stops["pyramid"], strict=True)}
        rpn, boxes = stops["rpn"], stops["box_outputs"]
        return traced | {
            "rpn_class_logits": rpn["logits"],
            "rpn_class": ops.softmax(rpn["logits"]),
            "rpn_bbox": rpn["deltas"],
            "rpn_rois": stops["proposals"][0],
            "mrcnn_class_logits": boxes["logits"],
            "mrcnn_class": ops.softmax(boxes["logits"]),
            "mrcnn_bbox": boxes["deltas"],
            "detections": stops["detections"] | stops["description"],
        }

    def get_layer(self, name: str | None = None, index: int | None = None) -> keras.Layer:
        """Finds a layer, also one with weights inside of parts, by Matterport's names.

        Args:
            name: Of the layer.
            index: As of `keras.Model.get_layer`.

        Returns:
            The layer.

        Raises:
            ValueError: There is none; the message names what replaced Matterport's layer.
        """
        if name is not None and (found := layer_of(self, name)) is not None:
            return found
        try:
            return super().get_layer(name, index)
        except ValueError as error:
            if name is None:
                raise
            raise ValueError(f"There is no layer {name!r}. {what_to_use_for(name)}") from error

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Predicts as Keras does.

        Args:
            x: A dict of inputs, or what yields them.
            *args: As of `keras.Model.predict`.
            **kwargs: As of `keras.Model.predict`.

        Returns:
            The outputs of `call`.

        Raises:
            TypeError: `x` is the list of inputs that Matterport's graph took.
        """
        if isinstance(x, (list, tuple)):
            raise TypeError(NO_LIST_OF_INPUTS)
        return super().predict(x, *args, **kwargs)

    # ---- files and configs -----------------------------------------------------------------------

    def save(self, filepath: PathLike, overwrite: bool = True, **kwargs: Any) -> None:
        """Saves the detector.

        Args:
            filepath: Ends in .keras for the whole model, or in .h5 for the weights alone, as
                `save_weights`.
            overwrite: Whether a file of this name is replaced.
            **kwargs: As of `keras.Model.save`, for .keras files.

        Raises:
            ValueError: Another file name; nothing is written.
        """
        suffix = Path(filepath).suffix
        if suffix == ".keras":
            super().save(filepath, overwrite=overwrite, **kwargs)
            return
        if suffix != ".h5":
            raise ValueError(
                f"A Detector is saved as its weights, in one .h5 file, or whole, in a .keras file. "
                f"Got {filepath}; call save_weights with a .h5 name, and build the model from its "
                "config to load them."
            )
        self.save_weights(filepath, overwrite)

    def export(
        self,
        filepath: PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Exports `call` as Keras does: without preprocessing, final scores and a check.

        `mrcnn.export.export` writes files that have all of these.

        Args:
            filepath: As of `keras.Model.export`.
            format: As of `keras.Model.export`.
            verbose: As of `keras.Model.export`.
            input_signature: As of `keras.Model.export`; None: batches of any number of images, of
                the size that the config lays images on.
            **kwargs: As of `keras.Model.export`.

        Raises:
            ValueError: There is no signature, and images have no fixed size.
        """
        if input_signature is None:
            if self.input_hw is None:
                raise ValueError(
                    "An exported detector takes images of one size, and its config lets each image "
                    "keep its own. Give input_signature, a list of one dict of keras.InputSpec "
                    "with images (None, height, width, 3) and windows (None, 4)."
                )
            shapes = {
                "images": (None, *self.input_hw, self.backbone.input_shape[-1]),
                "windows": (None, 4),
            }
            specs = {
                name: keras.InputSpec(shape=shape, dtype="float32", name=name)
                for name, shape in shapes.items()
            }
            input_signature = [specs]
        super().export(
            str(filepath), format, verbose=verbose, input_signature=input_signature, **kwargs
        )

    def save_weights(self, filepath: PathLike, overwrite: bool = True) -> None:
        """Writes the weights in Matterport's layout, see `mrcnn.weights.layer_files`.

        Args:
            filepath: A .h5 file.
            overwrite: Whether a file of this name is replaced.

        Raises:
            FileExistsError: The file exists, and may not be replaced.
        """
        if not overwrite and Path(filepath).exists():
            raise FileExistsError(f"{filepath} exists already, and overwrite is False.")
        layer_files.save_weights(self, filepath)

    def load_weights(
        self, filepath: PathLike, by_name: bool = True, exclude: str | Iterable[str] = ()
    ) -> LoadReport:
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
            self.set_convention(layer_files.convention_in(filepath) or CORNERS)
        return report

    def set_convention(self, convention: PixelConvention | str) -> None:
        """Switches to the pixel convention of loaded weights, if the setting is "auto".

        Warns if the setting is the other one.

        Args:
            convention: That the heads were trained with, or its name.
        """
        convention = convention_named(convention)
        if self.settings.roi_align == "auto":
            self.convention = convention
        elif self.convention is not convention:
            log.warning(
                "The heads that were loaded were trained with ROI_ALIGN = %r, and the config says "
                '%r: boxes and masks will be off. Leave it at "auto".',
                convention.name,
                self.convention.name,
            )

    def get_config(self) -> dict[str, Any]:
        parts = {name: getattr(self, name) for name in (*PARTS, *LISTS_OF_PARTS)}
        config = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        # Lists, since Keras writes tuples in a form that only itself can read.
        settings = {name: _as_lists(value) for name, value in self.settings.values().items()}
        own = {"settings": settings, "convention": self.convention.name}
        return super().get_config() | config | own

    def get_compile_config(self) -> None:
        """Leaves the optimiser out of files and copies: compile them before training.

        A config of an optimiser lacks the variables that are spared from weight decay, and a
        training resumes from its own checkpoint.
        """

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> "Detector":
        # Files from before there was a cascade have none.
        config = {"cascade": []} | dict(config)
        with keras.saving.custom_object_scope(custom_objects or {}), channels_last():
            for name in (*PARTS, *LISTS_OF_PARTS):
                config[name] = keras.saving.deserialize_keras_object(config[name])
            config["settings"] = DetectorSettings.from_values(config["settings"])
            return cls(**config)

    # ---- inside ----------------------------------------------------------------------------------

    def _create_weights(self):
        """Runs every part once on symbols: no arithmetic, but afterwards every variable exists."""
        channels = self.backbone.input_shape[-1]
        # 64 pixels: one cell of the coarsest level, of stride 64.
        features = self.backbone(keras.KerasTensor((1, 64, 64, channels)))
        pyramid = self.neck.compute_output_spec(features)
        self.rpn.compute_output_spec(pyramid)
        box_features = None
        for head in self.heads:
            cells = (1, 1, head.pool_size, head.pool_size, pyramid[0].shape[-1])
            reads_features = head.reads == "box_features"
            inputs = box_features if reads_features else keras.KerasTensor(cells)
            outputs = _symbolic_outputs(head, inputs)
            box_features = outputs.get("features") if box_features is None else box_features
        for part in (self, self.neck, self.rpn, *self.heads):
            part.built = True

    def _check_inputs(self, inputs, for_training):
        """Raises ValueError for what would otherwise fail somewhere inside, with obscure shapes."""
        needed = ("images", "windows")
        also = ""
        if for_training:
            needed = ("images", "seed", "gt_boxes", "gt_masks", "gt_mask_frames")
            also = " and gt_class_ids"
        if lacking := [name for name in needed if name not in inputs]:
            raise ValueError(
                f"A Detector takes a dict with {', '.join(needed)}{also}. Lacking: "
                f"{', '.join(lacking)}."
            )
        image_hw, multiple = tuple(inputs["images"].shape[1:3]), self._roi_strides()[-1]
        if any(n is None or n % multiple for n in image_hw):
            raise ValueError(
                f"Images must have a height and a width that are known and multiples of "
                f"{multiple}, the stride of the coarsest level. Got {image_hw}; IMAGE_RESIZE_MODE "
                "and `mold_inputs` make such images."
            )

    def _run_heads(self, heads, pyramid, rois, samples=None, training=False):
        """Outputs of heads at RoIs, by name; with `samples`, at the rows each is trained on."""
        pools, outputs = {}, {}
        for head in heads:
            rows = None if samples is None else _rows_of(head, samples)
            head_rois = rois if rows is None else rows.rois
            if head.reads == "box_features":
                features = outputs[self.box_head.name]["features"]
                inputs = features if rows is None else features[:, : ops.shape(head_rois)[1]]
            else:
                key = (head.pool_size, head_rois.shape[1])
                if key not in pools:
                    pools[key] = self._pool(pyramid, head_rois, head.pool_size)
                inputs = pools[key]
            outputs[head.name] = head.run(inputs, training, rows)
        return outputs

    def _pool(self, pyramid, boxes, size):
        features, strides = self.roi_levels(pyramid), self._roi_strides()
        if self.convention is CORNERS:
            return crop_and_resize(features, boxes, strides, size=size)
        # A RoI spans about 14 cells of the level it reads: one sample for each of them.
        return roi_align(features, boxes, strides, size=size, samples=max(1, 14 // size))

    def _canvas(self, pyramid):
        """The box of the network input, (4,), as the network measures it."""
        stride = self._roi_strides()[0]
        height, width = (side * stride for side in pyramid[0].shape[1:3])
        whole = ops.convert_to_tensor([0.0, 0.0, height, width], dtype="float32")
        return self.convention.measure(whole)

    def _roi_strides(self):
        return self.settings.rpn.strides[: len(self.neck.roi_levels)]

    def _rpn_targets(self, inputs):
        # By edges in either convention: Matterport's loader made its RPN targets like this, too.
        s, anchors = self.settings.rpn, self.anchors(tuple(inputs["images"].shape[1:3]))
        return rpn_targets(
            anchors,
            inputs["gt_boxes"],
            inputs["gt_class_ids"],
            inputs["seed"],
            num_samples=s.num_samples,
            std=s.std,
        )

    def _ground_truth(self, inputs):
        columns = {
            name: column
            for name, column in inputs.items()
            if name.startswith("gt_") or name == "active_class_ids"
        }
        for name in ("gt_boxes", "gt_mask_frames"):
            columns[name] = self.convention.measure(columns[name])
        return columns


def _rows_of(head, samples):
    """The rows that a head is trained on; in a plain graph without padding."""
    rows = head.rows_of(samples)
    if head.positives_only and head.takes_any_rows and in_plain_graph():
        return rows.without_trailing_padding()
    return rows


def _columns(samples):
    return {"rois": samples.rois, "label": samples.label, "gt_index": samples.gt_index}


def _symbolic_outputs(head, inputs):
    """A head's outputs for symbols.

    Only a call runs a head's `build`; of a head without one, a call would trace the layers twice.
    """
    has_build = type(head).build is not keras.layers.Layer.build
    return head(inputs) if has_build else head.compute_output_spec(inputs)


# Of eight sizes of images: the 65,472 anchors of 512 x 512 pixels take 1 MB.
@functools.lru_cache(maxsize=8)
def _anchors(image_hw, settings):
    return pyramid_anchors(
        image_hw,
        settings.strides,
        settings.anchor_scales,
        settings.anchor_ratios,
        settings.anchor_stride,
    )


def _as_lists(value):
    return [_as_lists(part) for part in value] if isinstance(value, tuple) else value


def _as_tuples(value):
    return tuple(_as_tuples(part) for part in value) if isinstance(value, list) else value
