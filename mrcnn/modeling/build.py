"""build_detector: from a `Config` to a `Detector`.

With `live_settings` and `devices` this is all of `mrcnn.modeling` that reads a Config.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence

import keras

from mrcnn.config import Config
from mrcnn.modeling.backbones import (
    convnext,
    efficientnet,
    efficientnet_lite,
    mobilenet_v3,
    resnet,
    resnext,
)
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.detections import DetectionSettings
from mrcnn.modeling.detector import Detector, DetectorSettings
from mrcnn.modeling.devices import channels_last, device_scope
from mrcnn.modeling.mask_head import MaskHead
from mrcnn.modeling.necks import FPN, C4Neck
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.roi_sampling import RoISamplingSettings
from mrcnn.modeling.rpn import RPNHead, RPNSettings
from mrcnn.ops.calibration import uncalibrated
from mrcnn.process import check_process
from mrcnn.setting_checks import check_loss_weights

__all__ = ["BACKBONES", "NECKS", "build_detector", "settings_of", "stage_of_layer"]

log = logging.getLogger(__name__)

BACKBONES = (
    {
        "resnet50": resnet.resnet,
        "resnet101": resnet.resnet,
        "efficientnet_lite0": efficientnet_lite.efficientnet_lite,
        "efficientnet_lite2": efficientnet_lite.efficientnet_lite,
    }
    | dict.fromkeys(resnext.VARIANTS, resnext.resnext)
    | dict.fromkeys(efficientnet.APPLICATIONS, efficientnet.efficientnet)
    | dict.fromkeys(convnext.APPLICATIONS, convnext.convnext)
    | dict.fromkeys(mobilenet_v3.APPLICATIONS, mobilenet_v3.mobilenet_v3)
)
# Resize modes that lay every image on a canvas of one size.
FIXED_CANVAS = ("square", "portrait", "crop")
NECKS = {"fpn": FPN, "none": C4Neck}


def build_detector(
    config: Config, extra_heads: Sequence[RoIHead | Callable[[], RoIHead]] = ()
) -> Detector:
    """Builds a detector with its weights initialised.

    Args:
        config: Its BACKBONE may be a callable as Matterport's configurations have it: `(image,
            stage5=True, train_bn=bool)` from a Keras tensor `(B, H, W, 3)` to [C1, C2, C3, C4, C5]
            at strides 2 to 32; C1 is ignored.
        extra_heads: What to predict for each RoI besides boxes and masks: heads, or functions that
            make them. A head computes in the precision that was in force when it was made; a
            function is called in that of MIXED_PRECISION.

    Returns:
        The detector.

    Raises:
        ValueError: BACKBONE is unknown, or COMPUTE_BACKBONE_SHAPE, one row for each level,
            disagrees with BACKBONE_STRIDES; with NECK "none" only its row of C4 counts.
    """
    check_process()
    policy = "mixed_bfloat16" if config.MIXED_PRECISION else "float32"
    with device_scope(config), _dtype_policy(policy), channels_last():
        backbone = _backbone(config)
        if config.NECK == "none":  # only C4 is read, so stage 5 is cut off
            backbone = keras.Model(backbone.input, backbone.outputs[:3], name=backbone.name)
        # Heads first: initialisers draw their seeds in the order in which layers are made.
        box_head, mask_head = _box_head(config), _mask_head(config)
        extra = [head if isinstance(head, RoIHead) else head() for head in extra_heads]
        anchors_per_cell = len(config.anchor_shapes[1])
        detector = Detector(
            backbone,
            NECKS[config.NECK](config.TOP_DOWN_PYRAMID_SIZE, config.NECK_GATE),
            RPNHead(config.RPN_CHANNELS, anchors_per_cell, config.RPN_ANCHOR_STRIDE),
            box_head,
            [mask_head, *extra],
            settings_of(config),
            # Last, so that all other layers draw what they would without a cascade.
            cascade=[_box_head(config, stage) for stage in range(2, config.CASCADE_STAGES + 1)],
        )
    if config.IMAGE_RESIZE_MODE in FIXED_CANVAS:
        detector.input_hw = config.image_hw
    _check_losses(config, detector)
    return detector


def _mask_head(config):
    return MaskHead(
        config.NUM_CLASSES,
        config.MASK_CHANNELS,
        config.MASK_POOL_SIZE,
        config.updates_statistics,
        config.MASK_DICE,
        config.refines_masks,
    )


def _box_head(config, stage=1):
    """The box head, or that of a later stage of a cascade."""
    divisor = 1.0 if stage == 1 else config.CASCADE_STD_DIVISORS[stage - 2]
    return BoxHead(
        config.NUM_CLASSES,
        config.FPN_CLASSIF_FC_LAYERS_SIZE,
        config.POOL_SIZE,
        [std / divisor for std in config.BBOX_STD_DEV],
        config.updates_statistics,
        config.CLASS_LABEL_SMOOTHING,
        config.BOX_LOSS,
        config.SEESAW_LOSS,
        config.CLASS_COUNTS if config.SEESAW_LOSS else None,
        stage,
        class_agnostic=stage > 1,
        name="box_head" if stage == 1 else f"box_head_stage{stage}",
    )


def _check_losses(config, detector):
    # LOSS_WEIGHTS may name losses of heads, which no config knows beforehand.
    known = (*detector.loss_trackers, *config.losses_of_heads)
    check_loss_weights(config.LOSS_WEIGHTS, known)
    for name in config.LOSS_WEIGHTS:
        if name not in known:
            log.warning(
                "LOSS_WEIGHTS has %r, and no part of this model has such a loss. They are: %s.",
                name,
                ", ".join(known),
            )


def stage_of_layer(config: Config, layer_name: str) -> int | None:
    """Finds the stage of a backbone that a layer belongs to, for `layers="4+"` of a training.

    Args:
        config: Names the backbone.
        layer_name: Of any layer of the detector.

    Returns:
        1 to 5, or None for layers outside the backbone.
    """
    family = config.backbone_family()
    if family == "efficientnet_lite":
        return efficientnet_lite.stage_of(layer_name, config.BACKBONE)
    if family == "mobilenetv3":
        return mobilenet_v3.stage_of(layer_name, config.BACKBONE)
    if family == "convnext":
        return convnext.stage_of(layer_name)
    if family.startswith("efficientnet"):
        return efficientnet.stage_of(layer_name)
    return resnet.stage_of(layer_name)


def _backbone(config):
    if callable(config.BACKBONE):
        return _backbone_of(config.BACKBONE, config)
    if config.BACKBONE not in BACKBONES:
        raise ValueError(
            f"BACKBONE must be one of {sorted(BACKBONES)}, or a callable (image, stage5=True, "
            f"train_bn=...) that returns the Keras tensors C1 to C5. Got {config.BACKBONE!r}. A "
            "stored config has only a callable's name: if this is one of yours, give the callable "
            "itself again, for instance load_model(path, BACKBONE=my_function)."
        )
    return BACKBONES[config.BACKBONE](
        config.BACKBONE, config.updates_statistics, config.IMAGE_CHANNEL_COUNT
    )


def _backbone_of(function, config):
    image = keras.Input((None, None, config.IMAGE_CHANNEL_COUNT), name="input_image")
    features = list(function(image, stage5=True, train_bn=config.TRAIN_BN))
    if len(features) not in (4, 5):
        name = getattr(function, "__name__", repr(function))  # partials and objects have none
        raise ValueError(
            f"A BACKBONE callable must return C1 to C5 (or C2 to C5). {name} returned "
            f"{len(features)} tensors."
        )
    if config.COMPUTE_BACKBONE_SHAPE:
        _check_shapes(config)
    # Named here: TensorFlow's scopes refuse some names of functions, such as <lambda>.
    return keras.Model(image, features[-4:], name="backbone")


def _check_shapes(config):
    given = []
    for shape in config.COMPUTE_BACKBONE_SHAPE(tuple(config.IMAGE_SHAPE)):
        given.append(tuple(int(n) for n in shape))
    if config.NECK == "none" and len(given) > 1:  # C4's among those of C2 to C6
        given = given[2:3]
    height, width = config.image_hw
    wanted = [(-(-height // stride), -(-width // stride)) for stride in config.BACKBONE_STRIDES]
    if given != wanted:
        raise ValueError(
            f"COMPUTE_BACKBONE_SHAPE gives feature maps of {given}, but BACKBONE_STRIDES "
            f"{tuple(config.BACKBONE_STRIDES)} make them {wanted}. Set BACKBONE_STRIDES to the "
            "strides of this backbone and its pyramid."
        )


def settings_of(config: Config) -> DetectorSettings:
    """Reads the settings of a detector from a Config.

    Args:
        config: As it is now; later changes do not reach the result.

    Returns:
        The settings.
    """
    anchor_scales, anchor_ratios = config.anchor_shapes
    rpn = RPNSettings(
        strides=tuple(config.BACKBONE_STRIDES),
        anchor_scales=anchor_scales,
        anchor_ratios=anchor_ratios,
        anchor_stride=config.RPN_ANCHOR_STRIDE,
        std=tuple(config.RPN_BBOX_STD_DEV),
        pre_nms=config.PRE_NMS_LIMIT,
        post_nms_training=config.POST_NMS_ROIS_TRAINING,
        post_nms_inference=config.POST_NMS_ROIS_INFERENCE,
        nms_threshold=config.RPN_NMS_THRESHOLD,
        num_samples=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
    )
    detections = DetectionSettings(
        # The network's own scores: `Predictor` calibrates them, and drops detections again.
        min_confidence=uncalibrated(
            config.DETECTION_MIN_CONFIDENCE or 0.0, config.SCORE_CALIBRATION
        ),
        nms_threshold=config.DETECTION_NMS_THRESHOLD,
        max_detections=config.DETECTION_MAX_INSTANCES,
        all_classes=config.DETECTION_ALL_CLASSES,
        background_logit=config.DETECTION_BACKGROUND_LOGIT,
        nms=config.DETECTION_NMS,
        nms_sigma=config.DETECTION_NMS_SIGMA,
    )
    return DetectorSettings(
        rpn,
        RoISamplingSettings(
            config.TRAIN_ROIS_PER_IMAGE, config.positive_rois, tuple(config.CASCADE_IOU)
        ),
        detections,
        roi_align=config.ROI_ALIGN,
        loss_weights=_loss_weights(config),
    )


def _loss_weights(config):
    """LOSS_WEIGHTS, and those of the later stages of a cascade."""
    weights = dict(config.LOSS_WEIGHTS)
    for stage in range(2, config.CASCADE_STAGES + 1):
        share = config.CASCADE_LOSS_WEIGHTS[stage - 2]
        for name in BoxHead.loss_names:
            weights[f"{name}_stage{stage}"] = share * config.LOSS_WEIGHTS.get(name, 1.0)
    return weights


@contextlib.contextmanager
def _dtype_policy(name) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
