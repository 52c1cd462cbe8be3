"""Pixels: instances painted into one label map, and how many of its pixels are right.

Painting: a pixel's label is the category of the smallest mask that covers it, so the larger masks
are painted first and a pocket stays visible on its coat. Of masks of equal area the one with the
higher confidence is painted last, then the later one of the list. What no mask covers is
background, label 0; a crowd is painted as any object; category k of the ground truth's list (from
0) is label k + 1.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.registry import CONFIDENT, Inputs, metric
from fashion.formats.coco_rle import areas
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.evaluation.semantic_iou import confusion, pixel_scores
from mrcnn.typing import Array, Size

_CHUNK = 1 << 22  # pixels that are counted at a time; counting needs 16 bytes for each


def score_pixels(table: MatchTable) -> dict:
    """Computes pixel accuracy, binary IoU and the IoU of each category, over all images together.

    Args:
        table: Masks, and the predictions that count.

    Returns:
        See `mrcnn.evaluation.semantic_iou.pixel_scores`.

    Raises:
        ValueError: If an image is too large to be painted, or a mask has another size than its
            image.
    """
    categories, annotations = table.ground_truth["categories"], table.ground_truth["annotations"]
    label_of = {category["id"]: k for k, category in enumerate(categories, start=1)}
    n = len(label_of) + 1
    counts = np.zeros((n, n), np.int64)
    for image, pairs in zip(table.ground_truth["images"], table.images()):
        size_hw = image["height"], image["width"]
        if size_hw[0] * size_hw[1] > MAX_PIXELS:
            raise ValueError(
                f"The image {image.get('file_name', image['id'])} is {size_hw[0]} high and "
                f"{size_hw[1]} wide. Images have at most {MAX_PIXELS} pixels here; is the size "
                "right?"
            )
        objects = [annotations[table.gt_index[row]] for row in pairs.objects]
        predictions = [table.detections[table.pred_index[row]] for row in pairs.predictions]
        # Transposed, the pixels lie in memory in the order in which they are read.
        real = label_map(objects, label_of, size_hw).T.ravel()
        predicted = label_map(predictions, label_of, size_hw).T.ravel()
        for first in range(0, real.size, _CHUNK):
            chunk = slice(first, first + _CHUNK)
            counts += confusion(real[chunk], predicted[chunk], n)
    return pixel_scores(counts, categories)


def label_map(rows: Sequence[Mapping], label_of: Mapping[int, int], size_hw: Size) -> Array:
    """Paints masks over one another, the smaller over the larger.

    Args:
        rows: Dicts with "segmentation" (RLE of `size_hw`), "category_id" and perhaps "score".
        label_of: {category id: label}.
        size_hw: Height and width in pixels.

    Returns:
        `(H, W)` labels, of the smallest integer type that holds all; 0 where nothing is.

    Raises:
        ValueError: If a mask has another size.
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
                f"A mask of {mask.shape[0]}x{mask.shape[1]} belongs to an image of "
                f"{size_hw[0]}x{size_hw[1]}. A mask must have the size of its image."
            )
        np.putmask(labels.T, mask.T, label_of[rows[i]["category_id"]])
    return labels


def _rows(scores: dict) -> list[str]:
    pixels = scores["pixels"]
    return [
        f"pixels: accuracy {pixels['pixel_accuracy']:.3f}, binary IoU {pixels['binary_iou']:.3f}, "
        f"mean IoU {pixels['mean_iou']:.3f}"
    ]


@metric(
    "pixels",
    "Label maps",
    section=CONFIDENT,
    order=70,
    rows=_rows,
    formula="share of right pixels, and IoU of each category, after painting all masks",
    source="as for semantic segmentation; reported by a course report on U-Net, SegNet and FCN",
    numbers={
        "pixel_accuracy": "share of pixels with the right label, background included",
        "foreground_iou": "IoU of all that is not background",
        "background_iou": "IoU of the background",
        "binary_iou": "mean of `foreground_iou` and `background_iou`",
        "mean_iou": "mean over the categories that occur, predicted or annotated",
        "mean_iou_with_background": "the same, with the background as one more category",
        "pixels": "how many there are",
        "per_category": "of each: `name`, `iou` and `pixels`, the number of its annotated ones",
    },
    documentation=(
        "Objects and predictions are each painted into one label map, the smaller masks over the "
        "larger ones; of equal ones the higher confidence, then the later of the list, is painted "
        "last. What no mask covers is background. All pixels of all images are counted together."
    ),
)
def pixels(inputs: Inputs) -> dict:
    """Pixel scores of the confident predictions.

    Args:
        inputs: Ground truth and predictions.

    Returns:
        See `score_pixels`.
    """
    return score_pixels(inputs.confident_masks)
