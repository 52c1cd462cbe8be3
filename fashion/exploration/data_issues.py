"""Data issues: annotations that are invalid, or that a person should look at before training."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.exploration import TINY
from fashion.exploration.objects import Objects
from fashion.formats import rle
from fashion.formats.annotation_csv import BadRow
from fashion.labels.ontology import Ontology
from fashion.pages.text import count
from mrcnn.typing import Array

_DUPLICATE_IOU = 0.9
_WHOLE_IMAGE = 0.99  # share of the image's height and width
_MANY_PARTS = 50

# Column "kind" of suspicious.csv, and what it means.
KINDS = {
    "wrong row": "Rows that cannot be used. Training stops, or leaves them out with --skip-bad.",
    "tiny mask": "Masks of very few pixels. At training size less than a pixel may remain.",
    "whole photo": "The box covers the whole image. That is rare for a garment and typical of a "
    "mask of the background.",
    "duplicate": f"Two masks of one class in one image with an IoU above {_DUPLICATE_IOU}: "
    "probably one object, annotated twice.",
    "stray attributes": "Attributes on a class that should have none. In 2019 these are "
    "annotation errors, and training leaves them out.",
    "many pieces": f"Masks of more than {_MANY_PARTS} parts that do not touch: lace, fringes, or "
    "a mask selected by color.",
    "in both files": "The image is in train.csv and in val.csv, so validation is not on unseen "
    "images.",
}

Issue = dict[str, Any]  # kind, line of the CSV, image, class, detail


def invalid_rows(bad_rows: Iterable[BadRow]) -> list[Issue]:
    """Lists the rows of a CSV that cannot be used.

    Args:
        bad_rows: From reading the CSV.

    Returns:
        An issue for each.
    """
    return [
        {
            "kind": "wrong row",
            "line": row.line,
            "image": row.image_id,
            "class": "",
            "detail": row.reason,
        }
        for row in bad_rows
    ]


def stray_labels(objects: Objects, ontology: Ontology) -> Array:
    """Finds attribute labels on classes that should have none.

    Args:
        objects: L attribute labels.
        ontology: Says which categories have attributes.

    Returns:
        `(L,)` bool.
    """
    if not ontology.category_ids:
        return np.zeros(len(objects.labelled), bool)
    without = np.array([not ontology.carries_attributes(i) for i in ontology.category_ids], bool)
    return without[objects.class_ids[objects.labelled] - 1]


def find_issues(
    objects: Objects,
    ontology: Ontology,
    runs_of: Callable[[Sequence[int]], Sequence[str]],
    *,
    tiny: int = TINY,
) -> list[Issue]:
    """Lists issues of valid rows, kind by kind, the worst first.

    Args:
        objects: Objects of a data set.
        ontology: Its label list.
        runs_of: Returns the run lengths of the objects with these indices.
        tiny: Masks of fewer pixels are listed.

    Returns:
        The issues.
    """
    areas, parts, sides = objects.areas, objects.parts, objects.sides_hw
    fill = areas / np.prod(sides, axis=1)
    whole = (sides >= _WHOLE_IMAGE * objects.image_hw[objects.image]).all(axis=1)
    strays = np.bincount(objects.labelled[stray_labels(objects, ontology)], minlength=len(objects))
    found: list[tuple[str, int, str]] = []
    for i in _ordered(areas < tiny, areas):
        found.append(("tiny mask", i, count(areas[i], "pixel")))
    for i in _ordered(whole, fill):
        height, width = sides[i]
        detail = f"box of {height} x {width} pixels, {100 * fill[i]:.0f} % of it filled"
        found.append(("whole photo", i, detail))
    for first, second, iou in find_duplicates(objects, runs_of):
        found.append(("duplicate", second, f"IoU {iou:.2f} with line {objects.line[first]}"))
    for i in _ordered(strays > 0, -strays):
        found.append(("stray attributes", i, count(strays[i], "attribute")))
    for i in _ordered(parts > _MANY_PARTS, -parts):
        found.append(("many pieces", i, f"{parts[i]} pieces"))
    return [
        {
            "kind": kind,
            "line": int(objects.line[i]),
            "image": objects.image_ids[objects.image[i]],
            "class": ontology.category_names[objects.class_ids[i] - 1].split(",")[0],
            "detail": detail,
        }
        for kind, i, detail in found
    ]


def _ordered(chosen: Array, order: Array) -> list[int]:
    """Indices where `chosen` is True, by ascending `order`."""
    indices = np.flatnonzero(chosen)
    return indices[np.argsort(order[indices], kind="stable")].tolist()


def find_duplicates(
    objects: Objects, runs_of: Callable[[Sequence[int]], Sequence[str]]
) -> list[tuple[int, int, float]]:
    """Finds pairs of objects of one class in one image whose masks are nearly equal.

    Masks are compared only where their areas and boxes allow such an IoU.

    Args:
        objects: Objects of a data set.
        runs_of: Returns the run lengths of the objects with these indices.

    Returns:
        `(first, second, mask IoU)`, the largest IoU first.
    """
    first, second = _candidate_pairs(objects)
    pairs = []
    # One pair at a time: duplicates are rare, and masks of a whole CSV would not fit into memory.
    for a, b in zip(first.tolist(), second.tolist()):
        size_hw = objects.image_hw[objects.image[a]]
        one, other = (rle.to_coco(text, size_hw) for text in runs_of([a, b]))
        iou = float(coco_mask.iou([one], [other], [0])[0, 0])
        if iou > _DUPLICATE_IOU:
            pairs.append((a, b, iou))
    return sorted(pairs, key=lambda pair: -pair[2])


def _candidate_pairs(objects: Objects) -> tuple[Array, Array]:
    """(P,) and (P,): pairs of one class in one image whose boxes and areas allow the IoU."""
    group = objects.image * (objects.num_classes + 1) + objects.class_ids
    order = np.argsort(group, kind="stable")
    group = group[order]
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    # Members of a group are neighbours now: compare at distance 1, 2, … until no group is larger.
    for gap in range(1, len(group)):
        at = np.flatnonzero(group[gap:] == group[:-gap])
        if not len(at):
            break
        a, b = order[at], order[at + gap]
        low = np.maximum(objects.boxes[a][:, :2], objects.boxes[b][:, :2])
        high = np.minimum(objects.boxes[a][:, 2:], objects.boxes[b][:, 2:])
        # No mask overlap is larger than that of the boxes, nor than the smaller mask.
        shared = np.minimum(
            np.prod(np.maximum(high - low, 0), axis=1, dtype=np.int64),
            np.minimum(objects.areas[a], objects.areas[b]),
        )
        close = shared > _DUPLICATE_IOU * (objects.areas[a] + objects.areas[b] - shared)
        firsts.append(a[close])
        seconds.append(b[close])
    return np.concatenate(firsts), np.concatenate(seconds)


def images_in_both(train: Objects, val: Objects) -> list[Issue]:
    """Lists the images of both CSVs.

    Args:
        train: Objects to train on.
        val: Objects to validate on.

    Returns:
        An issue for each image.
    """
    train_names = {name.removesuffix(".jpg") for name in train.image_ids}
    val_names = {name.removesuffix(".jpg") for name in val.image_ids}
    return [
        {"kind": "in both files", "line": "", "image": name, "class": "", "detail": ""}
        for name in sorted(train_names & val_names)
    ]
