"""Goals: the measures that thresholds can be searched for, each as a value of photos and as the worth of a detection's attributes.

The exact value is what decides and what is reported. The worth of attributes is a stand-in that can be computed for thousands of
thresholds at once: detections keep the objects that they found, and what changes is only whether their attributes suffice. It proposes.
"""

import dataclasses

import numpy as np

from fashion.evaluation.metrics.attributes import attribute_f1
from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia, macro_f1
from fashion.evaluation.metrics.kaggle import THRESHOLDS, counts_2019, precision_2020

_AT = np.array(THRESHOLDS)
_REACHED = 0.5  # set F1 that `f1_ap` asks for


# The worth of attributes: shared, said, real: arrays of counts that broadcast; a length of the attribute list; price: see `Goal.priced`


def _passes_2020(shared, said, real, length, price):
    return np.where(real > 0, np.searchsorted(_AT, _set_f1(shared, said, real)) / len(_AT), 1.0)


def _equal(shared, said, real, length, price):
    return ((shared == said) & (shared == real)).astype(float)


def _passes_fashionpedia(shared, said, real, length, price):
    return np.searchsorted(_AT, macro_f1(shared, said, real, length), side="right") / len(_AT)


def _passes_f1_ap(shared, said, real, length, price):
    return np.where(real > 0, _set_f1(shared, said, real) >= _REACHED, True).astype(float)


def _part_of_micro_f1(shared, said, real, length, price):
    return 2 * shared - price * (said + real)


def _set_f1(shared, said, real):
    return 2 * shared / np.maximum(said + real, 1)


# One photo: what its attributes amount to, and the value of a choice of its detections


def _f1_2020(photo, said):
    """(D, G) as `precision_2020` wants it."""
    real = photo.real.astype(np.float32)
    f1 = _set_f1(said.astype(np.float32) @ real.T, said.sum(axis=1)[:, None], real.sum(axis=1))
    return np.where(real.any(axis=1), f1, np.inf), photo.category[:, None] == photo.object_category


def _value_2020(photo, kept, iou, described):
    f1, same = described
    return np.array([precision_2020(iou[kept], same[kept], f1[kept]).mean()])


def _class_ids_2019(photo, said):
    """(D,), (G,): equal numbers are equal ClassIds."""
    rows = np.concatenate(
        [
            np.column_stack([photo.category, said]),
            np.column_stack([photo.object_category, photo.real]),
        ]
    ).astype(np.int64)
    numbers = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    return np.split(numbers, [len(said)])


def _counts_2019(photo, kept, iou, described):
    said, real = described[0][kept], described[1]
    names, numbers = np.unique(np.concatenate([said, real]), return_inverse=True)
    return counts_2019(iou[kept], numbers[: len(said)], numbers[len(said) :], len(names))


def _value_2019(photo, kept, iou, described):
    counts = _counts_2019(photo, kept, iou, described)
    return np.array([np.mean(counts[0] / counts.sum(axis=0)) if counts.shape[2] else 1.0])


def _pooled_2019(photo, kept, iou, described):
    return _counts_2019(photo, kept, iou, described).sum(axis=2).ravel()


def _ratio_2019(totals, photos):
    counts = totals.reshape(3, -1)
    return float(
        np.where(counts.sum(axis=0) > 0, counts[0] / np.maximum(counts.sum(axis=0), 1), 1.0).mean()
    )


def mean_of_photos(totals, photos):
    """The `Goal.total` of a measure that is a mean over photos."""
    return float(totals[0] / photos)


@dataclasses.dataclass(frozen=True)
class Goal:
    """A measure, 0..1. Either it is a function of sums over photos, and everything is searched, or of dicts, and attributes are."""

    title: str
    worth: callable  # of matched detections' attributes
    priced: bool = False  # a ratio of sums: its worth has a price, the ratio itself (Dinkelbach)
    shared_out: bool = False  # a photo's detections share its worth
    ranked: bool = False  # a measure of ranked detections, which counts them all
    describe: callable = None  # (Photo, said (D, T) bool) -> what `of_photo` reads
    of_photo: callable = None  # (Photo, kept (d,), iou (D, G), described) -> (n,) float64
    total: callable = mean_of_photos  # (sum of those, number of photos) -> float
    of_dicts: callable = None  # (ground_truth, detections) -> float


GOALS = {
    "kaggle_2020": Goal(
        "Kaggle 2020", _passes_2020, shared_out=True, describe=_f1_2020, of_photo=_value_2020
    ),
    "kaggle_2019": Goal(
        "Kaggle 2019, mean over photos and classes",
        _equal,
        describe=_class_ids_2019,
        of_photo=_value_2019,
    ),
    "kaggle_2019_pooled": Goal(
        "Kaggle 2019, pooled",
        _equal,
        describe=_class_ids_2019,
        of_photo=_pooled_2019,
        total=_ratio_2019,
    ),
    "fashionpedia": Goal(
        "Fashionpedia AP, fixed (ours), masks",
        _passes_fashionpedia,
        ranked=True,
        of_dicts=lambda truth, found: evaluate_fashionpedia(truth, found, fixed=True)["iou_f1/AP"],
    ),
    "f1_ap": Goal(
        "AP with F1 of the attributes, masks",
        _passes_f1_ap,
        ranked=True,
        of_dicts=lambda truth, found: evaluate_f1_ap(truth, found)["f1AP"],
    ),
    "attributes": Goal(
        "attributes, micro F1",
        _part_of_micro_f1,
        priced=True,
        of_dicts=lambda truth, found: attribute_f1(truth, found)["micro_f1"],
    ),
}
