"""build_detector: from a Config to a Detector whose weights exist. The only file here that reads the Config."""

import contextlib
import logging
from dataclasses import dataclass, field

import keras

from mrcnn.modeling.backbones import efficientnet, efficientnet_lite, resnet, resnext
from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.detector import Detector
from mrcnn.modeling.devices import channels_last, check_process, device_scope
from mrcnn.modeling.mask_head import MaskHead
from mrcnn.modeling.necks import FPN, C4Neck
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.rpn import RPNHead
from mrcnn.setting_checks import check_loss_weights

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
)
NECKS = {"fpn": FPN, "none": C4Neck}


@dataclass(frozen=True)
class DetectorSettings:
    """The numbers a Detector works by; lengths in pixels of the network input.

    anchor_scales: of each level a side, or sides, one for each of anchor_ratios, see `Config.anchor_shapes`
    """

    strides: tuple
    anchor_scales: tuple
    anchor_ratios: tuple
    anchor_step: int
    rpn_std: tuple
    box_std: tuple
    pre_nms: int
    post_nms_training: int
    post_nms_inference: int
    rpn_nms_threshold: float
    train_anchors: int
    train_rois: int
    positive_rois: int
    min_confidence: float
    detection_nms_threshold: float
    max_detections: int
    all_classes: bool
    roi_align: str
    loss_weights: dict = field(hash=False)


def build_detector(config, extra_heads=()):
    """A Detector for `config`, its weights created, with `extra_heads` behind the box and mask heads.

    extra_heads: of each a RoIHead, or a function without arguments that makes it. A head computes in the precision in force when it was
        made: a function is called in that of MIXED_PRECISION.

    BACKBONE may be a callable as Matterport's configurations have it: (image, stage5=True, train_bn=bool), a Keras tensor (B, H, W, 3)
    -> [C1, C2, C3, C4, C5] at strides 2 to 32, of which C1 is not used. Raises ValueError for another BACKBONE, and if
    COMPUTE_BACKBONE_SHAPE, one row for each level, disagrees with BACKBONE_STRIDES; with NECK "none" only its row of C4 counts.
    """
    check_process()
    policy = "mixed_bfloat16" if config.MIXED_PRECISION else "float32"
    with device_scope(config), _dtype_policy(policy), channels_last():
        backbone = _backbone(config)
        if config.NECK == "none":  # C4 is all that is read, so stage 5 is cut off
            backbone = keras.Model(backbone.input, backbone.outputs[:3], name=backbone.name)
        heads = [
            BoxHead(
                config.NUM_CLASSES,
                config.FPN_CLASSIF_FC_LAYERS_SIZE,
                config.POOL_SIZE,
                tuple(config.BBOX_STD_DEV),
                config.updates_statistics,
                name="box_head",
            ),
            MaskHead(
                config.NUM_CLASSES,
                config.MASK_CHANNELS,
                config.MASK_POOL_SIZE,
                config.updates_statistics,
                name="mask_head",
            ),
            *(head if isinstance(head, RoIHead) else head() for head in extra_heads),
        ]
        detector = Detector(
            backbone,
            NECKS[config.NECK](config.TOP_DOWN_PYRAMID_SIZE, config.NECK_GATE, name="fpn"),
            RPNHead(
                config.RPN_CHANNELS,
                len(config.anchor_shapes[1]),
                config.RPN_ANCHOR_STRIDE,
                name="rpn",
            ),
            heads,
            settings_of(config),
            name="mask_rcnn",
        )
        _create_weights(detector, config)
    _check_losses(config, detector)
    return detector


def _check_losses(config, detector):
    """LOSS_WEIGHTS may name losses of heads, which no config knows beforehand."""
    known = (*detector.loss_trackers, *config.losses_of_heads)
    check_loss_weights(config.LOSS_WEIGHTS, known)
    for name in config.LOSS_WEIGHTS:
        if name not in known:
            log.warning(
                "LOSS_WEIGHTS has %r, and no part of this model has such a loss. They are: %s.",
                name,
                ", ".join(known),
            )


def _create_weights(detector, config):
    """Run every part that has weights once on symbols: no arithmetic, but every variable exists afterwards."""
    features = detector.backbone(keras.KerasTensor((1, 64, 64, config.IMAGE_CHANNEL_COUNT)))
    pyramid = detector.fpn.compute_output_spec(features)
    detector.rpn.compute_output_spec(pyramid)
    box_features = None
    for head in detector.heads:
        cells = (head.pool_size, head.pool_size, pyramid[0].shape[-1])
        outputs = _outputs(
            head,
            box_features if head.reads == "box_features" else keras.KerasTensor((1, 1, *cells)),
        )
        box_features = outputs.get("features") if box_features is None else box_features
    for part in (detector, detector.fpn, detector.rpn, *detector.heads):
        part.built = True


def _outputs(head, inputs):
    """What a head makes of symbols. Only a call runs a head's `build`; of heads that have none, it would trace the layers twice."""
    has_build = type(head).build is not keras.layers.Layer.build
    return head(inputs) if has_build else head.compute_output_spec(inputs)


def stage_of_layer(config, layer_name):
    """The stage (1..5) of a library's backbone that a layer belongs to by its name, None outside: what `layers="4+"` goes by."""
    family = config.backbone_family()
    if family == "efficientnet_lite":
        return efficientnet_lite.stage_of(layer_name, config.BACKBONE)
    if family.startswith("efficientnet"):
        return efficientnet.stage_of(layer_name)
    return resnet.stage_of(layer_name)


def _backbone(config):
    if callable(config.BACKBONE):
        return _backbone_of(config.BACKBONE, config)
    if config.BACKBONE not in BACKBONES:
        raise ValueError(
            f"BACKBONE must be one of {sorted(BACKBONES)}, or a callable (image, stage5=True, train_bn=...) that returns the "
            f"Keras tensors C1 to C5. Got {config.BACKBONE!r}. A stored config has only a callable's name: if this is one "
            "of yours, give the callable itself again, for instance load_model(path, BACKBONE=my_function)."
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
            f"A BACKBONE callable must return C1 to C5 (or C2 to C5). {name} returned {len(features)} tensors."
        )
    if config.COMPUTE_BACKBONE_SHAPE:
        given = [
            tuple(int(n) for n in shape)
            for shape in config.COMPUTE_BACKBONE_SHAPE(tuple(config.IMAGE_SHAPE))
        ]
        if config.NECK == "none" and len(given) > 1:  # of C2 to C6, C4
            given = given[2:3]
        wanted = [
            tuple(-(-n // stride) for n in config.image_hw) for stride in config.BACKBONE_STRIDES
        ]
        if given != wanted:
            raise ValueError(
                f"COMPUTE_BACKBONE_SHAPE gives feature maps of {given}, but BACKBONE_STRIDES {tuple(config.BACKBONE_STRIDES)} "
                f"make them {wanted}. Set BACKBONE_STRIDES to the strides of this backbone and its pyramid."
            )
    return keras.Model(
        image, features[-4:], name="backbone"
    )  # TensorFlow's scopes do not take every name, such as <lambda>


def settings_of(config):
    """The `DetectorSettings` of a Config as it is now."""
    anchor_scales, anchor_ratios = config.anchor_shapes
    return DetectorSettings(
        strides=tuple(config.BACKBONE_STRIDES),
        anchor_scales=anchor_scales,
        anchor_ratios=anchor_ratios,
        anchor_step=config.RPN_ANCHOR_STRIDE,
        rpn_std=tuple(config.RPN_BBOX_STD_DEV),
        box_std=tuple(config.BBOX_STD_DEV),
        pre_nms=config.PRE_NMS_LIMIT,
        post_nms_training=config.POST_NMS_ROIS_TRAINING,
        post_nms_inference=config.POST_NMS_ROIS_INFERENCE,
        rpn_nms_threshold=config.RPN_NMS_THRESHOLD,
        train_anchors=config.RPN_TRAIN_ANCHORS_PER_IMAGE,
        train_rois=config.TRAIN_ROIS_PER_IMAGE,
        positive_rois=config.positive_rois,
        min_confidence=config.DETECTION_MIN_CONFIDENCE or 0.0,
        detection_nms_threshold=config.DETECTION_NMS_THRESHOLD,
        max_detections=config.DETECTION_MAX_INSTANCES,
        all_classes=config.DETECTION_ALL_CLASSES,
        roi_align=config.ROI_ALIGN,
        loss_weights=dict(config.LOSS_WEIGHTS),
    )


@contextlib.contextmanager
def _dtype_policy(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
