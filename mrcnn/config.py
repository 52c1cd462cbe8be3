"""`Config`: every setting of the library, with its unit, checked on construction.

Names, defaults and use (subclass it and set class attributes in capitals) are Matterport's, so that
existing configurations work. Settings that Matterport did not have are marked `new`.
"""

import dataclasses
import functools
import inspect
import itertools
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np

from mrcnn.setting_checks import (
    Rule,
    above_zero,
    check,
    check_loss_weights,
    fraction,
    is_number,
    is_whole,
    mistyped,
    name_meant,
    number,
    or_else,
    several,
    shown,
    switch,
    text,
    whole,
)
from mrcnn.typing import Size

log = logging.getLogger(__name__)

IMAGENET_STATISTICS = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
# (mean, std) of RGB pixels in 0..255 for each backbone family, trained on (pixel - mean) / std.
PIXEL_STATISTICS = {
    "resnet": ((123.7, 116.8, 103.9), (1.0, 1.0, 1.0)),
    "resnext": IMAGENET_STATISTICS,
    "efficientnet_lite": ((127.0, 127.0, 127.0), (128.0, 128.0, 128.0)),
    "efficientnet_b": IMAGENET_STATISTICS,
    "efficientnetv2_b": IMAGENET_STATISTICS,
    "efficientnetv2_s": ((128.0, 128.0, 128.0), (128.0, 128.0, 128.0)),
    "convnext": IMAGENET_STATISTICS,
    "mobilenetv3": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
}
# Names of backbones that `modeling.build` knows.
BACKBONE_NAMES = (
    "resnet50",
    "resnet101",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "efficientnet_lite0",
    "efficientnet_lite2",
    *(f"efficientnet_b{n}" for n in range(5)),
    *(f"efficientnetv2_b{n}" for n in range(4)),
    "efficientnetv2_s",
    "convnext_tiny",
    "convnext_small",
    "convnext_base",
    "mobilenetv3_large",
    "mobilenetv3_small",
)
CHOICES = {
    "IMAGE_RESIZE_MODE": ("none", "square", "pad64", "crop", "portrait"),
    "NECK": ("fpn", "none"),
    "NECK_GATE": ("none", "se", "cbam"),
    "ROI_ALIGN": ("auto", "aligned", "corners"),
    "OPTIMIZER": ("sgd", "nesterov", "adam", "adamw", "rmsprop"),
    "LR_SCHEDULE": ("constant", "step", "cosine"),
    "BOX_LOSS": ("smooth_l1", "giou", "ciou"),
    "DETECTION_NMS": ("hard", "soft_linear", "soft_gaussian"),
}
DERIVED = {
    "BATCH_SIZE": "IMAGES_PER_GPU and GPU_COUNT",
    "IMAGE_SHAPE": "IMAGE_MIN_DIM, IMAGE_MAX_DIM and IMAGE_RESIZE_MODE",
    "IMAGE_META_SIZE": "NUM_CLASSES",
}
LOSSES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)

# Rules for single settings. A whole number may be written as 512.0.
WHOLE = (
    "GPU_COUNT",
    "IMAGES_PER_GPU",
    "TOP_DOWN_PYRAMID_SIZE",
    "IMAGE_CHANNEL_COUNT",
    "NUM_CLASSES",
    "RPN_ANCHOR_STRIDE",
    "RPN_CHANNELS",
    "RPN_TRAIN_ANCHORS_PER_IMAGE",
    "PRE_NMS_LIMIT",
    "POST_NMS_ROIS_TRAINING",
    "POST_NMS_ROIS_INFERENCE",
    "TRAIN_ROIS_PER_IMAGE",
    "POOL_SIZE",
    "MASK_POOL_SIZE",
    "MASK_CHANNELS",
    "FPN_CLASSIF_FC_LAYERS_SIZE",
    "MAX_GT_INSTANCES",
    "DETECTION_MAX_INSTANCES",
    "ACCUMULATE",
)
WHOLE_FROM_ZERO = ("WORKERS", "SEED", "WARMUP_STEPS")
FRACTIONS = (
    "COPY_PASTE",
    "CUT_OUTS",
    "BACKGROUND_CROPS",
    "MIN_VISIBLE_SHARE",
    "ROI_POSITIVE_RATIO",
    "RPN_NMS_THRESHOLD",
    "DETECTION_NMS_THRESHOLD",
)
SWITCHES = ("MIXED_PRECISION", "USE_RPN_ROIS", "USE_MINI_MASK", "DETECTION_ALL_CLASSES")
RULES: dict[str, Rule] = (
    dict.fromkeys(WHOLE, whole())
    | dict.fromkeys(WHOLE_FROM_ZERO, whole(0))
    | dict.fromkeys(FRACTIONS, fraction())
    | dict.fromkeys(SWITCHES, switch())
) | {
    "NAME": text(),
    # Hyperspectral images have hundreds; a damaged file may ask for a list of 10**12.
    "IMAGE_CHANNEL_COUNT": whole(most=4096),
    "STEPS_PER_EPOCH": or_else(number(), None),
    "VALIDATION_STEPS": or_else(number(), None),
    "TRAIN_BN": or_else(switch(), None),
    "JIT_COMPILE": or_else(switch(), "auto"),
    "IMAGE_MIN_DIM": or_else(whole(0), None, False),  # "square" and "none" do not need it
    "IMAGE_MAX_DIM": or_else(whole(0), None, False),
    "IMAGE_MIN_SCALE": or_else(number(), None, False),
    "DETECTION_MIN_CONFIDENCE": or_else(fraction(), None),  # None: scripts write "no limit"
    "DETECTION_NMS_SIGMA": above_zero(),
    "DETECTION_BACKGROUND_LOGIT": number(-np.inf),
    "DETECTION_MASK_CERTAINTY": number(),
    "CLASS_LABEL_SMOOTHING": fraction(),
    "MASK_DICE": number(),
    "SEESAW_LOSS": or_else(several(number(), 2, "numbers"), None),
    "CLASS_COUNTS": or_else(several(number(), of="numbers"), None),
    "LAYER_DECAY": number(0, 1),
    "DETECTION_OTHER_CLASS": or_else(several(fraction(), 2, "fractions"), None),
    "SCORE_CALIBRATION": or_else(several(number(-np.inf), 2, "numbers"), None),
    "BACKBONE_STRIDES": several(whole(), of="whole numbers"),
    "RPN_ANCHOR_SCALES": several(above_zero()),
    "RPN_ANCHOR_RATIOS": several(above_zero()),
    "RPN_BBOX_STD_DEV": several(above_zero(), 4),
    "BBOX_STD_DEV": several(above_zero(), 4),
    "CASCADE_STAGES": whole(1, 3),
    "CASCADE_IOU": several(fraction(), of="fractions"),
    "CASCADE_STD_DIVISORS": several(above_zero()),
    "CASCADE_LOSS_WEIGHTS": several(number(), of="numbers"),
    "MASK_SHAPE": several(whole(), 2, "whole numbers"),
    "MINI_MASK_SHAPE": several(whole(), 2, "whole numbers"),
    "MASK_BUCKETS": several(whole(), of="whole numbers"),
    "MEAN_PIXEL": or_else(several(number(-np.inf), of="numbers"), None),
    "PIXEL_STD": or_else(several(above_zero()), None),
    "LEARNING_RATE": number(),
    "LEARNING_MOMENTUM": fraction(),
    "LR_STEPS": several(fraction(), of="fractions of a stage"),
    "LR_STEP_FACTOR": fraction(),
    "EMA_MOMENTUM": fraction(),
    "WEIGHT_DECAY": number(),
    "GRADIENT_CLIP_NORM": or_else(number(), None),
}

# Of the network input; as float32 it takes 0.8 GB then, and a network many times that.
LONGEST_SIDE = 8192


class Config:
    """Settings of one experiment. Subclass it and override class attributes in capitals.

    Further attributes of a subclass are kept and ignored. Lengths are pixels of the network input
    unless stated otherwise; sizes are (height, width). A value that cannot work raises ValueError
    on construction.
    """

    NAME = "mrcnn"  # of the run folder
    GPU_COUNT = 1  # images in a batch = IMAGES_PER_GPU * GPU_COUNT
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH: Any = 1000  # batches; None (new): every training image once
    VALIDATION_STEPS: Any = 50  # batches; None (new): every validation image once
    WORKERS = 1  # new: threads that prepare batches
    SEED = 0  # new: of image order, augmentation and sampling

    # Backbone and feature pyramid
    # resnet50 | resnet101 | resnext50_32x4d | resnext101_32x8d | efficientnet_lite0 or 2 |
    # efficientnet_b0 to b4 | efficientnetv2_b0 to b3 or s | convnext_tiny, _small or _base |
    # mobilenetv3_large or _small | a callable, see `build_detector`
    BACKBONE: Any = "resnet101"
    # For a callable BACKBONE: (image shape) -> (levels, 2) heights and widths; checks strides.
    COMPUTE_BACKBONE_SHAPE: Any = None
    BACKBONE_STRIDES: Any = (4, 8, 16, 32, 64)
    TOP_DOWN_PYRAMID_SIZE = 256  # channels of P2..P6
    # new: fpn | none: C4 alone; BACKBONE_STRIDES become (16,), each cell has all RPN_ANCHOR_SCALES
    NECK = "fpn"
    NECK_GATE = "none"  # new: none | se | cbam: attention on each level, see `modeling.necks`
    # False: BatchNorm uses its stored statistics, since batches are small. True, None: updates them
    TRAIN_BN: bool | None = False
    MIXED_PRECISION = False  # new: bfloat16 convolutions on a GPU or TPU; geometry stays float32
    JIT_COMPILE: Any = "auto"  # new: True | False | "auto": XLA on accelerators, not on a CPU

    # Input images
    # none | square | pad64 | crop | portrait (new: IMAGE_MAX_DIM high, IMAGE_MIN_DIM wide)
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM: Any = 800
    IMAGE_MAX_DIM: Any = 1024
    IMAGE_MIN_SCALE: Any = 0  # least factor of enlargement in "square" mode; 0: none
    # new: (0.5, 2.0) trains on images resized by a random factor between these
    SCALE_JITTER: Any = None
    # new: share of training images into which objects of another one are pasted
    # (Ghiasi et al., "Simple Copy-Paste", 2021)
    COPY_PASTE = 0.0
    # new: share of training images that become one object on a plain ground, as product shots are,
    # and share that become an enlarged part without objects
    CUT_OUTS = 0.0
    BACKGROUND_CROPS = 0.0
    # If not 3, MEAN_PIXEL and load_image need as many channels, and loading weights
    # exclude=["conv1"].
    IMAGE_CHANNEL_COUNT = 3
    MEAN_PIXEL: Any = None  # RGB, 0..255; None: that of the backbone's training
    PIXEL_STD: Any = None  # new as well

    # Region proposals
    NUM_CLASSES = 1  # background included
    RPN_ANCHOR_SCALES: Any = (32, 64, 128, 256, 512)  # side of a square anchor, for each level
    RPN_ANCHOR_RATIOS: Any = (0.5, 1, 2)  # width / height
    RPN_ANCHOR_STRIDE = 1  # cells; 2 places anchors at every other cell
    RPN_CHANNELS = 512  # new
    RPN_NMS_THRESHOLD = 0.7  # IoU above which a worse proposal is suppressed
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    RPN_BBOX_STD_DEV: Any = (0.1, 0.1, 0.2, 0.2)  # of deltas dy, dx, log dh, log dw
    PRE_NMS_LIMIT = 6000  # anchors of an image, all levels together
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000

    # Box, class and mask heads
    USE_RPN_ROIS = True  # False is refused: RoIs from elsewhere are an input, see `Detector`
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33  # largest share of positive RoIs
    BBOX_STD_DEV: Any = (0.1, 0.1, 0.2, 0.2)  # of deltas dy, dx, log dh, log dw
    # new: box heads in a row, 1 to 3 (Cascade R-CNN, Cai and Vasconcelos 2018). The second and the
    # third refine the boxes of the one before, see `modeling.cascade`. Their settings:
    CASCADE_STAGES = 1
    CASCADE_IOU: Any = (0.6, 0.7)  # a RoI is positive from this IoU on; in the first stage 0.5
    CASCADE_STD_DIVISORS: Any = (2.0, 3.0)  # of BBOX_STD_DEV: refined boxes move less
    CASCADE_LOSS_WEIGHTS: Any = (0.5, 0.25)  # of the class and box loss, times LOSS_WEIGHTS
    POOL_SIZE = 7  # cells
    MASK_POOL_SIZE = 14  # cells
    # Cells of a predicted mask: twice MASK_POOL_SIZE; new: four times refines masks, see `MaskHead`
    MASK_SHAPE: Any = (28, 28)
    MASK_CHANNELS = 256  # new
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024  # channels of the box head
    # new: a `PixelConvention`: "aligned" | "corners", which Matterport's weights were trained with.
    # "auto" is aligned until weights are loaded that were trained otherwise.
    ROI_ALIGN = "auto"
    USE_MINI_MASK = True
    MINI_MASK_SHAPE: Any = (56, 56)
    MAX_GT_INSTANCES = 100  # objects of an image that are trained on
    MIN_VISIBLE_SHARE = 0.0  # new: objects with a smaller share of pixels in the image are dropped

    # Detections
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE: Any = 0.7
    # new: hard | soft_linear | soft_gaussian: soft-NMS (Bodla et al. 2017), which lowers the scores
    # of what overlaps instead of dropping it
    DETECTION_NMS = "hard"
    DETECTION_NMS_THRESHOLD = 0.3  # IoU, within a class; soft_gaussian has none
    DETECTION_NMS_SIGMA = 0.5  # new: of soft_gaussian: a score is multiplied by exp(-IoU² / sigma)
    DETECTION_ALL_CLASSES = False  # new: True: a proposal may give a detection for each class
    # new: added to the logit of the background; above 0 for a box head that was trained on a larger
    # share of positive RoIs than it sees in prediction
    DETECTION_BACKGROUND_LOGIT = 0.0
    # new: a score is multiplied by the mean probability of its mask's pixels to this power
    DETECTION_MASK_CERTAINTY = 0.0
    # new: [IoU, factor]: lowers scores of what overlaps a better detection of another class
    DETECTION_OTHER_CLASS: Any = None
    # new: [scale, shift] of the logit of a score, see `mrcnn.ops.calibration`
    SCORE_CALIBRATION: Any = None
    # new: numbers of detections that the mask head and other heads are compiled for
    MASK_BUCKETS: Any = (8, 16, 32, 64, 100)

    # Training
    OPTIMIZER = "sgd"  # new: sgd | nesterov | adam (without weight decay) | adamw | rmsprop
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    LR_SCHEDULE = "constant"  # new: constant | step | cosine, within a stage
    # new: fractions of a stage after which "step" multiplies the rate by LR_STEP_FACTOR. These are
    # those of Detectron2: 60k and 80k of 90k steps.
    LR_STEPS: Any = (2 / 3, 8 / 9)
    LR_STEP_FACTOR = 0.1  # new
    WARMUP_STEPS = 0  # new: of linear warm-up at the start of each stage
    WEIGHT_DECAY = 0.0001  # decoupled from the gradient; not for biases and BatchNorm
    GRADIENT_CLIP_NORM: Any = 5.0  # global norm over all gradients; 0 or None: no clipping
    # new: factor on the learning rate from each stage of the backbone to the one before: stage 5
    # learns at this share of the heads' rate, stage 4 at its square, and so on
    LAYER_DECAY = 1.0
    # new: batches whose mean gradient makes one update. Warm-up and schedules still count batches.
    ACCUMULATE = 1
    # new: of the moving average of the weights (0: none), at most 1 - 10 / batches of the stage.
    # It is evaluated beside the weights; the better of both becomes best.h5.
    EMA_MOMENTUM = 0.0
    CLASS_LABEL_SMOOTHING = 0.0  # new: share of a class label that is spread over all classes
    # new: [0.8, 2.0], mitigation and compensation of Seesaw loss for classes of very different
    # frequency, see `ops.losses.seesaw_shift`; it needs CLASS_COUNTS
    SEESAW_LOSS: Any = None
    CLASS_COUNTS: Any = None  # new: objects of each class in the training data, background first
    # new: smooth_l1 of the deltas | giou | ciou of the boxes; a weight of about 10 in LOSS_WEIGHTS
    # brings these to the size of the other losses
    BOX_LOSS = "smooth_l1"
    MASK_DICE = 0.0  # new: weight of the Dice loss that is added to the mask loss
    LOSS_WEIGHTS: dict[str, float] = {name: 1.0 for name in LOSSES}

    # Further names in LOSS_WEIGHTS, of extra heads.
    losses_of_heads: tuple[str, ...] = ()

    # Set by `derive`.
    BATCH_SIZE: int
    IMAGE_SHAPE: np.ndarray
    IMAGE_META_SIZE: int

    def __init__(self) -> None:
        self._take_functions_as_given()
        self._check_types()
        self._make_whole()
        mean, std = map(list, PIXEL_STATISTICS[self.backbone_family()])
        std = std if self.IMAGE_CHANNEL_COUNT == len(std) else [1.0] * self.IMAGE_CHANNEL_COUNT
        self.MEAN_PIXEL = np.array(mean if self.MEAN_PIXEL is None else self.MEAN_PIXEL, np.float32)
        self.PIXEL_STD = np.array(std if self.PIXEL_STD is None else self.PIXEL_STD, np.float32)
        if self.NECK == "none" and len(self.BACKBONE_STRIDES) > 1:
            self.BACKBONE_STRIDES = (self.BACKBONE_STRIDES[2],)
        self._complete_anchor_scales()
        self.derive()
        self.validate()

    def derive(self) -> None:
        """Computes BATCH_SIZE, IMAGE_SHAPE and IMAGE_META_SIZE from other settings.

        One that was set by hand after the last call stays.
        """
        least, most = self.IMAGE_MIN_DIM or 0, self.IMAGE_MAX_DIM or 0
        sides = {"portrait": (most, least), "crop": (least, least)}
        height, width = sides.get(self.IMAGE_RESIZE_MODE, (most, most))
        before = vars(self).get("_derived", {})
        self._derived = {
            "BATCH_SIZE": self.IMAGES_PER_GPU * self.GPU_COUNT,
            "IMAGE_META_SIZE": 12 + self.NUM_CLASSES,
            "IMAGE_SHAPE": np.array([height, width, self.IMAGE_CHANNEL_COUNT]),
        }
        for name, value in self._derived.items():
            if name not in before or np.array_equal(getattr(self, name), before[name]):
                setattr(self, name, value)

    @property
    def image_hw(self) -> Size:
        """(height, width) of the network input; in the modes "none" and "pad64" images differ."""
        return int(self.IMAGE_SHAPE[0]), int(self.IMAGE_SHAPE[1])

    @property
    def updates_statistics(self) -> bool:
        """Whether BatchNorm updates its statistics: TRAIN_BN, where None means True."""
        return self.TRAIN_BN is None or bool(self.TRAIN_BN)

    @property
    def positive_rois(self) -> int:
        """Largest number of positive RoIs among TRAIN_ROIS_PER_IMAGE, at least 1."""
        return max(1, int(self.TRAIN_ROIS_PER_IMAGE * self.ROI_POSITIVE_RATIO))

    @property
    def refines_masks(self) -> bool:
        """Whether the mask head upsamples twice: MASK_SHAPE is four times MASK_POOL_SIZE."""
        return self.MASK_SHAPE[0] == 4 * self.MASK_POOL_SIZE

    @property
    def anchor_shapes(self) -> tuple[tuple, tuple]:
        """(scales, ratios) for `ops.anchors.pyramid_anchors`.

        With an FPN: one scale per level, and the ratios. With a single level: all pairs of ratio
        and scale.
        """
        if self.NECK == "fpn":
            return tuple(self.RPN_ANCHOR_SCALES), tuple(self.RPN_ANCHOR_RATIOS)
        ratios, scales = zip(*itertools.product(self.RPN_ANCHOR_RATIOS, self.RPN_ANCHOR_SCALES))
        return (scales,), ratios

    def backbone_family(self) -> str:
        """Finds the family of the backbone, which decides how pixels are normalised.

        Returns:
            A key of `PIXEL_STATISTICS`; a callable counts as a ResNet.
        """
        if callable(self.BACKBONE):
            return "resnet"
        return next((f for f in PIXEL_STATISTICS if str(self.BACKBONE).startswith(f)), "resnet")

    def _take_functions_as_given(self) -> None:
        # A function in a class becomes a method and would get the config as its first argument.
        # That is meant only if it is called `self`.
        for name in ("BACKBONE", "COMPUTE_BACKBONE_SHAPE"):
            value = getattr(self, name)
            if inspect.ismethod(value) and value.__self__ is self:
                if next(iter(inspect.signature(value.__func__).parameters), None) != "self":
                    setattr(self, name, value.__func__)

    def _make_whole(self) -> None:
        """Converts 512.0 to 512, and no clipping to a norm of 0."""
        for name in (
            *WHOLE,
            *WHOLE_FROM_ZERO,
            "IMAGE_MIN_DIM",
            "IMAGE_MAX_DIM",
            "CASCADE_STAGES",
        ):
            value = getattr(self, name)
            if is_number(value) and not isinstance(value, (int, np.integer)):
                setattr(self, name, int(value))
        if self.GRADIENT_CLIP_NORM is None:
            self.GRADIENT_CLIP_NORM = 0.0

    def _complete_anchor_scales(self) -> None:
        """Adds missing scales: Matterport makes anchors for as many levels as there are scales."""
        given, levels = tuple(self.RPN_ANCHOR_SCALES), len(self.BACKBONE_STRIDES)
        if self.NECK != "fpn" or len(given) >= levels:
            return
        scales = [int(scale) if is_whole(scale) else float(scale) for scale in given]
        while len(scales) < levels:
            scales.append(2 * scales[-1])
        self.RPN_ANCHOR_SCALES = tuple(scales)
        _warn_once(
            f"RPN_ANCHOR_SCALES has {len(given)} sides for {levels} pyramid levels. They are used "
            "for the first levels, and each further level gets twice the side before: "
            f"RPN_ANCHOR_SCALES = {tuple(scales)}."
        )

    def validate(self) -> None:
        """Checks all settings.

        Raises:
            ValueError: A value cannot work. The message names the setting and what would work.
        """
        self._check_types()
        check("BATCH_SIZE", self.BATCH_SIZE, whole())
        self._check_names()
        self._check_image_size()
        if self.NECK == "fpn" and len(self.RPN_ANCHOR_SCALES) != len(self.BACKBONE_STRIDES):
            raise ValueError(
                f"RPN_ANCHOR_SCALES needs one side length for each of the "
                f"{len(self.BACKBONE_STRIDES)} pyramid levels (strides "
                f"{tuple(self.BACKBONE_STRIDES)}). Got {tuple(self.RPN_ANCHOR_SCALES)}; set "
                "RPN_ANCHOR_SCALES = "
                f"{tuple(self.RPN_ANCHOR_SCALES)[: len(self.BACKBONE_STRIDES)]}."
            )
        twice, four_times = 2 * self.MASK_POOL_SIZE, 4 * self.MASK_POOL_SIZE
        if tuple(self.MASK_SHAPE) not in ((twice, twice), (four_times, four_times)):
            raise ValueError(
                "MASK_SHAPE must be twice MASK_POOL_SIZE, or four times to refine masks, since "
                "the mask head doubles its input once or twice. Got "
                f"{tuple(self.MASK_SHAPE)} for {self.MASK_POOL_SIZE}; set MASK_SHAPE = "
                f"({twice}, {twice}) or ({four_times}, {four_times})."
            )
        self._check_cascade()
        if not self.USE_RPN_ROIS:
            raise ValueError(
                "USE_RPN_ROIS must be True: `train` takes the rois that the RPN proposes. To train "
                "on others, add them to the batches that you give to keras_model.fit, as "
                '"rois" (B, P, 4) yxyx, pixels.'
            )
        if self.SCORE_CALIBRATION is not None and self.SCORE_CALIBRATION[0] <= 0:
            raise ValueError(
                "SCORE_CALIBRATION is [scale, shift] with a scale above 0, which keeps the order "
                f"of the detections. Got {self.SCORE_CALIBRATION!r}."
            )
        for name in ("MEAN_PIXEL", "PIXEL_STD"):
            if getattr(self, name).shape != (self.IMAGE_CHANNEL_COUNT,):
                raise ValueError(
                    f"{name} needs one number for each of the IMAGE_CHANNEL_COUNT = "
                    f"{self.IMAGE_CHANNEL_COUNT} channels. Got {getattr(self, name).tolist()}."
                )

    def _check_cascade(self) -> None:
        needed = self.CASCADE_STAGES - 1
        for name in ("CASCADE_IOU", "CASCADE_STD_DIVISORS", "CASCADE_LOSS_WEIGHTS"):
            if len(getattr(self, name)) < needed:
                raise ValueError(
                    f"{name} needs a value for each stage after the first: {needed} with "
                    f"CASCADE_STAGES = {self.CASCADE_STAGES}. Got {shown(getattr(self, name))}."
                )
        ious = [0.5, *self.CASCADE_IOU]
        if needed and not (ious == sorted(ious) and ious[-1] < 1):
            raise ValueError(
                "CASCADE_IOU must not fall from stage to stage, starts from the 0.5 of the first, "
                f"and stays below 1. Got {shown(self.CASCADE_IOU)}; the paper has (0.6, 0.7)."
            )

    def _check_types(self) -> None:
        for name, rule in RULES.items():
            check(name, getattr(self, name), rule)
        for name, choices in CHOICES.items():
            _one_of(name, getattr(self, name), choices)
        if not (isinstance(self.BACKBONE, str) or callable(self.BACKBONE)):
            raise ValueError(
                f"BACKBONE must be the name of a backbone, or a callable. Got {self.BACKBONE!r}."
            )
        check_loss_weights(self.LOSS_WEIGHTS, (*LOSSES, *self.losses_of_heads))

    def _check_names(self) -> None:
        """Warns of further attributes whose names look like mistyped settings."""
        known = [name for name in vars(Config) if name.isupper()] + list(DERIVED)
        own = (name for name in dir(self) if name.isupper() and not name.startswith("_"))
        for name, meant in mistyped(own, known).items():
            _warn_once(
                f"{name} is not a setting of this library, and nothing reads it. Did you mean "
                f"{meant}?"
            )

    def _check_image_size(self) -> None:
        names = {
            "portrait": ("IMAGE_MIN_DIM", "IMAGE_MAX_DIM"),
            "crop": ("IMAGE_MIN_DIM",),
            "pad64": ("IMAGE_MIN_DIM",),
        }.get(self.IMAGE_RESIZE_MODE, ("IMAGE_MAX_DIM",))
        for name in names:
            n = getattr(self, name) or 0
            if n < 64 or n % 64:
                low = max(64, n // 64 * 64)
                raise ValueError(
                    f"{name} must be a multiple of 64 (the pyramid halves the image six times). "
                    f"Got {n}; the nearest sizes that work are {low} and {low + 64}."
                )
            if n > LONGEST_SIDE:
                raise ValueError(
                    f"{name} is at most {LONGEST_SIDE}: a network input of {n} x {n} pixels takes "
                    f"{n * n * 12 / 2**30:.3g} GiB, and what is computed from it many times that. "
                    f"Got {n}."
                )
        if self.COPY_PASTE and self.IMAGE_RESIZE_MODE in ("none", "pad64"):
            raise ValueError(
                "COPY_PASTE needs images of one size, and IMAGE_RESIZE_MODE "
                f"{self.IMAGE_RESIZE_MODE!r} lets each keep its own. Use 'square', 'portrait' or "
                "'crop', or COPY_PASTE = 0."
            )
        jitter = self.SCALE_JITTER
        if jitter is not None and not (
            several(above_zero(), 2).allows(jitter) and jitter[0] <= jitter[1]
        ):
            raise ValueError(
                "SCALE_JITTER must be [smallest, largest factor], above 0, for instance "
                f"[0.5, 2.0], or None. Got {jitter!r}."
            )
        if self.IMAGE_RESIZE_MODE == "portrait" and self.IMAGE_MIN_DIM > self.IMAGE_MAX_DIM:
            raise ValueError(
                f"IMAGE_MIN_DIM must not exceed IMAGE_MAX_DIM. Got {self.IMAGE_MIN_DIM} and "
                f"{self.IMAGE_MAX_DIM}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Lists every setting.

        Returns:
            JSON-able values by name; callables appear by name, other objects as text.
        """
        names = [n for n in dir(self) if n.isupper() and not n.startswith("_")]
        return {name: _plain(getattr(self, name)) for name in names}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Makes a config from the result of `to_dict`.

        `to_dict` holds only the name of a callable BACKBONE: it must be given again before a model
        is built, in `values` or as an attribute.

        Args:
            values: Settings by name; missing ones keep their defaults.

        Returns:
            The config.

        Raises:
            ValueError: A value cannot work.
        """
        dropped = set(DERIVED)
        if isinstance(values.get("COMPUTE_BACKBONE_SHAPE"), str):  # a name; it only checks
            dropped.add("COMPUTE_BACKBONE_SHAPE")
        return type(cls.__name__, (cls,), {k: v for k, v in values.items() if k not in dropped})()

    def display(self) -> None:
        """Prints every setting on a line, as Matterport's method does."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print()


def parse_setting(text: str, config_class: type[Config]) -> tuple[str, Any]:
    """Parses a setting that a person wrote.

    Args:
        text: KEY=VALUE.
        config_class: Has the setting KEY.

    Returns:
        KEY and the value, as JSON if it parses, else as a string.

    Raises:
        ValueError: There is no "=", or no such setting.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"A setting is written KEY=VALUE. Got {text!r}.")
    if key in DERIVED:
        raise ValueError(f"{key} follows from other settings ({DERIVED[key]}). Set those.")
    if not hasattr(config_class, key):
        meant = name_meant(key, (name for name in dir(config_class) if name.isupper()), 0.8)
        help = f"did you mean {meant}?" if meant else "its display() lists them."
        raise ValueError(f"{config_class.__name__} has no setting {key!r}; {help}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        words: dict[str, Any] = {"True": True, "False": False, "None": None}
        return key, words.get(value, value)


def _one_of(name: str, value: object, choices: Iterable[str]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {choices}. Got {shown(value)}.")


@functools.cache
def _warn_once(message: str) -> None:
    log.warning(message)


def _plain(value: Any) -> Any:
    """A JSON-able copy."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {
            k if isinstance(k, (str, int, float)) else str(k): _plain(v) for k, v in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, "__name__", str(value))
