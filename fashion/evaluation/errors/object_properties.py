"""Measures: how large, long, intricate, covered and crowded is each object?"""

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.errors.overlaps import mask_of, rows_by_photo
from fashion.formats import rle


def shapes(rows, row_photo, photos):
    """What a mask tells of itself: {"area", "size", "aspect", "intricacy"}, (N,) float64 each. An empty mask is 0 in all of them.

    rows: N objects or detections with "segmentation"; row_photo: (N,) index into photos; photos: image dicts
    area: pixels, the row's own "area" where it has one; size: square root of the mask's pixels over the photo's longer edge; aspect: width
    over height of the box around the mask; intricacy: perimeter^2 / (4 pi area), 1 for a disc and more for whatever is long, ragged or
    in pieces. The perimeter is pi/4 of the pixel edges between the mask and what lies outside of it: what a line in both directions of the
    grid counts, Crofton's formula; a square has pi/4.
    """
    values = np.array(
        [_shape(row, photos[photo]) for row, photo in zip(rows, row_photo.tolist())], np.float64
    ).reshape(-1, 4)
    return dict(zip(("area", "size", "aspect", "intricacy"), values.T))


def pixel_edges(starts, ends, height):
    """Edges between the pixels of a mask and what is outside of it, or of the photo: int.

    starts, ends: (R,) int, its runs in column-major order, which do not touch; height: of the photo
    """
    if not len(starts):
        return 0
    area = int((ends - starts).sum())
    columns = int(
        ((ends - 1) // height - starts // height + 1).sum()
    )  # unbroken pieces of a column
    # How many pixels of the mask lie before a place grows from start to end of each run, and not between runs.
    places, before = np.stack([starts, ends], axis=1).ravel(), np.zeros(2 * len(starts))
    before[1::2] = np.cumsum(ends - starts)
    before[2::2] = before[1:-1:2]
    with_right_neighbour = np.diff(
        np.interp(np.stack([starts, ends]) + height, places, before), axis=0
    ).sum()
    return 2 * columns + 2 * (area - round(with_right_neighbour))


def occlusion(overlaps):
    """The share of each object's box that the masks of the photo's other objects cover: (M,) float64, 0..1."""
    covered = np.zeros(len(overlaps.objects))
    for photo, here in zip(
        overlaps.photos, rows_by_photo(overlaps.object_photo, len(overlaps.photos))
    ):
        masks = [mask_of(overlaps.objects[i], photo) for i in here]
        for k, box in enumerate(coco_mask.toBbox(masks)) if len(masks) > 1 else ():
            if box[2] * box[3]:
                (frame,) = coco_mask.frPyObjects(box[None], photo["height"], photo["width"])
                others = coco_mask.merge([mask for i, mask in enumerate(masks) if i != k])
                covered[here[k]] = coco_mask.area(
                    coco_mask.merge([others, frame], intersect=True)
                ) / (box[2] * box[3])
    return covered


def crowding(overlaps):
    """How many objects a photo has, crowds aside: (P,) int."""
    return np.bincount(overlaps.object_photo[~overlaps.crowd], minlength=len(overlaps.photos))


def _shape(row, photo):
    mask = mask_of(row, photo)
    starts, lengths = rle.parse_runs(rle.from_coco(mask))
    area = int(lengths.sum())
    if area == 0:
        return 0, 0, 0, 0
    _, _, width, height = coco_mask.toBbox(mask)
    perimeter = np.pi / 4 * pixel_edges(starts, starts + lengths, photo["height"])
    return (
        row.get("area", area),
        np.sqrt(area) / max(photo["height"], photo["width"]),
        width / height,
        perimeter**2 / (4 * np.pi * area),
    )
