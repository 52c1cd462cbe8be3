"""Attribute tables: which attributes were said of some objects, which they have, and how well the two agree, by attribute and category."""

from typing import NamedTuple

import numpy as np

THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))


class Tables(NamedTuple):
    """What was said of N objects and what is so, over T attributes and K categories.

    The objects whose category carries attributes and has scores of them, n of them, are the ranked ones: where no object of a category has
    attributes, the label list asks for none, and the scores of its objects mean nothing; where none has scores, the label list of the
    predictions asks for none.
    """

    attributes: dict  # id -> {"name", "supercategory"}, T: those that the ground truth lists, in its order, then others that occur
    categories: dict  # likewise, K
    instances: np.ndarray  # (K,) int: objects in the ground truth
    carries: np.ndarray  # (K,) bool: some object in the ground truth has attributes
    category: np.ndarray  # (N,) int, 0..K-1
    said: np.ndarray  # (N, T) bool
    real: np.ndarray  # (N, T) bool
    ranked: np.ndarray  # (n,) int, which of the N
    scores: np.ndarray  # (n, listed attributes) float32; None if there are none, or some object of a ranked category has none


def attribute_tables(ground_truth, pairs):
    """The tables of some objects, each with what was said of it.

    ground_truth: COCO dict; pairs: list of (dict with "attribute_ids", real ids, and maybe "attribute_scores", one for each of the ground
        truth's "attributes", in its order; annotation with "attribute_ids")
    """
    objects, listed = objects_of(ground_truth), ground_truth.get("attributes") or ()
    said, real = (
        [[int(i) for i in pair[side].get("attribute_ids") or ()] for pair in pairs]
        for side in (0, 1)
    )
    attributes = _by_id(listed, (i for lists in (said, real) for ids in lists for i in ids))
    categories = _by_id(ground_truth["categories"], (row["category_id"] for row in objects))
    place = {category: k for k, category in enumerate(categories)}
    instances, carrying = (
        np.bincount(
            np.array([place[row["category_id"]] for row in rows], int), minlength=len(place)
        )
        for rows in (objects, [row for row in objects if row.get("attribute_ids")])
    )
    category = np.array([place[annotation["category_id"]] for _, annotation in pairs], int)
    stored = [pair[0].get("attribute_scores") for pair in pairs]
    scored = np.bincount(category[[own is not None for own in stored]], minlength=len(place))
    ranked = np.flatnonzero(((carrying > 0) & (scored > 0))[category])
    scores = _stacked([stored[i] for i in ranked], len(listed))
    return Tables(
        attributes,
        categories,
        instances,
        carrying > 0,
        category,
        _multi_hot(said, attributes),
        _multi_hot(real, attributes),
        ranked,
        scores,
    )


def objects_of(ground_truth):
    """The annotations that are no crowds."""
    return [row for row in ground_truth["annotations"] if not row.get("iscrowd", 0)]


def attribute_scores(tables):
    """What `attribute_f1.attribute_f1` returns, of these tables."""
    counts, ap = _counts(tables), _average_precisions(tables)
    per_attribute = _per_attribute(tables, counts.sum(axis=1), ap)
    total = counts.sum(axis=(1, 2))
    precision, recall, f1 = map(float, _scores(total))
    true_positive, predicted, present = total.tolist()
    return {
        "micro_f1": f1,
        "macro_f1": _mean([row["f1"] for row in per_attribute.values()], 0.0),
        "precision": precision,
        "recall": recall,
        "map": _mean(ap[ap >= 0], -1.0),
        "exact": _mean(
            (tables.said == tables.real)[tables.carries[tables.category]].all(axis=1), 0.0
        ),
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


def attribute_curves_of(tables, thresholds=THRESHOLDS):
    """What `attribute_f1.attribute_curves` returns, of these tables."""
    if tables.scores is None:
        return {}
    real = tables.real[tables.ranked]
    positive = tables.scores[real[:, : tables.scores.shape[1]]]
    counts = np.array(
        [[(positive >= t).sum(), (tables.scores >= t).sum(), real.sum()] for t in thresholds]
    ).T
    precision, recall, f1 = (values.tolist() for values in _scores(counts))
    return {"thresholds": list(thresholds), "precision": precision, "recall": recall, "f1": f1}


def average_precision(scores, real):
    """Area under the steps of the precision-recall curve, the sum of (R_n - R_{n-1}) P_n over falling scores; -1 if none is real.

    scores: (N,); real: (N,) bool. Equal scores are one step, so every real one counts with the precision among those that score as high:
    scikit-learn's definition, without interpolation.
    """
    if not real.any():
        return -1.0
    everyone, positive = np.sort(scores), np.sort(scores[real])
    said = len(everyone) - np.searchsorted(
        everyone, positive
    )  # how many score as high as each real one
    right = len(positive) - np.searchsorted(positive, positive)
    return float(np.mean(right / said))


# Rows


def _per_attribute(tables, counts, ap):
    """Rows of the attributes that occur or were predicted, by ascending id. counts: (3, T); ap: (T,)"""
    precision, recall, f1 = _scores(counts)
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


def _per_supercategory(per_attribute, tables, counts):
    """Rows of the super-categories of those attributes. counts: (3, T)"""
    place, members = {i: t for t, i in enumerate(tables.attributes)}, {}
    for i, row in per_attribute.items():
        if row["supercategory"]:
            members.setdefault(row["supercategory"], []).append(i)
    rows = {}
    for name, ids in members.items():
        total = counts[:, [place[i] for i in ids]].sum(axis=1)
        rows[name] = {
            "f1": float(_scores(total)[2]),
            "macro_f1": _mean([per_attribute[i]["f1"] for i in ids], 0.0),
            "ap": _mean([per_attribute[i]["ap"] for i in ids if per_attribute[i]["ap"] >= 0], -1.0),
            "instances": int(total[2]),
            "predicted": int(total[1]),
        }
    return rows


def _per_category(tables, counts):
    """Rows of the categories that carry attributes or had some predicted. counts: (3, K, T)"""
    precision, recall, micro = _scores(counts.sum(axis=2))
    matched = np.bincount(tables.category, minlength=len(tables.categories))
    rows = {}
    for k, (i, label) in enumerate(tables.categories.items()):
        if tables.carries[k] or counts[1, k].any():
            ap, seen = _average_precisions(tables, k), counts[1:, k].any(axis=0)
            rows[i] = {
                "name": label["name"],
                "micro_f1": float(micro[k]),
                "macro_f1": _mean(_scores(counts[:, k, seen])[2], 0.0),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "map": _mean(ap[ap >= 0], -1.0),
                "matched": int(matched[k]),
                "instances": int(tables.instances[k]),
            }
    return rows


# Numbers


def _counts(tables):
    """(3, K, T) int: true positives, predicted, present."""
    counts = np.zeros((3, len(tables.categories), len(tables.attributes)), int)
    for part, hot in zip(
        counts, (tables.said & tables.real, tables.said, tables.real), strict=True
    ):
        rows, columns = np.nonzero(hot)
        np.add.at(part, (tables.category[rows], columns), 1)
    return counts


def _scores(counts):
    """Precision, recall and F1, each (...), of counts (3, ...): true positives, predicted, present. 0/0 is 0."""
    true_positive, predicted, present = counts
    return tuple(
        part / np.maximum(whole, 1)
        for part, whole in (
            (true_positive, predicted),
            (true_positive, present),
            (2 * true_positive, predicted + present),
        )
    )


def _average_precisions(tables, category=None):
    """(T,) over the ranked objects, or those of one category (0..K-1); -1 where none is real or no scores are stored."""
    ap = np.full(len(tables.attributes), -1.0)
    if tables.scores is not None:
        chosen = (
            slice(None)
            if category is None
            else np.flatnonzero(tables.category[tables.ranked] == category)
        )
        scores, real = tables.scores[chosen], tables.real[tables.ranked[chosen]]
        for t in np.flatnonzero(real[:, : scores.shape[1]].any(axis=0)):
            ap[t] = average_precision(scores[:, t], real[:, t])
    return ap


def _mean(values, nothing):
    return float(np.mean(values)) if len(values) else nothing


# From rows to arrays


def _by_id(listed, occurring):
    """{id: {"name", "supercategory"}}: the listed rows, then ids that occur beside them, ascending, each named by its id."""
    rows = {
        row["id"]: {
            "name": str(row.get("name", row["id"])),
            "supercategory": row.get("supercategory", ""),
        }
        for row in listed
    }
    return rows | {
        i: {"name": str(i), "supercategory": ""} for i in sorted(set(occurring) - rows.keys())
    }


def _multi_hot(ids, attributes):
    """N lists of ids -> (N, T) bool."""
    place = {i: t for t, i in enumerate(attributes)}
    rows = np.repeat(np.arange(len(ids)), np.array([len(row) for row in ids], int))
    hot = np.zeros((len(ids), len(place)), bool)
    hot[rows, np.array([place[i] for row in ids for i in row], int)] = True
    return hot


def _stacked(scores, listed):
    """A list of n (listed,) arrays -> (n, listed) float32, or None if there are none or one is None."""
    if not scores or any(own is None for own in scores):
        return None
    wrong = sorted({len(own) for own in scores} - {listed})
    if wrong:
        raise ValueError(
            f"An object comes with {wrong[0]} attribute_scores, but the ground truth lists {listed} attributes. Expected one "
            "score for each, in its order."
        )
    return np.array(scores, np.float32)
