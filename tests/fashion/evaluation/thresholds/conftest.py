"""Photos of 100 x 100 pixels with a few rectangles, small enough to count."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

EDGE = 100
CATEGORIES = [{"id": 0, "name": "shirt"}, {"id": 5, "name": "shoe"}]
ATTRIBUTES = [{"id": 10, "name": "long"}, {"id": 30, "name": "red"}]


def rectangle(x, y, width, height):
    mask = np.zeros((EDGE, EDGE), np.uint8, order="F")
    mask[y : y + height, x : x + width] = 1
    rle = coco_mask.encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}


@pytest.fixture
def truth():
    """truth((photo, category id, box, attribute ids), …, photos=2) -> ground truth."""

    def make(*objects, photos=2):
        return {
            "images": [
                {"id": i, "file_name": f"{i}.jpg", "height": EDGE, "width": EDGE}
                for i in range(photos)
            ],
            "annotations": [
                {
                    "id": i,
                    "image_id": photo,
                    "category_id": category,
                    "iscrowd": 0,
                    "bbox": list(box),
                    "area": box[2] * box[3],
                    "segmentation": rectangle(*box),
                    "attribute_ids": list(attributes),
                }
                for i, (photo, category, box, attributes) in enumerate(objects, 1)
            ],
            "categories": CATEGORIES,
            "attributes": ATTRIBUTES,
        }

    return make


@pytest.fixture
def found():
    """found((image, category id, box, score, scores of the two attributes), …) -> detections.

    mask: probabilities of all of them
    """

    def make(*rows, mask=None):
        return [
            {
                "image_id": photo,
                "category_id": category,
                "bbox": list(map(float, box)),
                "area": box[2] * box[3],
                "score": score,
                "segmentation": rectangle(*box),
                "attribute_scores": np.array(attributes, np.float32),
                "attribute_ids": [row["id"] for row, s in zip(ATTRIBUTES, attributes) if s >= 0.5],
            }
            | ({} if mask is None else {"mask_probabilities": mask})
            for photo, category, box, score, attributes in rows
        ]

    return make
