"""Suspicious: rows that are wrong, or that a person should look at before a network learns from them."""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.exploration.sentences import count
from fashion.formats import rle

SAME = 0.9  # IoU from which two masks of one class in one photo are called the same
WHOLE = 0.99  # of a photo's height and width: a box that covers it
MANY_PARTS = 50
TINY = 32  # pixels of the photo

KINDS = {
    "wrong row": "Training stops at these, or leaves them out with --skip-bad.",
    "tiny mask": "Masks of very few pixels; at the training size less than one may be left.",
    "whole photo": "The box is as high and as wide as the photo, which is rare for a garment and usual for a mask of the background.",
    "duplicate": f"Two masks of one class in one photo whose IoU is above {SAME}: one object, annotated twice.",
    "stray attributes": "Attributes on a class that should carry none. In 2019 they are annotation errors, and training leaves them out.",
    "many pieces": f"Masks of more than {MANY_PARTS} pieces that do not touch: lace, fringes, or a mask made by colour.",
    "in both files": "The photo is in train.csv and in val.csv, so validation is not on unseen photos.",
}


def wrong_rows(bad_rows):
    """BadRows' rows as suspicious ones: dicts of kind, line, image, class, detail."""
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


def strays(objects, ontology):
    """(L,) bool: attribute labels on classes that carry none."""
    none = np.array([not ontology.carries_attributes(i) for i in ontology.category_ids], bool)
    return (
        none[objects.class_ids[objects.labelled] - 1]
        if len(none)
        else np.zeros(len(objects.labelled), bool)
    )


def suspicious_rows(objects, ontology, runs_of, *, tiny=TINY):
    """All that is suspicious about rows that can be used, kind by kind, the worst first: dicts as of `wrong_rows`.

    runs_of: callable, rows -> their run lengths; tiny: pixels, masks of fewer are told
    """
    names = [name.split(",")[0] for name in ontology.category_names]

    def row(kind, i, detail):
        return {
            "kind": kind,
            "line": int(objects.line[i]),
            "image": objects.image_ids[objects.image[i]],
            "class": names[objects.class_ids[i] - 1],
            "detail": detail,
        }

    def told(kind, some, order, detail):
        return [row(kind, i, detail(i)) for i in some[np.argsort(order[some], kind="stable")]]

    areas, parts, sides = objects.areas, objects.parts, objects.sides_hw
    fill = areas / np.prod(sides, axis=1)
    whole = (sides >= WHOLE * objects.image_hw[objects.image]).all(axis=1)
    stray = np.bincount(objects.labelled[strays(objects, ontology)], minlength=len(objects))
    rows = told(
        "tiny mask", np.flatnonzero(areas < tiny), areas, lambda i: count(areas[i], "pixel")
    )
    rows += told(
        "whole photo",
        np.flatnonzero(whole),
        fill,
        lambda i: (
            f"box of {sides[i][0]} x {sides[i][1]} pixels, {100 * fill[i]:.0f} % of it filled"
        ),
    )
    rows += [
        row("duplicate", second, f"IoU {iou:.2f} with line {objects.line[first]}")
        for first, second, iou in duplicates(objects, runs_of)
    ]
    rows += told(
        "stray attributes", np.flatnonzero(stray), -stray, lambda i: count(stray[i], "attribute")
    )
    rows += told(
        "many pieces", np.flatnonzero(parts > MANY_PARTS), -parts, lambda i: f"{parts[i]} pieces"
    )
    return rows


def duplicates(objects, runs_of):
    """Pairs of objects of one class in one photo with a mask IoU above SAME: list of (first, second, IoU), the most equal first.

    Masks are compared only where their areas and the overlap of their boxes allow such an IoU.
    """
    first, second = _close_pairs(objects)
    found = []
    for a, b in zip(first.tolist(), second.tolist()):
        size_hw = objects.image_hw[objects.image[a]]
        one, other = (rle.to_coco(text, size_hw) for text in runs_of([a, b]))
        iou = float(coco_mask.iou([one], [other], [0])[0, 0])
        if iou > SAME:
            found.append((a, b, iou))
    return sorted(found, key=lambda pair: -pair[2])


def _close_pairs(objects):
    """(P,) and (P,): pairs of one class in one photo that may have an IoU above SAME."""
    group = objects.image * (objects.classes + 1) + objects.class_ids
    order = np.argsort(group, kind="stable")
    group, pairs = group[order], []
    for gap in range(1, len(group)):  # neighbours of neighbours, until no group is that large
        at = np.flatnonzero(group[gap:] == group[:-gap])
        if not len(at):
            break
        a, b = order[at], order[at + gap]
        low, high = (
            pick(objects.boxes[a][:, part], objects.boxes[b][:, part])
            for pick, part in ((np.maximum, slice(0, 2)), (np.minimum, slice(2, 4)))
        )
        shared = np.minimum(
            np.prod(np.maximum(high - low, 0), axis=1, dtype=np.int64),
            np.minimum(objects.areas[a], objects.areas[b]),
        )
        close = shared > SAME * (objects.areas[a] + objects.areas[b] - shared)
        pairs.append((a[close], b[close]))
    return (
        tuple(np.concatenate(side) for side in zip(*pairs))
        if pairs
        else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    )


def in_both(train, val):
    """Photos that both Objects have."""
    return [
        {"kind": "in both files", "line": "", "image": name, "class": "", "detail": ""}
        for name in sorted(
            {name.removesuffix(".jpg") for name in train.image_ids}
            & {name.removesuffix(".jpg") for name in val.image_ids}
        )
    ]
