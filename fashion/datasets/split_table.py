"""Split table: how much of every category and attribute a split holds out."""

import csv
import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from fashion.datasets.imaterialist import IMaterialistDataset
from fashion.datasets.label_counts import label_counts
from mrcnn.drawing.tables import text_table
from mrcnn.files import write_text
from mrcnn.typing import Array, PathLike

HEADING = ["kind", "name", "images", "held out", "share", "objects", "held out", "share"]
ALL = "photos"

Row: TypeAlias = list[Any]


def split_table(train: IMaterialistDataset, validation: IMaterialistDataset) -> list[Row]:
    """Counts images and objects of every label on both sides of a split.

    Args:
        train: Training images.
        validation: Held-out images, with the same ontology.

    Returns:
        Rows with the columns of `HEADING`: one for all images, then one for each label that
        occurs, the smallest shares of images first. Shares of held-out images or objects, 0..1.
    """
    parts = [label_counts(part) for part in (train, validation)]
    objects = np.stack([part.all().sum(axis=0) for part in parts])
    images = np.stack([(part.all() > 0).sum(axis=0) for part in parts])
    categories = parts[0].categories.shape[1]
    rows: list[Row] = [
        [
            "category" if i < categories else "attribute",
            parts[0].names[i],
            *_shares(images[:, i]),
            *_shares(objects[:, i]),
        ]
        for i in np.flatnonzero(images.sum(axis=0))
    ]
    whole = [
        ALL,
        "",
        *_shares([len(part.image_ids) for part in (train, validation)]),
        *_shares([len(part.annotations.class_ids) for part in (train, validation)]),
    ]
    return [whole, *sorted(rows, key=lambda row: (row[4], -row[2], row[0], row[1]))]


def summary(rows: Sequence[Row]) -> str:
    """Summarises a split table in one line.

    Args:
        rows: From `split_table`.

    Returns:
        The share of images held out, and the categories and attributes with the smallest and the
        largest share.
    """
    whole = rows[0]
    parts = [f"{whole[3]:,} of {whole[2]:,} images held out ({whole[4]:.1%})"]
    for kind, plural in (("category", "categories"), ("attribute", "attributes")):
        shares = [row for row in rows if row[0] == kind and row[2] > 1]
        if shares:
            least, most = min(shares, key=lambda row: row[4]), max(shares, key=lambda row: row[4])
            parts.append(
                f"{plural} {least[4]:.1%} ({least[1]}, {least[2]:,} images) to {most[4]:.1%} "
                f"({most[1]}, {most[2]:,})"
            )
    missing = sum(row[3] == 0 for row in rows[1:])
    return "; ".join(parts) + (f"; labels without any: {missing}" if missing else "")


def worst(rows: Sequence[Row], count: int = 12) -> str:
    """Formats the ends of a split table for a screen.

    Args:
        rows: From `split_table`.
        count: Labels with the smallest shares, and with the largest.

    Returns:
        A text table, with a row for all images.
    """
    rows = list(rows)
    ends = rows if len(rows) <= 2 * count else [*rows[: 1 + count], ["…"], *rows[-count:]]
    return text_table([HEADING, *(_rounded(row, ".3f") for row in ends)])


def write_split_table(path: PathLike, rows: Sequence[Row]) -> None:
    """Writes a split table as a CSV.

    Args:
        path: The file.
        rows: From `split_table`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    numbers = ["", "_held_out", "_share"]
    photos, objects = ["photos" + name for name in numbers], ["objects" + name for name in numbers]
    writer.writerow(["kind", "name", *photos, *objects])
    writer.writerows(_rounded(row, ".4f") for row in rows)
    write_text(path, text.getvalue())


def _rounded(row: Row, precision: str) -> Row:
    return [format(cell, precision) if isinstance(cell, float) else cell for cell in row]


def _shares(counts: Sequence[int] | Array) -> Row:
    """[train, held out] -> [all, held out, share], int, int, float."""
    train, held_out = map(int, counts)
    return [train + held_out, held_out, held_out / max(train + held_out, 1)]
