"""Predicted and real attributes of objects, and how they agree, by attribute and category."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.typing import Array

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True)
class AttributeTables:
    """Attributes of N objects, over T attributes and K categories.

    n of the objects are ranked: those whose category carries attributes and has scores of them.
    Where no object of a category has attributes, the label list asks for none, and the scores of
    its objects mean nothing; where none has scores, the label list of the predictions asks for
    none.

    Attributes:
        attributes: {id: {"name", "supercategory"}}, T: those that the ground truth lists, in its
            order, then others that occur.
        categories: The same of K categories.
        instances: `(K,)` int, objects in the ground truth.
        carries: `(K,)` bool: some object in the ground truth has attributes.
        category: `(N,)` int, 0..K-1.
        predicted: `(N, T)` bool.
        real: `(N, T)` bool.
        ranked: `(n,)` int, which of the N.
        scores: `(n, listed attributes)` float32; None if there are none, or some object of a ranked
            category has none.
    """

    attributes: dict[int, dict]
    categories: dict[int, dict]
    instances: Array
    carries: Array
    category: Array
    predicted: Array
    real: Array
    ranked: Array
    scores: Array | None


def attribute_tables(
    ground_truth: dict, pairs: Sequence[tuple[Mapping, Mapping]]
) -> AttributeTables:
    """Lists the attributes of some objects and of their predictions.

    Args:
        ground_truth: COCO dict.
        pairs: (dict with "attribute_ids" and maybe "attribute_scores", one for each of the ground
            truth's "attributes", in its order; annotation with "attribute_ids").

    Returns:
        The tables.

    Raises:
        ValueError: If a prediction has not as many scores as the ground truth has attributes.
    """
    objects, listed = objects_of(ground_truth), ground_truth.get("attributes") or ()
    predicted = [_ids_of(prediction) for prediction, _ in pairs]
    real = [_ids_of(annotation) for _, annotation in pairs]
    occurring: set[int] = set().union(*predicted, *real)
    attributes = _by_id(listed, occurring)
    categories = _by_id(ground_truth["categories"], (row["category_id"] for row in objects))
    place = {category: k for k, category in enumerate(categories)}

    def categories_of(rows: Iterable[Mapping]) -> Array:
        return np.array([place[row["category_id"]] for row in rows], int)

    described = [row for row in objects if row.get("attribute_ids")]
    instances, carrying = (
        np.bincount(categories_of(rows), minlength=len(place)) for rows in (objects, described)
    )
    category = categories_of(annotation for _, annotation in pairs)
    stored = [pair[0].get("attribute_scores") for pair in pairs]
    # A category is ranked as a whole or not at all: scores of some objects would rank those alone.
    scored = np.bincount(category[[own is not None for own in stored]], minlength=len(place))
    ranked = np.flatnonzero(((carrying > 0) & (scored > 0))[category])
    return AttributeTables(
        attributes,
        categories,
        instances,
        carrying > 0,
        category,
        _multi_hot(predicted, attributes),
        _multi_hot(real, attributes),
        ranked,
        _stacked([stored[i] for i in ranked], len(listed)),
    )


def objects_of(ground_truth: dict) -> list[dict]:
    """Leaves out crowds.

    Args:
        ground_truth: COCO dict.

    Returns:
        The annotations that are not crowds.
    """
    return [row for row in ground_truth["annotations"] if not row.get("iscrowd", 0)]


def has_attributes(scores: Mapping) -> bool:
    """Returns whether there was anything to measure; otherwise an F1 of 0 says nothing.

    Args:
        scores: From `score_attributes`.

    Returns:
        Whether a compared object or its prediction has an attribute; True where scores lack counts.
    """
    return "counts" not in scores or any(scores["counts"].values())


def score_attributes(tables: AttributeTables) -> dict:
    """Computes F1 and average precision of attributes.

    Args:
        tables: Predicted and real attributes of objects.

    Returns:
        {"micro_f1", "precision", "recall": over all (object, attribute) pairs together, "macro_f1":
        mean of the attributes' own F1, over those that occur on an object or were predicted for
        one, "map": mean of the attributes' own AP where it is known, "exact": share of the objects,
        of categories that carry attributes, of which just the right set was predicted, "matched":
        number of objects compared, "ground_truth": number of all objects, "counts":
        {"true_positive", "false_positive", "false_negative"} pairs, "per_attribute": {attribute id:
        {"name", "supercategory", "f1", "precision", "recall", "ap",
            "instances": how many compared objects have it, "predicted": of how many}},
        "per_supercategory": {name: {"f1": micro, "macro_f1", "ap": mean, "instances",
        "predicted"}}, "per_category": {category id: {"name", "micro_f1", "macro_f1", "precision",
        "recall", "map",
            "matched", "instances": all objects of it}}, of categories that carry attributes or had
            some predicted}.

        Undefined ratios are 0. AP is that of the ranked objects; it is -1 for what has no
        positives, and for everything if scores are missing, see `AttributeTables`.
    """
    counts, ap = _counts(tables), _average_precisions(tables)
    per_attribute = _per_attribute(tables, counts.sum(axis=1), ap)
    total = counts.sum(axis=(1, 2))
    precision, recall, f1 = map(float, _ratios(total))
    true_positive, predicted, present = total.tolist()
    right = (tables.predicted == tables.real)[tables.carries[tables.category]].all(axis=1)
    return {
        "micro_f1": f1,
        "macro_f1": _mean([row["f1"] for row in per_attribute.values()], 0.0),
        "precision": precision,
        "recall": recall,
        "map": _mean(ap[ap >= 0], -1.0),
        "exact": _mean(right, 0.0),
        "matched": len(tables.category),
        "ground_truth": int(tables.instances.sum()),
        "counts": {
            "true_positive": true_positive,
            "false_positive": predicted - true_positive,
            "false_negative": present - true_positive,
        },
        "per_attribute": per_attribute,
        "per_supercategory": _per_supercategory(per_attribute, tables, counts.sum(axis=1)),
        "per_category": _per_category(tables, counts),
    }


def curves_over_thresholds(
    tables: AttributeTables, thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, list[float]]:
    """Computes precision, recall and F1 if attributes count from a score on.

    Args:
        tables: Predicted and real attributes of objects.
        thresholds: On the scores of attributes.

    Returns:
        {"thresholds", "precision", "recall", "f1"}, one number for each threshold; {} without
        scores.
    """
    if tables.scores is None:
        return {}
    real = tables.real[tables.ranked]
    positive = tables.scores[real[:, : tables.scores.shape[1]]]
    counts = np.array(
        [[(positive >= t).sum(), (tables.scores >= t).sum(), real.sum()] for t in thresholds]
    ).T
    precision, recall, f1 = (values.tolist() for values in _ratios(counts))
    return {"thresholds": list(thresholds), "precision": precision, "recall": recall, "f1": f1}


def average_precision(scores: Array, real: Array) -> float:
    """Computes the area under the steps of the precision-recall curve of one attribute.

    That is the sum of (R_n - R_{n-1}) P_n over falling scores. Equal scores are one step, so every
    real one counts with the precision among those that score as high: scikit-learn's definition,
    without interpolation.

    Args:
        scores: `(N,)`.
        real: `(N,)` bool.

    Returns:
        In [0, 1]; -1 if none is real.
    """
    if not real.any():
        return -1.0
    everyone, positive = np.sort(scores), np.sort(scores[real])
    # How many score as high as each real one.
    predicted = len(everyone) - np.searchsorted(everyone, positive)
    right = len(positive) - np.searchsorted(positive, positive)
    return float(np.mean(right / predicted))


def _per_attribute(tables: AttributeTables, counts: Array, ap: Array) -> dict[int, dict]:
    """Rows of the attributes that occur or were predicted, by ascending id.

    counts: `(3, T)`. ap: `(T,)`.
    """
    precision, recall, f1 = _ratios(counts)
    seen = [(i, t) for t, i in enumerate(tables.attributes) if counts[1:, t].any()]
    return {
        i: {
            **tables.attributes[i],
            "f1": float(f1[t]),
            "precision": float(precision[t]),
            "recall": float(recall[t]),
            "ap": float(ap[t]),
            "instances": int(counts[2, t]),
            "predicted": int(counts[1, t]),
        }
        for i, t in sorted(seen)
    }


def _per_supercategory(
    per_attribute: dict[int, dict], tables: AttributeTables, counts: Array
) -> dict[str, dict]:
    """Rows of the super-categories of those attributes. counts: `(3, T)`."""
    place = {i: t for t, i in enumerate(tables.attributes)}
    members: dict[str, list[int]] = {}
    for i, row in per_attribute.items():
        if row["supercategory"]:
            members.setdefault(row["supercategory"], []).append(i)
    rows = {}
    for name, ids in members.items():
        total = counts[:, [place[i] for i in ids]].sum(axis=1)
        known = [per_attribute[i]["ap"] for i in ids if per_attribute[i]["ap"] >= 0]
        rows[name] = {
            "f1": float(_ratios(total)[2]),
            "macro_f1": _mean([per_attribute[i]["f1"] for i in ids], 0.0),
            "ap": _mean(known, -1.0),
            "instances": int(total[2]),
            "predicted": int(total[1]),
        }
    return rows


def _per_category(tables: AttributeTables, counts: Array) -> dict[int, dict]:
    """Rows of the categories that carry attributes or had some predicted. counts: `(3, K, T)`."""
    precision, recall, micro = _ratios(counts.sum(axis=2))
    matched = np.bincount(tables.category, minlength=len(tables.categories))
    rows = {}
    for k, (i, label) in enumerate(tables.categories.items()):
        if tables.carries[k] or counts[1, k].any():
            ap, seen = _average_precisions(tables, k), counts[1:, k].any(axis=0)
            rows[i] = {
                "name": label["name"],
                "micro_f1": float(micro[k]),
                "macro_f1": _mean(_ratios(counts[:, k, seen])[2], 0.0),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "map": _mean(ap[ap >= 0], -1.0),
                "matched": int(matched[k]),
                "instances": int(tables.instances[k]),
            }
    return rows


def _counts(tables: AttributeTables) -> Array:
    """`(3, K, T)` int: true positives, predicted, present."""
    counts = np.zeros((3, len(tables.categories), len(tables.attributes)), int)
    kinds = (tables.predicted & tables.real, tables.predicted, tables.real)
    for part, hot in zip(counts, kinds, strict=True):
        rows, columns = np.nonzero(hot)
        np.add.at(part, (tables.category[rows], columns), 1)
    return counts


def _ratios(counts: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 of counts `(3, ...)`, in the order of `_counts`. 0/0 is 0."""
    true_positive, predicted, present = counts
    return (
        true_positive / np.maximum(predicted, 1),
        true_positive / np.maximum(present, 1),
        2 * true_positive / np.maximum(predicted + present, 1),
    )


def _average_precisions(tables: AttributeTables, category: int | None = None) -> Array:
    """`(T,)` over the ranked objects, or those of one category (0..K-1).

    -1 where none is real or no scores are stored.
    """
    ap = np.full(len(tables.attributes), -1.0)
    if tables.scores is None:
        return ap
    chosen = np.arange(len(tables.ranked))
    if category is not None:
        chosen = np.flatnonzero(tables.category[tables.ranked] == category)
    scores, real = tables.scores[chosen], tables.real[tables.ranked[chosen]]
    for t in np.flatnonzero(real[:, : scores.shape[1]].any(axis=0)):
        ap[t] = average_precision(scores[:, t], real[:, t])
    return ap


def _mean(values: Sequence | Array, nothing: float) -> float:
    return float(np.mean(values)) if len(values) else nothing


def _by_id(listed: Iterable[Mapping], occurring: Iterable[int]) -> dict[int, dict]:
    """{id: {"name", "supercategory"}}: the listed rows, then other ids that occur, ascending."""
    rows = {
        row["id"]: {
            "name": str(row.get("name", row["id"])),
            "supercategory": row.get("supercategory", ""),
        }
        for row in listed
    }
    others = sorted(set(occurring) - rows.keys())
    return rows | {i: {"name": str(i), "supercategory": ""} for i in others}


def _ids_of(row: Mapping) -> list[int]:
    return [int(i) for i in row.get("attribute_ids") or ()]


def _multi_hot(ids: Sequence[Sequence[int]], attributes: Mapping[int, dict]) -> Array:
    """N lists of ids -> `(N, T)` bool."""
    place = {i: t for t, i in enumerate(attributes)}
    hot = np.zeros((len(ids), len(place)), bool)
    for row, of_row in enumerate(ids):
        hot[row, [place[i] for i in of_row]] = True
    return hot


def _stacked(scores: Sequence, listed: int) -> Array | None:
    """Stacks n arrays `(listed,)` to float32; None if there are none or one is None."""
    if not scores or any(own is None for own in scores):
        return None
    wrong = sorted({len(own) for own in scores} - {listed})
    if wrong:
        raise ValueError(
            f"An object comes with {wrong[0]} attribute_scores, but the ground truth lists "
            f"{listed} "
            "attributes. Expected one score for each, in its order."
        )
    return np.array(scores, np.float32)
