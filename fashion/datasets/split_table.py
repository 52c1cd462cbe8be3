"""Split table: how much of every category and attribute a split holds out, so that a person can judge it."""

import csv
import io

import numpy as np

from fashion.datasets.label_counts import label_counts
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text

HEADING = ["kind", "name", "photos", "held out", "share", "objects", "held out", "share"]
ALL = "photos"


def split_table(train, validation):
    """Rows as HEADING says, a list for each label that occurs and one for all photos, the smallest shares of photos first.

    train, validation: `IMaterialistDataset`s of one ontology; a share is that of the photos, or objects, which are held out, 0..1.
    """
    parts = [label_counts(part) for part in (train, validation)]
    objects = np.stack([part.all().sum(axis=0) for part in parts])
    photos = np.stack([(part.all() > 0).sum(axis=0) for part in parts])
    categories = parts[0].categories.shape[1]
    rows = [
        [
            "category" if i < categories else "attribute",
            parts[0].names[i],
            *_shares(photos[:, i]),
            *_shares(objects[:, i]),
        ]
        for i in np.flatnonzero(photos.sum(axis=0))
    ]
    whole = [
        ALL,
        "",
        *_shares([len(part.image_ids) for part in (train, validation)]),
        *_shares([len(part.annotations.class_ids) for part in (train, validation)]),
    ]
    return [whole, *sorted(rows, key=lambda row: (row[4], -row[2], row[0], row[1]))]


def summary(rows):
    """One line about a split: what is held out, and the categories and attributes that fare worst."""
    whole = rows[0]
    parts = [f"{whole[3]:,} of {whole[2]:,} photos held out ({whole[4]:.1%})"]
    for kind, plural in (("category", "categories"), ("attribute", "attributes")):
        shares = [row for row in rows if row[0] == kind and row[2] > 1]
        if shares:
            least, most = min(shares, key=lambda row: row[4]), max(shares, key=lambda row: row[4])
            parts.append(
                f"{plural} {least[4]:.1%} ({least[1]}, {least[2]:,} photos) to {most[4]:.1%} ({most[1]}, {most[2]:,})"
            )
    missing = sum(row[3] == 0 for row in rows[1:])
    return "; ".join(parts) + (f"; labels without any: {missing}" if missing else "")


def worst(rows, count=12):
    """A table for a screen: all photos, then the labels of which least is held out, and those of which most is."""
    shown = rows if len(rows) <= 2 * count else [*rows[: 1 + count], ["…"], *rows[-count:]]
    return text_table(
        [
            HEADING,
            *(
                [f"{cell:.3f}" if isinstance(cell, float) else cell for cell in row]
                for row in shown
            ),
        ]
    )


def write_split_table(path, rows):
    """All rows as a CSV; the numbers of photos and of objects have columns of their own."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        [
            "kind",
            "name",
            *(
                f"{what}{column}"
                for what in ("photos", "objects")
                for column in ("", "_held_out", "_share")
            ),
        ]
    )
    writer.writerows(
        [f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    write_text(path, text.getvalue())


def _shares(counts):
    """[train, held out] -> [all, held out, share], int, int, float."""
    train, held_out = map(int, counts)
    return [train + held_out, held_out, held_out / max(train + held_out, 1)]
