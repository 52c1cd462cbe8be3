"""Random photographs of clothes, described and predicted, for the tests of metrics."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

EDGE = 240  # pixels; room for objects that COCO calls large
ATTRIBUTES = [
    i for i in range(341) if i < 235 or 281 <= i <= 283 or i >= 285
]  # Fashionpedia's 294 ids


def _mask_of(x, y, width, height):
    mask = np.zeros((EDGE, EDGE), np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    rle = coco_mask.encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def _box(rng):
    width, height = rng.choice([8, 16, 30, 40, 60, 100, 130], 2)
    return [
        int(rng.integers(0, (EDGE - width) // 4)) * 4,
        int(rng.integers(0, (EDGE - height) // 4)) * 4,
        int(width),
        int(height),
    ]


def _moved(rng, box):
    """On a coarse grid, so that some IoUs are equal and some sit on a threshold."""
    low = np.clip(np.array(box[:2]) + rng.choice([0, 0, 0, 2, 4], 2), 0, EDGE - 1)
    size = np.minimum(np.array(box[2:]) + rng.choice([0, 0, 4, 10], 2), EDGE - low)
    return [*low.tolist(), *size.tolist()]


@pytest.fixture
def random_case():
    """random_case(seed, images=12, objects=7, predictions=30, boxes=False, crowds=0.05) -> (ground
    truth, detections).

    Few categories in an image, so that objects compete; equal scores; more than 100 detections of
    one category in image 0; image 1 without predictions, image 2 without objects. boxes: detections
    also have a "bbox", one pixel wider than the mask.
    """

    def make(seed, images=12, objects=7, predictions=30, boxes=False, crowds=0.05):
        rng = np.random.default_rng(seed)
        popular = np.array([0, 1, 10, 31, 32, 33, 13, 23, 35, 40])
        annotations, detections = [], []

        def attributes(category, upto=6):
            if category not in {*range(13), 28, 29, 31, 32, 33} or rng.random() < 0.2:
                return []
            return sorted(
                rng.choice(ATTRIBUTES[:20], rng.integers(0, upto), replace=False).tolist()
            )

        def detect(image, category, box, ids):
            box = [int(edge) for edge in box]
            detections.append(
                {
                    "image_id": image,
                    "category_id": int(category),
                    "score": round(float(rng.random()), 2),
                    "segmentation": _mask_of(*box),
                    "attribute_ids": [int(i) for i in ids],
                }
            )
            if boxes:
                detections[-1]["bbox"] = [box[0], box[1], box[2] + 1, box[3] + 1]

        for image in range(images):
            here = rng.choice(popular, 4, replace=False)
            mine = []
            for _ in range(0 if image == 2 else rng.poisson(objects)):
                category, box = int(rng.choice(here)), _box(rng)
                if mine and rng.random() < 0.3:  # twins
                    category, box = mine[-1]["category_id"], mine[-1]["bbox"]
                mine.append(
                    {
                        "id": len(annotations) + len(mine) + 1,
                        "image_id": image,
                        "category_id": category,
                        "bbox": box,
                        "segmentation": _mask_of(*box),
                        "area": box[2] * box[3],
                        "iscrowd": int(rng.random() < crowds),
                        "attribute_ids": attributes(category),
                    }
                )
            annotations += mine
            for _ in range(0 if image == 1 else rng.poisson(predictions)):
                if mine and rng.random() < 0.7:
                    origin = mine[rng.integers(len(mine))]
                    kept = [i for i in origin["attribute_ids"] if rng.random() < 0.7]
                    detect(
                        image,
                        origin["category_id"],
                        _moved(rng, origin["bbox"]),
                        kept + ([] if rng.random() < 0.5 else attributes(origin["category_id"], 3)),
                    )
                else:
                    category = rng.choice(here)
                    detect(image, category, _box(rng), attributes(category))
            if image == 0 and mine:
                for _ in range(110):
                    detect(
                        image,
                        mine[0]["category_id"],
                        _moved(rng, mine[0]["bbox"]),
                        attributes(mine[0]["category_id"]),
                    )
        order = rng.permutation(len(annotations))  # ids do not ascend in the file
        return {
            "images": [{"id": i, "width": EDGE, "height": EDGE} for i in range(images)],
            "annotations": [annotations[i] for i in order],
            "categories": [{"id": i, "name": f"category {i}"} for i in range(46)],
            "attributes": [{"id": i, "name": f"attribute {i}"} for i in ATTRIBUTES],
        }, detections

    return make


@pytest.fixture
def striped_case(random_case):
    """As `random_case`, but of each mask, true or predicted, only every fourth column is there: a
    box is four times as large.
    """

    def stripes(row):
        mask = coco_mask.decode(row["segmentation"])
        mask[:, np.arange(EDGE) % 4 > 0] = 0
        rle = coco_mask.encode(np.asfortranarray(mask))
        return row | {"segmentation": {"size": rle["size"], "counts": rle["counts"].decode()}}

    def make(seed, **more):
        truth, detections = random_case(seed, **more)
        objects = [stripes(row) for row in truth["annotations"]]
        objects = [row | {"area": int(coco_mask.area(row["segmentation"]))} for row in objects]
        return truth | {"annotations": objects}, [stripes(row) for row in detections]

    return make
