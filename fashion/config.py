"""FashionConfig and the recipes: complete settings of a training, each with what it costs and the score it reached."""

import math

from mrcnn.config import LOSSES, Config
from mrcnn.setting_checks import check, is_number, number, shown, switch, text, whole
from mrcnn.training.stages import Stage

# What a file that does not name these settings was trained with: it is older than they are, and the defaults have changed.
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


class FashionConfig(Config):
    """The reports' settings: 512 x 512, ResNet-50, 46 categories and 294 attributes, heads first and then every layer. Not trained yet.

    Nine times through 45,000 photos.
    NUM_CLASSES and NUM_ATTRIBUTES follow the data set that is trained on.
    """

    NAME = "fashion"
    BACKBONE = "resnet50"
    NUM_CLASSES = 1 + 46
    NUM_ATTRIBUTES = 294
    ATTRIBUTE_THRESHOLD = 0.5  # an attribute is reported from this score on
    ATTRIBUTE_HEAD = (
        "linear"  # linear, mlp: on the box head's features; conv, attention: on cells of their own
    )
    ATTRIBUTE_HIDDEN = 1024  # width of mlp and conv
    ATTRIBUTE_CHANNELS = 256  # of conv and attention
    ATTRIBUTE_PER_CLASS = False  # outputs of its own for every class
    ATTRIBUTE_LOSS = "bce"  # bce, focal, asymmetric
    ATTRIBUTE_FOCAL = (0.25, 2.0)  # alpha, gamma
    ATTRIBUTE_ASYMMETRIC = (0.0, 4.0, 0.05)  # gamma of what is present, of what is absent, margin
    ATTRIBUTE_POSITIVE_WEIGHT = (
        0.0  # a present attribute counts (absent / present in the training data) to this power
    )
    ATTRIBUTE_HARD_NEGATIVES = 0  # so many absent attributes of a roi count, the hardest; 0: all
    ATTRIBUTE_ROIS = "positives"  # what is taught: rois on objects, or "all", with none on the background, which adds to the loss
    ATTRIBUTE_EMPTY = "none"  # objects without attributes are taught so, or "exclude", or "background": one output more
    ATTRIBUTE_SEEN_PAIRS = (
        False  # report only attributes that the training data have in that category
    )
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
    DETECTION_MIN_CONFIDENCE = 0.05  # AP wants the unsure detections too; predict and submit have a --min-score of their own
    DETECTION_NMS_THRESHOLD = 0.5
    DETECTION_ALL_CLASSES = True
    STEPS_PER_EPOCH = 2000  # so that little is lost if an epoch is broken off; the next goes on where this one ended
    VALIDATION_STEPS = 100
    WARMUP_STEPS = 500
    # The attribute loss is a sum over all attributes; this weight brings it to the size of the others.
    LOSS_WEIGHTS = {**{name: 1.0 for name in LOSSES}, "mrcnn_attribute_loss": 0.15}
    losses_of_heads = ("mrcnn_attribute_loss",)

    # How a recipe is trained
    STAGES = (Stage("heads", "heads", 10, 1e-3), Stage("all", "all", 90, 1e-4))
    AUGMENT = True  # fashion.augmentation.default_augmenter
    REBALANCE_THRESHOLD = (
        0.1  # --rebalance classes: those in fewer than this share of the photos are repeated
    )
    REBALANCE_ATTRIBUTE_THRESHOLD = (
        0.01  # --rebalance attributes: likewise; of 294 attributes most are in few photos
    )
    REBALANCE_BETA = (
        0.999  # --rebalance effective: about 1 / (1 - this) photos of a class count, more hardly do
    )
    EVALUATE_EVERY = 5  # epochs between evaluations on validation photos
    EVALUATE_IMAGES = 500  # at most this many of them

    def __init__(self):
        if not isinstance(self.STAGES, (list, tuple)):
            raise ValueError(
                f"STAGES must be a list of stages. {STAGE_FORM} Got {shown(self.STAGES)}."
            )
        self.STAGES = tuple(_stage(s) for s in self.STAGES)
        super().__init__()

    def validate(self):
        super().validate()
        for name in ("EVALUATE_EVERY", "EVALUATE_IMAGES"):
            check(name, getattr(self, name), whole())
        for name in ("ATTRIBUTE_PER_CLASS", "ATTRIBUTE_SEEN_PAIRS", "AUGMENT"):
            check(name, getattr(self, name), switch())
        check("NUM_ATTRIBUTES", self.NUM_ATTRIBUTES, whole(0))
        for name, least, most in (
            ("ATTRIBUTE_THRESHOLD", 0, 1),
            ("ATTRIBUTE_POSITIVE_WEIGHT", 0, 1),
            ("REBALANCE_THRESHOLD", 0, 1),
            ("REBALANCE_ATTRIBUTE_THRESHOLD", 0, 1),
            ("REBALANCE_BETA", 0, 1),
            ("ATTRIBUTE_HARD_NEGATIVES", 0, 10**6),
            ("ATTRIBUTE_HIDDEN", 1, 10**6),
            ("ATTRIBUTE_CHANNELS", 1, 10**6),
        ):
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
        for name, *most in (
            ("ATTRIBUTE_FOCAL", 1, math.inf),
            ("ATTRIBUTE_ASYMMETRIC", math.inf, math.inf, 0.99),
        ):
            value = getattr(self, name)
            if not (
                isinstance(value, (tuple, list))
                and len(value) == len(most)
                and all(is_number(v) and 0 <= v <= m for v, m in zip(value, most))
            ):
                what = {
                    2: "alpha from 0 to 1, gamma",
                    3: "gamma of ones, gamma of zeros, margin below 1",
                }[len(most)]
                raise ValueError(f"{name} must be [{what}], none of them negative. Got {value!r}.")


class Small(FashionConfig):
    """What the recipes for a CPU share: a light backbone and light heads, and an optimiser that is quick to learn."""

    BACKBONE = "efficientnet_lite0"
    IMAGE_RESIZE_MODE = "portrait"
    IMAGES_PER_GPU = 4
    TRAIN_BN = True  # fresh heads learn faster for it, and four photos of one size are enough for statistics
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    MAX_GT_INSTANCES = 32
    OPTIMIZER = "adamw"
    LR_SCHEDULE = "cosine"
    WEIGHT_DECAY = 1e-3


class Smoke(Small):
    """The built-in data at 192 x 128 pixels on a CPU: what `make demo` runs.

    On 80 validation drawings: mask AP 0.493, AP50 0.802, box AP 0.555, attribute micro F1 0.848 (2026-11-21). 1900 batches took ten to
    eleven minutes of two CPU cores; the whole demo, set-up included, thirteen.
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
    """Real street photographs (Clothing Co-Parsing in the Kaggle layout) at 384 x 256 pixels on a CPU, with --rebalance.

    On 103 validation photos: mask AP 0.227, AP50 0.410, box AP 0.221, attribute micro F1 0.762 (2026-11-21). 14 epochs of 700
    photos took about an hour of two CPU cores.
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
    """All of iMaterialist on two GPUs: a batch of 16, and rates that grew with it (Goyal et al. 2017). Not trained yet.

    More GPUs: --set GPU_COUNT=4 --set IMAGES_PER_GPU=4 keeps the batch. 12 times through 45,000 photos.
    """

    NAME = "full"
    GPU_COUNT = 2
    IMAGES_PER_GPU = 8
    MIXED_PRECISION = True
    WARMUP_STEPS = 1000
    STAGES = (Stage("heads", "heads", 2, 8e-3), Stage("all", "all", 15, 8e-4))
    LR_SCHEDULE = "cosine"


def _stage(value):
    """A Stage, also from [name, layers, epochs, learning_rate] or {"name": ...}, as a command line or a file gives it."""
    try:
        stage = (
            value
            if isinstance(value, Stage)
            else Stage(**value)
            if isinstance(value, dict)
            else Stage(*value)
        )
    except TypeError as error:
        raise ValueError(f"{STAGE_FORM} Got {value!r} in STAGES.") from error
    rules = {"name": text(), "layers": text(), "epochs": whole(0), "learning_rate": number()}
    for name, rule in rules.items():
        check(f"The {name} of a stage in STAGES", getattr(stage, name), rule)
    return stage


RECIPES = {"smoke": Smoke, "ccp": CCP, "baseline": FashionConfig, "full": Full}
