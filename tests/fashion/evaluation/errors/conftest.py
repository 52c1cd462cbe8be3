"""Rectangles on images of 40 x 40 pixels: all numbers can be checked with a pencil."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

EDGE = 40


@pytest.fixture
def placed():
    """placed(image, category, (x, y, width, height), **more fields) -> an object or a detection."""

    def make(image, category, box, **more):
        x, y, width, height = box
        mask = np.zeros((EDGE, EDGE), np.uint8, order="F")
        mask[y : y + height, x : x + width] = 1
        rle = coco_mask.encode(mask)
        return {
            "image_id": image,
            "category_id": category,
            "bbox": list(box),
            "area": width * height,
            "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
        } | more

    return make


@pytest.fixture
def truth():
    """truth(*objects) -> ground truth of the images 1 and 2.

    Categories: shirt (1), shoe (5), scarf (7). Attributes: red (20), long (30).
    """

    def make(*objects):
        return {
            "images": [
                {"id": i, "file_name": f"{i}.jpg", "height": EDGE, "width": EDGE} for i in (1, 2)
            ],
            "annotations": [
                {"id": i, "iscrowd": 0, "attribute_ids": []} | row
                for i, row in enumerate(objects, 1)
            ],
            "categories": [
                {"id": i, "name": name} for i, name in ((1, "shirt"), (5, "shoe"), (7, "scarf"))
            ],
            "attributes": [{"id": 20, "name": "red"}, {"id": 30, "name": "long"}],
        }

    return make


@pytest.fixture
def confused_case(random_case):
    """confused_case(seed, **more) -> a random case without crowds.

    A fifth of the detections have the category of another object.
    """

    def make(seed, **more):
        gt, said = random_case(seed, crowds=0, **more)
        rng = np.random.default_rng(seed)
        here = sorted({row["category_id"] for row in gt["annotations"]})
        return gt, [
            row | {"category_id": int(rng.choice(here))} if rng.random() < 0.2 else row
            for row in said
        ]

    return make


@pytest.fixture
def one_of_each(placed, truth):
    """A detection of every error type, all of score 0.6 or more, and one missed object.

    See `test_error_types`.
    """
    objects = [
        placed(1, 1, (0, 0, 10, 10)),  # found, then found again
        placed(1, 5, (20, 0, 10, 10)),  # taken for a shirt
        placed(1, 5, (0, 20, 10, 10)),  # found in the wrong place
        placed(
            1, 7, (20, 20, 10, 10)
        ),  # met by a shoe that is badly placed, which tells nothing of it
        placed(2, 7, (0, 0, 10, 10)),
    ]  # missed
    detections = [
        placed(1, 1, (0, 0, 10, 10), score=0.95),
        placed(1, 1, (0, 0, 10, 9), score=0.9),
        placed(1, 1, (20, 0, 10, 10), score=0.85),
        placed(1, 5, (0, 20, 10, 4), score=0.8),
        placed(1, 5, (20, 20, 10, 4), score=0.7),
        placed(2, 5, (30, 30, 5, 5), score=0.6),
    ]
    return truth(*objects), detections
