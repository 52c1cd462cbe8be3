"""Studies: the comparisons of the reports, each a list of variants of one recipe that differ in a few settings."""
import dataclasses

_MLP = {"ATTRIBUTE_HEAD": "mlp"}
_REPORTS_BEST = _MLP | {"ATTRIBUTE_PER_CLASS": True, "ATTRIBUTE_LOSS": "focal"}


@dataclasses.dataclass(frozen=True)
class Study:
    """title: of the table; variants: {name: settings}, the first is what the others are compared with
    layers: what is trained, as `mrcnn.training.layer_groups` has it; needs_weights: from a trained model that must be given; anew: of
        which these layers are not taken, a regular expression
    """

    title: str
    variants: dict
    layers: str = "all"
    needs_weights: bool = False
    anew: str = ""


def _of_attributes(title, variants):
    return Study(title, variants, layers="mrcnn_attribute.*", needs_weights=True, anew="mrcnn_attribute.*")


STUDIES = {
    # The four networks of a CS231n report on iMaterialist (its Figure 5), its future work, and the slide deck's attention.
    "attribute-heads": _of_attributes("Attribute heads", {
        "linear": {"ATTRIBUTE_HEAD": "linear"},
        "linear, per class": {"ATTRIBUTE_HEAD": "linear", "ATTRIBUTE_PER_CLASS": True},
        "mlp": _MLP,
        "mlp, per class": _MLP | {"ATTRIBUTE_PER_CLASS": True},
        "mlp, per class, focal (the report's best)": _REPORTS_BEST,
        "conv": {"ATTRIBUTE_HEAD": "conv"},
        "attention": {"ATTRIBUTE_HEAD": "attention"},
    }),
    # Its Figure 6, and the losses that came later.
    "attribute-losses": _of_attributes("Losses of the attribute head", {
        "cross-entropy": _MLP,
        "focal": _MLP | {"ATTRIBUTE_LOSS": "focal"},
        "asymmetric": _MLP | {"ATTRIBUTE_LOSS": "asymmetric"},
        "rare ones count more": _MLP | {"ATTRIBUTE_POSITIVE_WEIGHT": 0.5},
        "hardest 20 absent ones": _MLP | {"ATTRIBUTE_HARD_NEGATIVES": 20},
    }),
    "attribute-targets": _of_attributes("What the attribute head is taught", {
        "objects; without attributes: none": _MLP,
        "objects; without attributes: left out": _MLP | {"ATTRIBUTE_EMPTY": "exclude"},
        "objects; without attributes: one more": _MLP | {"ATTRIBUTE_EMPTY": "background"},
        "all rois": _MLP | {"ATTRIBUTE_ROIS": "all"},
    }),
}
