"""Studies of the detector: the comparisons of the reports, as data.

Each is a list of variants of one recipe that differ in a few settings.
"""

from collections.abc import Mapping
from typing import Any

from fashion.studies.report_studies import REPORT_STUDIES
from fashion.studies.study import Study

_MLP = {"ATTRIBUTE_HEAD": "mlp"}
_REPORTS_BEST = _MLP | {"ATTRIBUTE_PER_CLASS": True, "ATTRIBUTE_LOSS": "focal"}
_MORE_ROIS = {"TRAIN_ROIS_PER_IMAGE": 128, "ROI_POSITIVE_RATIO": 0.25}
# A loss of IoU is about a tenth of the loss of deltas.
_BOXES_TEN_TIMES = {"mrcnn_bbox_loss": 10.0, "mrcnn_attribute_loss": 0.15}


def _of_attributes(title: str, variants: Mapping[str, Mapping[str, Any]]) -> Study:
    """A study that trains the attribute head alone."""
    layers = "mrcnn_attribute.*"
    return Study(title, variants, layers=layers, needs_weights=True, exclude=layers)


STUDIES = {
    # The four networks of a CS231n report on iMaterialist (its Figure 5), its future work, and the
    # attention of the slide deck.
    "attribute-heads": _of_attributes(
        "Attribute heads",
        {
            "linear": {"ATTRIBUTE_HEAD": "linear"},
            "linear, per class": {"ATTRIBUTE_HEAD": "linear", "ATTRIBUTE_PER_CLASS": True},
            "mlp": _MLP,
            "mlp, per class": _MLP | {"ATTRIBUTE_PER_CLASS": True},
            "mlp, per class, focal (the report's best)": _REPORTS_BEST,
            "conv": {"ATTRIBUTE_HEAD": "conv"},
            "attention": {"ATTRIBUTE_HEAD": "attention"},
        },
    ),
    # The same, where the attribute head trains the features too.
    "heads-together": Study(
        "Attribute heads, all layers trained together",
        {
            "linear": {"ATTRIBUTE_HEAD": "linear"},
            "mlp": _MLP,
            "mlp, per class, focal (the report's best)": _REPORTS_BEST,
        },
    ),
    # Its Figure 6, and the losses that came later.
    "attribute-losses": _of_attributes(
        "Losses of the attribute head",
        {
            "cross-entropy": _MLP,
            "focal": _MLP | {"ATTRIBUTE_LOSS": "focal"},
            "asymmetric": _MLP | {"ATTRIBUTE_LOSS": "asymmetric"},
            "rare ones count more": _MLP | {"ATTRIBUTE_POSITIVE_WEIGHT": 0.5},
            "hardest 20 absent ones": _MLP | {"ATTRIBUTE_HARD_NEGATIVES": 20},
        },
    ),
    "attribute-targets": _of_attributes(
        "What the attribute head is taught",
        {
            "objects; without attributes: none": _MLP,
            "objects; without attributes: left out": _MLP | {"ATTRIBUTE_EMPTY": "exclude"},
            "objects; without attributes: one more": _MLP | {"ATTRIBUTE_EMPTY": "background"},
            "all rois": _MLP | {"ATTRIBUTE_ROIS": "all"},
        },
    ),
    # Augmentations of the contests' winners, one by one.
    "variation": Study(
        "How photos are varied",
        {
            "plain": {},
            "scale jitter": {"SCALE_JITTER": [0.5, 2.0]},
            "copy-paste": {"COPY_PASTE": 0.5},
            "rebalanced": {},
            "cut-outs": {"CUT_OUTS": 0.1},
            "background crops": {"BACKGROUND_CROPS": 0.05},
            "not augmented": {"AUGMENT": False},
        },
        options={"rebalanced": ["--rebalance", "classes"]},
    ),
    # Losses and rates of the box and mask heads, one by one, and all that are not alternatives.
    "box-and-mask-losses": Study(
        "How box and mask heads are trained",
        {
            "plain": {},
            "more RoIs, fewer of them positive": _MORE_ROIS,
            "label smoothing": {"CLASS_LABEL_SMOOTHING": 0.05},
            "Seesaw": {"SEESAW_LOSS": [0.8, 2.0]},
            "GIoU": {"BOX_LOSS": "giou", "LOSS_WEIGHTS": _BOXES_TEN_TIMES},
            "CIoU": {"BOX_LOSS": "ciou", "LOSS_WEIGHTS": _BOXES_TEN_TIMES},
            "Dice": {"MASK_DICE": 0.5},
            "cascade": {"CASCADE_STAGES": 3},
            "finer masks": {"MASK_SHAPE": [56, 56], "MINI_MASK_SHAPE": [112, 112]},
            "soft-NMS": {"DETECTION_NMS": "soft_gaussian"},
            "early stages slower": {"LAYER_DECAY": 0.8},
            "moving average": {"EMA_MOMENTUM": 0.998},
            "together": _MORE_ROIS
            | {"CLASS_LABEL_SMOOTHING": 0.05, "MASK_DICE": 0.5}
            | {"LAYER_DECAY": 0.8, "EMA_MOMENTUM": 0.998},
        },
    ),
    # Figure 4 of the CS231n report. ImageNet weights are loaded where there are published ones, see
    # weights/README.md.
    "backbones": Study(
        "Backbones",
        {
            "resnet50": {"BACKBONE": "resnet50"},
            "resnet101": {"BACKBONE": "resnet101"},
            "resnext101_32x8d": {"BACKBONE": "resnext101_32x8d"},
            "efficientnet_lite0": {"BACKBONE": "efficientnet_lite0"},
            "efficientnet_lite2": {"BACKBONE": "efficientnet_lite2"},
            "efficientnet_b0": {"BACKBONE": "efficientnet_b0"},
            "convnext_tiny": {"BACKBONE": "convnext_tiny"},
            "mobilenetv3_large": {"BACKBONE": "mobilenetv3_large"},
            "resnet50, without a pyramid": {"BACKBONE": "resnet50", "NECK": "none"},
            "resnet50, squeeze and excitation": {"BACKBONE": "resnet50", "NECK_GATE": "se"},
        },
    ),
    **REPORT_STUDIES,
}
