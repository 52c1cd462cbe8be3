"""What a data set holds, in one line: images, those that teach background, objects and crowds."""

import numpy as np

from fashion.datasets.imaterialist import IMaterialistDataset


def summary_of(dataset: IMaterialistDataset) -> str:
    """Counts what a data set holds.

    Args:
        dataset: The data set.

    Returns:
        For instance "700 images, 12 of them without objects (background); 4,089 objects".
    """
    annotations = dataset.annotations
    objects = np.diff(annotations.first_row)
    crowds = annotations.crowds
    empty = objects == 0
    if crowds is not None:
        empty &= np.diff(crowds.first_row) == 0
    text = f"{len(objects):,} image{'s' * (len(objects) != 1)}"
    if empty.any():
        text += f", {empty.sum():,} of them without objects (background)"
    total = int(objects.sum())
    text += f"; {total:,} object{'s' * (total != 1)}"
    if crowds is not None:
        text += f", {len(crowds.line):,} crowd{'s' * (len(crowds.line) != 1)}"
    return text
