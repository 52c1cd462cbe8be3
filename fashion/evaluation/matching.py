"""Pairs: every detection beside every object of its image and category, with their IoU and the attributes they share.

This is what the metrics of average precision start from (`coco_ap`, `f1_ap`, `fashionpedia_ap`), so that masks are compared once for all.
Detections and objects are kept in columns, sorted by category and then image, so that the rows of one category lie together.
"""

import dataclasses
from collections import Counter, defaultdict

import numpy as np
from pycocotools import mask as coco_mask

from fashion.formats.coco_rle import areas as mask_areas
from mrcnn.data.masks.coco_rle import as_rle

MAX_DETECTIONS = 100  # of one category in one image; COCO reads no more


@dataclasses.dataclass(frozen=True)
class Block:
    """The D detections and G objects of one category in one image; both are at least 1."""

    rows: slice  # D rows of the detections' columns, best first
    objects: slice  # G rows of the objects' columns
    iou: np.ndarray  # (D, G) float64
    shared: np.ndarray  # (D, G) float64, number of attributes that both have


@dataclasses.dataclass(frozen=True)
class Pairs:
    """N detections (at most 100 of a category in an image), M objects, and the blocks in which they meet."""

    category_ids: tuple  # (K,) ascending, all of the ground truth's list
    num_attributes: int  # length of the ground truth's attribute list
    row: np.ndarray  # (N,) place in the list of detections
    row_category: np.ndarray  # (N,) index into category_ids, ascending
    score: np.ndarray  # (N,) float64
    rank: np.ndarray  # (N,) place among the detections of the block, 0 is the best
    row_area: np.ndarray  # (N,) float64, pixels
    said: np.ndarray  # (N,) float64, number of attributes
    object_rank: np.ndarray  # (M,) place of its id among all ids
    object_category: np.ndarray  # (M,) index into category_ids, ascending
    object_area: np.ndarray  # (M,) float64, pixels
    crowd: np.ndarray  # (M,) bool
    real: np.ndarray  # (M,) float64, number of attributes
    blocks: tuple  # of Block

    def rows_of(self, k):
        """The detections of category k, a slice."""
        return slice(*np.searchsorted(self.row_category, [k, k + 1]))

    def objects_of(self, k):
        """The objects of category k, a slice."""
        return slice(*np.searchsorted(self.object_category, [k, k + 1]))


def sorted_by_id(pairs):
    """The same Pairs with the objects of each block in the order of their ids; `pairs` itself where they are so already."""
    order, blocks = np.arange(len(pairs.object_rank)), []
    for block in pairs.blocks:
        rank = pairs.object_rank[block.objects]
        if (rank[1:] < rank[:-1]).any():
            turn = np.argsort(rank)
            order[block.objects] = block.objects.start + turn
            block = dataclasses.replace(block, iou=block.iou[:, turn], shared=block.shared[:, turn])
        blocks.append(block)
    if (order[1:] > order[:-1]).all():
        return pairs
    columns = {
        name: getattr(pairs, name)[order]
        for name in ("object_rank", "object_category", "object_area", "crowd", "real")
    }
    return dataclasses.replace(pairs, blocks=tuple(blocks), **columns)


def with_areas(pairs, ground_truth, detections, iou_type, areas):
    """The same Pairs with other sizes of the detections; see `read_pairs`."""
    if areas == "compared":
        return pairs
    size_of = {
        image["id"]: (image.get("height"), image.get("width")) for image in ground_truth["images"]
    }
    return dataclasses.replace(
        pairs, row_area=_sizes([detections[i] for i in pairs.row], size_of, iou_type, areas)
    )


def read_pairs(ground_truth, detections, iou_type, *, areas="compared", sort_objects=True):
    """COCO's dicts -> Pairs. Changes neither argument.

    ground_truth: COCO dict of images, annotations, categories, and attributes (a list of {"id"}) if annotations have "attribute_ids";
        annotations need "area", and "segmentation" or "bbox"; missing "attribute_ids" or "iscrowd": none
    detections: list of COCO result dicts, with "attribute_ids" (missing: none)
    iou_type: "segm" compares masks; "bbox" compares boxes, a detection's own or the one around its mask
    areas: what the size of a detection is: "masks"; "boxes": its own box, of one without its mask; "compared": "boxes" where boxes are
        compared, else "masks"
    sort_objects: objects are tried in the order of their ids; False: in the order of the file
    """
    if iou_type not in ("segm", "bbox"):
        raise ValueError(f'iou_type is "segm" (masks) or "bbox" (boxes). Got {iou_type!r}.')
    annotations = ground_truth["annotations"]
    if sort_objects:
        annotations = sorted(annotations, key=lambda annotation: annotation["id"])
    image_of, category_of, attribute_of, rank_of = _check(ground_truth, detections)
    size_of = {
        image["id"]: (image.get("height"), image.get("width")) for image in ground_truth["images"]
    }

    def cells(items):
        """(category, image) of each item, as one number that sorts by both."""
        return np.array(
            [
                category_of[i["category_id"]] * len(image_of) + image_of[i["image_id"]]
                for i in items
            ],
            np.int64,
        )

    object_cell = cells(annotations)
    order = np.argsort(object_cell, kind="stable")
    object_cell, annotations = object_cell[order], [annotations[i] for i in order]
    row_cell = cells(detections)
    score = np.array([detection["score"] for detection in detections], np.float64)
    order = np.lexsort((-score, row_cell))
    rank = np.arange(len(order)) - np.searchsorted(row_cell[order], row_cell[order])
    order, rank = order[rank < MAX_DETECTIONS], rank[rank < MAX_DETECTIONS]
    row_cell, score, detections = row_cell[order], score[order], [detections[i] for i in order]

    row_hot, object_hot = (
        _multi_hot(detections, attribute_of),
        _multi_hot(annotations, attribute_of),
    )
    crowd = np.array([bool(annotation.get("iscrowd", 0)) for annotation in annotations], bool)
    rows = [_geometry(d, size_of[d["image_id"]], iou_type, "A detection") for d in detections]
    objects = [_geometry(a, size_of[a["image_id"]], iou_type, "An annotation") for a in annotations]
    cells = np.intersect1d(row_cell, object_cell)
    blocks = []
    for r, o in zip(_slices(row_cell, cells), _slices(object_cell, cells)):
        blocks.append(
            Block(
                r,
                o,
                coco_mask.iou(rows[r], objects[o], crowd[o].tolist()),
                (row_hot[r].astype(np.float32) @ object_hot[o].T.astype(np.float32)).astype(
                    np.float64
                ),
            )
        )
    images = max(len(image_of), 1)
    return Pairs(
        category_ids=tuple(category_of),
        num_attributes=len(attribute_of),
        row=order,
        row_category=row_cell // images,
        score=score,
        rank=rank,
        row_area=_sizes(detections, size_of, iou_type, areas),
        said=row_hot.sum(axis=1, dtype=np.float64),
        object_rank=np.array([rank_of[a["id"]] for a in annotations], np.int64),
        object_category=object_cell // images,
        object_area=np.array([_field(a, "area", "An annotation") for a in annotations], np.float64),
        crowd=crowd,
        real=object_hot.sum(axis=1, dtype=np.float64),
        blocks=tuple(blocks),
    )


def _slices(column, values):
    """Where each of some values lies in a sorted column: list of slices."""
    return [
        slice(*ends)
        for ends in zip(
            *(np.searchsorted(column, values, side).tolist() for side in ("left", "right"))
        )
    ]


def _check(ground_truth, detections):
    """Every id is known and occurs once -> index of image, category, attribute and annotation ids, all ascending."""
    tables = []
    for name in ("images", "categories", "attributes", "annotations"):
        ids = [row["id"] for row in ground_truth.get(name, ())]
        twice = [i for i, count in Counter(ids).items() if count > 1]
        if twice:
            raise ValueError(
                f'An id may occur once in "{name}" of the ground truth. {len(twice)} occur more than once, for example '
                f"{twice[:3]}. Number them anew."
            )
        tables.append({i: index for index, i in enumerate(sorted(ids))})
    images, categories, attributes, _ = tables
    for what, items in (("annotations", ground_truth["annotations"]), ("detections", detections)):
        _check_known(what, "image_id", {item["image_id"] for item in items}, images, "images")
        _check_known(
            what, "category_id", {item["category_id"] for item in items}, categories, "categories"
        )
        used = {i for item in items for i in item.get("attribute_ids") or ()}
        _check_known(what, "attribute_ids", used, attributes, "attributes")
    return tables


def _check_known(what, field, used, known, listed):
    unknown = sorted(used - known.keys(), key=str)
    if unknown:
        raise ValueError(
            f'The {field} of {what} must be listed in "{listed}" of the ground truth. {len(unknown)} are not, for example '
            f"{unknown[:3]}. Add them there, or leave those {what} out."
        )


def _multi_hot(items, attribute_of):
    """(N, T) uint8, 1 where an item has an attribute."""
    hot = np.zeros((len(items), len(attribute_of)), np.uint8)
    flat = [
        (row, attribute_of[i])
        for row, item in enumerate(items)
        for i in item.get("attribute_ids") or ()
    ]
    if flat:
        hot[tuple(np.array(flat).T)] = 1
    return hot


def _sizes(detections, size_of, iou_type, areas):
    """Sizes of the detections (N,) float64, pixels."""
    by_box = areas == "boxes" or areas == "compared" and iou_type == "bbox"
    boxed = np.array([by_box and "bbox" in d for d in detections], bool)
    sizes = np.zeros(len(detections))
    boxes = [_field(detections[row], "bbox", "A detection") for row in np.flatnonzero(boxed)]
    sizes[boxed] = [width * height for _, _, width, height in boxes]
    masks = [
        _geometry(detections[row], size_of[detections[row]["image_id"]], "segm", "A detection")
        for row in np.flatnonzero(~boxed)
    ]
    sizes[~boxed] = mask_areas(masks)
    return sizes


def _geometry(item, size_hw, iou_type, what):
    """A box [x, y, w, h], or COCO's three forms of a mask (polygons, counts, compressed counts) as the last of them."""
    if iou_type == "bbox" and ("bbox" in item or "segmentation" not in item):
        return _field(item, "bbox", what)
    mask = compressed(_field(item, "segmentation", what), size_hw)
    return mask if iou_type == "segm" else coco_mask.toBbox(mask).tolist()


def _field(item, field, what):
    if field not in item:
        raise ValueError(
            f'{what} of image {item["image_id"]} has no "{field}", which this comparison needs. It has: '
            f"{', '.join(sorted(item))}."
        )
    return item[field]


# One to one


def grouped(ground_truth, detections, score_threshold=-np.inf):
    """({(image_id, category_id): [annotations]}, the same of the detections), in their order. Crowds are left out, and detections with
    a lower score than `score_threshold`."""
    objects, found = defaultdict(list), defaultdict(list)
    for annotation in ground_truth["annotations"]:
        if not annotation.get("iscrowd", 0):
            objects[annotation["image_id"], annotation["category_id"]].append(annotation)
    for detection in detections:
        if detection["score"] >= score_threshold:
            found[detection["image_id"], detection["category_id"]].append(detection)
    return objects, found


def matches(detections, objects, size_hw, iou_threshold, iou_type="segm"):
    """Yields (detection, object) pairs of one image and category; each occurs once at most.

    The detections choose by falling score (equal scores: in the order of the list), each the free object that it overlaps most, if
    by `iou_threshold` at least. iou_type: "segm" compares masks, "bbox" boxes; size_hw: of the photo
    """
    detections = sorted(detections, key=lambda detection: -detection["score"])
    rows, columns = (
        [
            np.array(i["bbox"], np.float64)
            if iou_type == "bbox"
            else compressed(i["segmentation"], size_hw)
            for i in items
        ]
        for items in (detections, objects)
    )
    iou = coco_mask.iou(rows, columns, [0] * len(objects))
    for i, detection in enumerate(detections):
        best = int(np.argmax(iou[i]))
        if iou[i, best] >= iou_threshold:
            iou[:, best] = -1  # taken
            yield detection, objects[best]


def compressed(segmentation, size_hw):
    """Polygons, counts or compressed counts of a mask -> compressed RLE, as pycocotools reads it.

    size_hw: of the photo, for polygons. What is compressed comes back as it is; the rest is checked, see `as_rle`.
    """
    if isinstance(segmentation, dict) and isinstance(segmentation.get("counts"), (str, bytes)):
        return segmentation
    return as_rle(segmentation, size_hw, "A mask")
