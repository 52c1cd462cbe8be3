"""Properties of objects and predicted masks: size, aspect, intricacy, occlusion and crowding."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.errors.overlaps import Overlaps, mask_of, rows_by_image
from fashion.formats import rle
from mrcnn.typing import Array


def shape_properties(
    rows: Sequence[Mapping[str, Any]], row_image: Array, images: Sequence[Mapping[str, Any]]
) -> dict[str, Array]:
    """Measures masks.

    Args:
        rows: N objects or detections with "segmentation".
        row_image: `(N,)` index into images.
        images: Image dicts.

    Returns:
        `(N,)` float64 each, 0 for an empty mask. "area": pixels, the row's own "area" where it
        has one. "size": square root of the mask's pixels over the image's longer side. "aspect":
        width / height of the box around the mask. "intricacy": perimeter² / (4 pi area), 1 for a
        disc and more for masks that are long, ragged or in several parts. The perimeter is pi / 4
        of the pixel edges along the mask (Crofton's formula for two directions); a square has
        pi / 4.
    """
    shapes = [_shape(row, images[image]) for row, image in zip(rows, row_image.tolist())]
    columns = np.array(shapes, np.float64).reshape(-1, 4).T
    return dict(zip(("area", "size", "aspect", "intricacy"), columns))


def _shape(row: Mapping[str, Any], image: Mapping[str, Any]) -> tuple[float, float, float, float]:
    mask = mask_of(row, image)
    starts, lengths = rle.parse_runs(rle.from_coco(mask))
    area = int(lengths.sum())
    if area == 0:
        return 0, 0, 0, 0
    _, _, width, height = coco_mask.toBbox(mask)
    perimeter = np.pi / 4 * count_pixel_edges(starts, starts + lengths, image["height"])
    return (
        # As in COCO, whose areas may come from polygons.
        row.get("area", area),
        np.sqrt(area) / max(image["height"], image["width"]),
        width / height,
        perimeter**2 / (4 * np.pi * area),
    )


def count_pixel_edges(starts: Array, ends: Array, height: int) -> int:
    """Counts the edges between the pixels of a mask and what is outside of it.

    Args:
        starts: `(R,)` int first pixel of each run, column-major; runs do not touch.
        ends: `(R,)` int, the pixel after each run.
        height: Of the image.

    Returns:
        Number of edges, those at the image's border included.
    """
    if not len(starts):
        return 0
    area = int((ends - starts).sum())
    # A run covers this many columns, each with an edge at its top and its bottom.
    spans = int(((ends - 1) // height - starts // height + 1).sum())
    # The number of mask pixels before a place is piecewise linear between the ends of runs, so
    # interpolation counts the pixels whose right neighbour, `height` later, is in the mask.
    places, before = np.stack([starts, ends], axis=1).ravel(), np.zeros(2 * len(starts))
    before[1::2] = np.cumsum(ends - starts)
    before[2::2] = before[1:-1:2]
    shifted = np.interp(np.stack([starts, ends]) + height, places, before)
    with_right_neighbour = np.diff(shifted, axis=0).sum()
    return 2 * spans + 2 * (area - round(with_right_neighbour))


def occlusion(overlaps: Overlaps) -> Array:
    """Returns the share of each object's box that masks of other objects cover.

    Args:
        overlaps: Objects of all images.

    Returns:
        `(M,)` float64 in [0, 1].
    """
    covered = np.zeros(len(overlaps.objects))
    by_image = rows_by_image(overlaps.object_image, len(overlaps.images))
    for image, here in zip(overlaps.images, by_image):
        if len(here) < 2:
            continue
        masks = [mask_of(overlaps.objects[i], image) for i in here]
        for k, box in enumerate(coco_mask.toBbox(masks)):
            if box[2] * box[3]:
                (frame,) = coco_mask.frPyObjects(box[None], image["height"], image["width"])
                others = coco_mask.merge(masks[:k] + masks[k + 1 :])
                inside = coco_mask.merge([others, frame], intersect=True)
                covered[here[k]] = coco_mask.area(inside) / (box[2] * box[3])
    return covered


def crowding(overlaps: Overlaps) -> Array:
    """Counts the objects of each image, without crowds.

    Args:
        overlaps: Objects of all images.

    Returns:
        `(I,)` int64.
    """
    regular = overlaps.object_image[~overlaps.crowd]
    return np.bincount(regular, minlength=len(overlaps.images))
