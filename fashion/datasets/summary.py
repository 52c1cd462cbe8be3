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
    text = _count(len(objects), "image")
    if empty.any():
        text += f", {int(empty.sum()):,} of them without objects (background)"
    text += f"; {_count(int(objects.sum()), 'object')}"
    return text if crowds is None else f"{text}, {_count(len(crowds.line), 'crowd')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
