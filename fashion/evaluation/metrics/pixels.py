"""Pixels: instances painted into one label map, and how many of its pixels are right.

Painting: a pixel's label is the category of the smallest mask that covers it, so the larger masks are painted first and a pocket stays
visible on its coat. Of masks of equal area the one with the higher score is painted last, then the later one of the list. What no mask
covers is background, label 0; a crowd is painted as any object; category k of the ground truth's list (from 0) is label k + 1.
"""

from collections import defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats.coco_rle import areas
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.evaluation.semantic_iou import confusion, pixel_scores

_PIECE = 1 << 22  # pixels that are counted at a time


def score_pixels(ground_truth, detections, *, score_threshold=0.5):
    """Pixel accuracy, binary IoU and the IoU of each category. Every count is taken over all pixels of all images together.

    ground_truth: COCO dict; detections: list of COCO results; both with "segmentation" (RLE)
    score_threshold: detections with a lower score are not painted
    Returns: what `mrcnn.evaluation.semantic_iou.pixel_scores` returns.
    """
    label_of = {category["id"]: k for k, category in enumerate(ground_truth["categories"], start=1)}
    real, said = defaultdict(list), defaultdict(list)
    for row in ground_truth["annotations"]:
        real[row["image_id"]].append(row)
    for row in detections:
        if row["score"] >= score_threshold:
            said[row["image_id"]].append(row)
    unknown = said.keys() - {image["id"] for image in ground_truth["images"]}
    if unknown:
        raise ValueError(
            f"Every detection must belong to an image of the ground truth. {len(unknown)} image ids are unknown, for example "
            f"{sorted(unknown, key=str)[:3]}."
        )
    n = len(label_of) + 1
    counts = np.zeros((n, n), np.int64)
    for image in ground_truth["images"]:
        size_hw = image["height"], image["width"]
        if size_hw[0] * size_hw[1] > MAX_PIXELS:
            raise ValueError(
                f"The photo {image.get('file_name', image['id'])} is {size_hw[0]} high and {size_hw[1]} wide. Photos have at "
                f"most {MAX_PIXELS} pixels here; is the size right?"
            )
        # Turned over they lie in memory as they are read. The counting needs 16 bytes for every pixel, so it goes piece by piece.
        maps = [label_map(rows[image["id"]], label_of, size_hw).T.ravel() for rows in (real, said)]
        for first in range(0, maps[0].size, _PIECE):
            counts += confusion(*(labels[first : first + _PIECE] for labels in maps), n)
    return pixel_scores(counts, ground_truth["categories"])


def label_map(rows, label_of, size_hw):
    """Masks painted over one another, see the head of this file.

    rows: dicts with "segmentation" (RLE of size_hw), "category_id" and perhaps "score"; label_of: {category id: label}
    Returns: (H, W) whole numbers of the smallest type that holds all labels, 0 where nothing is.
    """
    most = max(label_of.values(), default=0)
    labels = np.zeros(size_hw, np.min_scalar_type(most), order="F")  # as pycocotools has its masks
    if not rows:
        return labels
    area = areas([row["segmentation"] for row in rows])
    for i in sorted(range(len(rows)), key=lambda i: (-area[i], rows[i].get("score", 0), i)):
        mask = coco_mask.decode(rows[i]["segmentation"])
        if mask.shape != tuple(size_hw):
            raise ValueError(
                f"A mask of {mask.shape[0]}x{mask.shape[1]} belongs to an image of {size_hw[0]}x{size_hw[1]}. A mask must "
                "have the size of its photo."
            )
        np.putmask(labels.T, mask.T, label_of[rows[i]["category_id"]])
    return labels
