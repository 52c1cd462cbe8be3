"""Comparison: do the photos to train on and those to validate on show the same classes and attributes?"""

import numpy as np

from fashion.exploration.frequencies import attribute_rows, class_rows

CLEAR = 2  # standard errors


def compare(train, val, ontology):
    """{"photos": [train, val], "objects", "classes", "attributes": rows}, or None without `val`. train, val: Objects

    A row: name, train and val (share of the photos that have it), difference, z: the difference in standard errors of two independent
    shares, None where neither file has it. Photos are compared, not objects: objects of one photo are no independent draws.
    """
    if val is None:
        return None
    return {
        "photos": [len(part.image_ids) for part in (train, val)],
        "objects": [len(part) for part in (train, val)],
    } | {
        kind: _compared(
            rows(train, ontology), rows(val, ontology), len(train.image_ids), len(val.image_ids)
        )
        for kind, rows in (("classes", class_rows), ("attributes", attribute_rows))
    }


def _compared(train, val, train_photos, val_photos):
    rows = []
    for a, b in zip(train, val, strict=True):
        pooled = (a["photos"] + b["photos"]) / (train_photos + val_photos)
        error = np.sqrt(pooled * (1 - pooled) * (1 / train_photos + 1 / val_photos))
        difference = b["share_of_photos"] - a["share_of_photos"]
        rows.append(
            {
                "name": a["name"],
                "train": a["share_of_photos"],
                "val": b["share_of_photos"],
                "train_photos": a["photos"],
                "val_photos": b["photos"],
                "difference": difference,
                "z": float(difference / error) if error > 0 else None,
            }
        )
    return rows
