"""Studies: the comparisons of the reports, each a list of variants of one recipe that differ in a few settings."""

import dataclasses

_MLP = {"ATTRIBUTE_HEAD": "mlp"}
_REPORTS_BEST = _MLP | {"ATTRIBUTE_PER_CLASS": True, "ATTRIBUTE_LOSS": "focal"}


@dataclasses.dataclass(frozen=True)
class Study:
    """title: of the table; variants: {name: settings}, the first is what the others are compared with
    layers: what is trained, as `mrcnn.training.stages` has it; needs_weights: from a trained model that must be given; anew: of
        which these layers are not taken, a regular expression; words: {name: options of `train`}, of a variant that is more than settings
    """

    title: str
    variants: dict
    layers: str = "all"
    needs_weights: bool = False
    anew: str = ""
    words: dict = dataclasses.field(default_factory=dict)


def _of_attributes(title, variants):
    return Study(
        title, variants, layers="mrcnn_attribute.*", needs_weights=True, anew="mrcnn_attribute.*"
    )


STUDIES = {
    # The four networks of a CS231n report on iMaterialist (its Figure 5), its future work, and the slide deck's attention.
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
    # The same where the head shapes the features, too.
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
    # What the contests' winners did to their photos, one by one.
    "variation": Study(
        "How photos are varied",
        {
            "plain": {},
            "scale jitter": {"SCALE_JITTER": [0.5, 2.0]},
            "copy-paste": {"COPY_PASTE": 0.5},
            "rebalanced": {},
            "not augmented": {"AUGMENT": False},
        },
        words={"rebalanced": ["--rebalance", "classes"]},
    ),
    # Figure 4 of the CS231n report. Weights trained on ImageNet are loaded where they are known, see weights/README.md.
    "backbones": Study(
        "Backbones",
        {
            "resnet50": {"BACKBONE": "resnet50"},
            "resnet101": {"BACKBONE": "resnet101"},
            "resnext101_32x8d": {"BACKBONE": "resnext101_32x8d"},
            "efficientnet_lite0": {"BACKBONE": "efficientnet_lite0"},
            "efficientnet_lite2": {"BACKBONE": "efficientnet_lite2"},
            "efficientnet_b0": {"BACKBONE": "efficientnet_b0"},
            "resnet50, without a pyramid": {"BACKBONE": "resnet50", "NECK": "none"},
            "resnet50, squeeze and excitation": {"BACKBONE": "resnet50", "NECK_GATE": "se"},
        },
    ),
}
