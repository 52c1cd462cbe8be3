"""FashionConfig and the recipes: settings of whole trainings, with their costs and scores."""

import math
from typing import Any

from mrcnn.config import LOSSES, Config
from mrcnn.setting_checks import check, is_number, number, shown, switch, text, whole
from mrcnn.training.stages import Stage

# Values of settings that files from before these settings existed were trained with; the defaults
# have changed since.
BEFORE = {"ATTRIBUTE_HEAD": "linear", "MIN_VISIBLE_SHARE": 0.0}


STAGE_FORM = (
    'A stage is [name, layers, epochs, learning_rate], for instance ["heads", "heads", 5, 0.001].'
)
CHOICES = {
    "ATTRIBUTE_HEAD": ("linear", "mlp", "conv", "attention"),
    "ATTRIBUTE_LOSS": ("bce", "focal", "asymmetric"),
    "ATTRIBUTE_ROIS": ("positives", "all"),
    "ATTRIBUTE_EMPTY": ("none", "exclude", "background"),
}
# Settings that are numbers, with their least and largest values.
_RANGES = (
    ("ATTRIBUTE_THRESHOLD", 0, 1),
    ("CONFIDENCE_THRESHOLD", 0, 1),
    ("ATTRIBUTE_POSITIVE_WEIGHT", 0, 1),
    ("REBALANCE_THRESHOLD", 0, 1),
    ("REBALANCE_ATTRIBUTE_THRESHOLD", 0, 1),
    ("REBALANCE_BETA", 0, 1),
    ("ATTRIBUTE_HARD_NEGATIVES", 0, 10**6),
    ("ATTRIBUTE_HIDDEN", 1, 10**6),
    ("ATTRIBUTE_CHANNELS", 1, 10**6),
)


class FashionConfig(Config):
    """Settings of the recipe "baseline". Not trained yet.

    512 x 512 pixels, ResNet-50, 46 categories and 294 attributes, the heads first and then every
    layer: nine epochs of 45,000 images. NUM_CLASSES and NUM_ATTRIBUTES follow the data set that is
    trained on.
    """

    NAME = "fashion"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 46
    NUM_ATTRIBUTES = 294
    ATTRIBUTE_THRESHOLD = 0.5  # an attribute is reported from this score on
    CONFIDENCE_THRESHOLD = 0.5  # a detection is reported from this score on, unless --conf is given
    # linear, mlp: on the box head's features; conv, attention: on features of their own.
    ATTRIBUTE_HEAD = "linear"
    ATTRIBUTE_HIDDEN = 1024  # width of mlp and conv
    ATTRIBUTE_CHANNELS = 256  # of conv and attention
    ATTRIBUTE_PER_CLASS = False  # separate outputs for every class
    ATTRIBUTE_LOSS = "bce"  # bce, focal, asymmetric
    ATTRIBUTE_FOCAL = (0.25, 2.0)  # alpha, gamma
    # Gamma of present and of absent attributes, and the margin.
    ATTRIBUTE_ASYMMETRIC = (0.0, 4.0, 0.05)
    # Present attributes weigh (absent / present in the training data) to this power.
    ATTRIBUTE_POSITIVE_WEIGHT = 0.0
    ATTRIBUTE_HARD_NEGATIVES = 0  # number of absent attributes of a RoI that count; 0 for all
    # RoIs that the head is trained on: those on objects, or "all". RoIs on the background have no
    # attributes, and add to the loss.
    ATTRIBUTE_ROIS = "positives"
    # Objects without attributes: "none" trains on them as they are, "exclude" leaves them out,
    # "background" adds an output for them.
    ATTRIBUTE_EMPTY = "none"
    # Report only attributes that the training data have in that category.
    ATTRIBUTE_SEEN_PAIRS = False
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGES_PER_GPU = 2
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 1000
    POST_NMS_ROIS_INFERENCE = 500
    TRAIN_ROIS_PER_IMAGE = 128
    MAX_GT_INSTANCES = 60
    MIN_VISIBLE_SHARE = 0.1
    # AP needs detections of low confidence too; predict and submit have their own --conf.
    DETECTION_MIN_CONFIDENCE = 0.05
    DETECTION_NMS_THRESHOLD = 0.5
    DETECTION_ALL_CLASSES = True
    # Not all images: an interrupt loses one epoch. The next one continues where this one ended.
    STEPS_PER_EPOCH = 2000
    VALIDATION_STEPS = 100
    WARMUP_STEPS = 500
    # The attribute loss is a sum over all attributes; this weight brings it to the size of others.
    LOSS_WEIGHTS = {**{name: 1.0 for name in LOSSES}, "mrcnn_attribute_loss": 0.15}
    losses_of_heads: tuple[str, ...] = ("mrcnn_attribute_loss",)  # type: ignore[assignment]

    # How a recipe is trained
    STAGES: tuple[Stage, ...] = (
        Stage("heads", "heads", 10, 1e-3),
        Stage("all", "all", 90, 1e-4),
    )
    AUGMENT = True  # fashion.augmentation.default_augmenter
    # --rebalance classes: repeats those in fewer than this share of the images.
    REBALANCE_THRESHOLD = 0.1
    # The same for --rebalance attributes. Of 294 attributes most are in few images.
    REBALANCE_ATTRIBUTE_THRESHOLD = 0.01
    # --rebalance effective: about 1 / (1 - this) images of a class count, more hardly do.
    REBALANCE_BETA = 0.999
    EVALUATE_EVERY = 5  # epochs between evaluations on validation images
    EVALUATE_IMAGES = 500  # validation images that are evaluated at most

    def __init__(self) -> None:
        if not isinstance(self.STAGES, (list, tuple)):
            raise ValueError(
                f"STAGES must be a list of stages. {STAGE_FORM} Got {shown(self.STAGES)}."
            )
        self.STAGES = tuple(_stage(s) for s in self.STAGES)
        super().__init__()

    def validate(self) -> None:
        """Checks all settings.

        Raises:
            ValueError: A setting has an impossible value.
        """
        super().validate()
        for name in ("EVALUATE_EVERY", "EVALUATE_IMAGES"):
            check(name, getattr(self, name), whole())
        for name in ("ATTRIBUTE_PER_CLASS", "ATTRIBUTE_SEEN_PAIRS", "AUGMENT"):
            check(name, getattr(self, name), switch())
        check("NUM_ATTRIBUTES", self.NUM_ATTRIBUTES, whole(0))
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not is_number(value) or not least <= value <= most:
                raise ValueError(f"{name} must be a number from {least} to {most}. Got {value!r}.")
        if self.REBALANCE_BETA == 1:
            raise ValueError("REBALANCE_BETA must be less than 1; 0.9999 is close to it. Got 1.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(choices)}. Got {getattr(self, name)!r}."
                )
        _check_numbers(
            "ATTRIBUTE_FOCAL", self.ATTRIBUTE_FOCAL, (1, math.inf), "alpha from 0 to 1, gamma"
        )
        _check_numbers(
            "ATTRIBUTE_ASYMMETRIC",
            self.ATTRIBUTE_ASYMMETRIC,
            (math.inf, math.inf, 0.99),
            "gamma of ones, gamma of zeros, margin below 1",
        )


def _check_numbers(name: str, value: Any, most: tuple[float, ...], expected: str) -> None:
    """Checks a list of numbers from 0 to a largest value each."""
    if (
        not isinstance(value, (tuple, list))
        or len(value) != len(most)
        or not all(is_number(v) and 0 <= v <= m for v, m in zip(value, most))
    ):
        raise ValueError(f"{name} must be [{expected}], none of them negative. Got {value!r}.")


class Small(FashionConfig):
    """What the recipes for a CPU have in common: a light backbone, light heads and AdamW."""

    BACKBONE = "efficientnet_lite0"
    IMAGE_RESIZE_MODE = "portrait"
    IMAGES_PER_GPU = 4
    # New heads train faster with it, and four images of one size are enough for the statistics.
    TRAIN_BN = True
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    MAX_GT_INSTANCES = 32
    OPTIMIZER = "adamw"
    LR_SCHEDULE = "cosine"
    WEIGHT_DECAY = 1e-3


class Smoke(Small):
    """The built-in data at 192 x 128 pixels on a CPU: what `make demo` runs.

    On 80 validation drawings: mask AP 0.493, AP50 0.802, box AP 0.555, attribute micro F1 0.848
    (2026-11-21). 1900 batches took ten to eleven minutes of two CPU cores; the whole demo, set-up
    included, thirteen.
    """

    NAME = "smoke"
    IMAGE_MIN_DIM = 128
    IMAGE_MAX_DIM = 192
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CHANNELS = 64
    MASK_CHANNELS = 32
    FPN_CLASSIF_FC_LAYERS_SIZE = 384
    ATTRIBUTE_HIDDEN = 384
    PRE_NMS_LIMIT = 500
    POST_NMS_ROIS_TRAINING = 300
    POST_NMS_ROIS_INFERENCE = 200
    DETECTION_MAX_INSTANCES = 40
    STEPS_PER_EPOCH = 100
    VALIDATION_STEPS = 5
    WARMUP_STEPS = 50
    STAGES = (Stage("heads", "heads", 1, 1e-3), Stage("all", "all", 18, 1e-3))
    EVALUATE_EVERY = 10


class CCP(Small):
    """Street photographs (Clothing Co-Parsing in Kaggle's layout) at 384 x 256 pixels on a CPU.

    With --rebalance. On 103 validation images: mask AP 0.227, AP50 0.410, box AP 0.221, attribute
    micro F1 0.762 (2026-11-21). 14 epochs of 700 images took about an hour of two CPU cores.
    """

    NAME = "ccp"
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 384
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CHANNELS = 128
    MASK_CHANNELS = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    ATTRIBUTE_HIDDEN = 512
    PRE_NMS_LIMIT = 1000
    POST_NMS_ROIS_TRAINING = 400
    POST_NMS_ROIS_INFERENCE = 300
    DETECTION_MAX_INSTANCES = 50
    STEPS_PER_EPOCH = 175
    WARMUP_STEPS = 100
    STAGES = (Stage("heads", "heads", 1, 1e-3), Stage("all", "all", 13, 5e-4))
    EVALUATE_EVERY = 2


class Full(FashionConfig):
    """All of iMaterialist on two GPUs. Not trained yet.

    A batch of 16, and rates that grew with it (Goyal et al. 2017): 12 epochs of 45,000 images.
    More GPUs: --set GPU_COUNT=4 --set IMAGES_PER_GPU=4 keeps the batch.
    """

    NAME = "full"
    GPU_COUNT = 2
    IMAGES_PER_GPU = 8
    MIXED_PRECISION = True
    WARMUP_STEPS = 1000
    STAGES = (Stage("heads", "heads", 2, 8e-3), Stage("all", "all", 15, 8e-4))
    LR_SCHEDULE = "cosine"


class CS231n(FashionConfig):
    """The final settings of a CS231n course report, with Detectron2's defaults. Not trained yet.

    SGD with Nesterov momentum at a constant rate of 0.00025, images of 800 x 1333 pixels at most,
    COCO weights (--weights coco needs BACKBONE resnet101) or ImageNet's, two layers and separate
    outputs for every category in the attribute head: two epochs of 40,000 images, the first stages
    of the backbone frozen. The report: box AP 0.277, mask AP 0.247 with ResNet-50 on 2,000 images.
    """

    NAME = "cs231n"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1344  # a multiple of 64; the report's 1333
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    OPTIMIZER = "nesterov"
    WARMUP_STEPS = 1000
    ATTRIBUTE_HEAD = "mlp"
    ATTRIBUTE_PER_CLASS = True
    STAGES = (Stage("heads", "heads", 1, 2.5e-4), Stage("all", "3+", 19, 2.5e-4))


def _stage(value: Any) -> Stage:
    """A Stage, also from the list or the object that a command line or a file gives."""
    try:
        if isinstance(value, Stage):
            stage = value
        else:
            stage = Stage(**value) if isinstance(value, dict) else Stage(*value)
    except TypeError as error:
        raise ValueError(f"{STAGE_FORM} Got {value!r} in STAGES.") from error
    rules = {"name": text(), "layers": text(), "epochs": whole(0), "learning_rate": number()}
    for name, rule in rules.items():
        check(f"The {name} of a stage in STAGES", getattr(stage, name), rule)
    return stage


RECIPES: dict[str, type[FashionConfig]] = {
    "smoke": Smoke,
    "ccp": CCP,
    "baseline": FashionConfig,
    "full": Full,
    "cs231n": CS231n,
}

# Weights of the five losses of Mask R-CNN, in the order of LOSSES, by name: those of a series of
# trainings on iMaterialist 2019 that started from "ones", had their best score on Kaggle with
# "best", and separated categories best with "identification".
LOSS_PRESETS = {
    "ones": dict(zip(LOSSES, (1.0, 1.0, 1.0, 1.0, 1.0), strict=True)),
    "best": dict(zip(LOSSES, (1.0, 0.8, 6.0, 6.0, 6.0), strict=True)),
    "identification": dict(zip(LOSSES, (10.0, 0.8, 6.0, 6.0, 6.0), strict=True)),
}
