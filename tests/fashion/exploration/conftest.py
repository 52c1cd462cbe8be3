"""Small data sets whose masks, classes and attributes are known."""

import csv

import numpy as np
import pytest
from PIL import Image

from fashion.datasets.imaterialist import load_imaterialist
from fashion.exploration.objects import measure_objects
from fashion.formats import rle
from fashion.labels.ontology import Ontology

SIZE_HW = (40, 30)


@pytest.fixture
def box():
    """box(top, left, height, width) -> (H, W) bool: a filled box."""

    def make(top, left, height, width, size_hw=SIZE_HW):
        mask = np.zeros(size_hw, bool)
        mask[top : top + height, left : left + width] = True
        return mask

    return make


@pytest.fixture
def small_ontology():
    """Three classes, of which "button" carries no attributes; three attributes in two groups."""
    return Ontology.from_dict(
        {
            "categories": [[0, "shirt, blouse", "top"], [1, "sock", "feet"], [2, "button", "part"]],
            "attributes": [[5, "red", "colour"], [6, "blue", "colour"], [7, "long", "length"]],
            "attribute_category_ids": [0, 1],
        }
    )


@pytest.fixture
def make_dataset(tmp_path, small_ontology):
    """make_dataset(rows, name) -> an IMaterialistDataset.

    rows: (image, mask or run lengths, category, attribute ids)
    """

    def make(rows, name="train.csv"):
        (tmp_path / "train").mkdir(exist_ok=True)
        with open(tmp_path / name, "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(
                ["ImageId", "EncodedPixels", "Height", "Width", "ClassId", "AttributesIds"]
            )
            for image, mask, category, attributes in rows:
                size_hw = SIZE_HW if isinstance(mask, str) else mask.shape
                text = mask if isinstance(mask, str) else rle.encode(mask)
                writer.writerow([image, text, *size_hw, category, ",".join(map(str, attributes))])
                Image.new("RGB", size_hw[::-1], (90, 90, 90)).save(
                    tmp_path / "train" / f"{image}.jpg"
                )
        return load_imaterialist(tmp_path / name, tmp_path / "train", small_ontology, skip_bad=True)

    return make


@pytest.fixture
def make_objects(make_dataset):
    """The same, measured."""
    return lambda rows, name="train.csv": measure_objects(make_dataset(rows, name))


@pytest.fixture
def wardrobe(box):
    """Rows of three photos: two socks and a shirt, a shirt and a button, a sock."""
    return [
        ("a", box(30, 0, 10, 5), 1, [5]),
        ("a", box(30, 20, 10, 5), 1, [5, 7]),
        ("a", box(0, 0, 20, 30), 0, [6]),
        ("b", box(5, 5, 20, 10), 0, []),
        ("b", box(6, 6, 2, 2), 2, []),
        ("c", box(10, 10, 10, 10), 1, []),
    ]
