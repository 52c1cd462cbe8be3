"""The match table: predictions beside ground truth, with the IoU of every pair.

Every metric reads this table, and so do the threshold search and the error analysis. So the masks
of an image are compared once, however many numbers follow from them.
`fashion.evaluation.average_precision` matches at many thresholds at once; `MatchTable.matches`
matches at one.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from fashion.evaluation.coco_dicts import (
    geometry_of,
    index_ids,
    multi_hot,
    required,
    sizes_of,
)
from fashion.formats.coco_rle import areas as mask_areas
from mrcnn.typing import Array

MAX_DETECTIONS = 100  # of one category in one image; COCO reads no more
RELATED = 0.1  # IoU from which a prediction has to do with an object (TIDE's background threshold)
IOU_TYPES = {"segm": "masks", "bbox": "boxes"}

_PREDICTION_COLUMNS = (
    "pred_index",
    "pred_category",
    "pred_image",
    "pred_score",
    "pred_rank",
    "pred_attributes",
)
_GT_COLUMNS = ("gt_index", "gt_category", "gt_image", "gt_crowd", "gt_attributes")


@dataclass(frozen=True, eq=False)
class Block:
    """The D predictions and G objects of one category in one image; both are at least 1.

    Attributes:
        predictions: Their D rows in the prediction columns of the table, most confident first.
        objects: Their G rows in the ground-truth columns.
        iou: `(D, G)` float64. Of a crowd, the share of the prediction that lies in it, as in COCO.
        iou_without_crowds: `(D, G)` float64. The same, but a crowd is an object like any other.
        shared: `(D, G)` float64, number of attributes that both have.
    """

    predictions: slice
    objects: slice
    iou: Array
    iou_without_crowds: Array
    shared: Array


@dataclass(frozen=True, eq=False)
class ImagePairs:
    """The D predictions and G objects of one image, across its categories.

    Attributes:
        predictions: `(D,)` int64 rows of the prediction columns, most confident first.
        objects: `(G,)` int64 rows of the ground-truth columns, in the order of the ground truth.
        iou: `(D, G)` float64, 0 between two categories. Crowds are objects like any other.
        shared: `(D, G)` float64, number of shared attributes, 0 between two categories.
    """

    predictions: Array
    objects: Array
    iou: Array
    shared: Array


def _check_iou_type(iou_type: str) -> None:
    if iou_type not in IOU_TYPES:
        raise ValueError(f'iou_type is "segm" (masks) or "bbox" (boxes). Got {iou_type!r}.')


@dataclass(frozen=True, eq=False)
class MatchTable:
    """N predictions and M objects in columns, sorted by category and image, and their IoU.

    Pairs of one category are compared in `blocks`. Pairs of two categories are compared only when
    `related_pairs` is read.

    Attributes:
        ground_truth: COCO dict that the objects come from.
        detections: COCO results that the predictions come from.
        iou_type: "segm" compares masks, "bbox" boxes.
        category_ids: K ids of the ground truth, ascending.
        image_ids: I ids of the ground truth, ascending.
        num_attributes: Length of the ground truth's attribute list.
        pred_index: `(N,)` int64, index into `detections`.
        pred_category: `(N,)` int64, index into `category_ids`, ascending.
        pred_image: `(N,)` int64, index into `image_ids`.
        pred_score: `(N,)` float64, falling within a block.
        pred_rank: `(N,)` int64, place among the predictions of the block, from 0.
        pred_attributes: `(N,)` float64, number of predicted attributes.
        gt_index: `(M,)` int64, index into the annotations of the ground truth.
        gt_category: `(M,)` int64, index into `category_ids`, ascending.
        gt_image: `(M,)` int64, index into `image_ids`.
        gt_crowd: `(M,)` bool.
        gt_attributes: `(M,)` float64, number of attributes.
        blocks: Where predictions and objects of one category meet in an image.
        sizes_by: What the area of a prediction is, see `sized_by`.
    """

    ground_truth: dict
    detections: Sequence[dict]
    iou_type: str
    category_ids: tuple[int, ...]
    image_ids: tuple
    num_attributes: int
    pred_index: Array
    pred_category: Array
    pred_image: Array
    pred_score: Array
    pred_rank: Array
    pred_attributes: Array
    gt_index: Array
    gt_category: Array
    gt_image: Array
    gt_crowd: Array
    gt_attributes: Array
    blocks: tuple[Block, ...]
    sizes_by: str = "compared"

    @classmethod
    def build(
        cls, ground_truth: dict, detections: Sequence[dict], iou_type: str = "segm"
    ) -> "MatchTable":
        """Compares predictions with ground truth. Changes neither argument.

        Args:
            ground_truth: COCO dict. Missing "attribute_ids" or "iscrowd" mean none.
            detections: COCO results, as `read_detections` returns them.
            iou_type: "segm" for masks, "bbox" for boxes: an object's own, or that of its mask.

        Returns:
            The table. Equal rows keep the order of the ground truth and of the list.

        Raises:
            ValueError: If an id occurs twice or is unknown, or a mask or box is missing.
        """
        _check_iou_type(iou_type)
        annotations = ground_truth["annotations"]
        places = index_ids(ground_truth, detections)
        scores = np.array([detection["score"] for detection in detections], np.float64)
        pred_cell, gt_cell = (_cells(items, places) for items in (detections, annotations))
        # A stable order: with equal scores the earlier prediction chooses first, as in pycocotools.
        pred_order, gt_order = np.lexsort((-scores, pred_cell)), np.argsort(gt_cell, kind="stable")
        pred_cell, gt_cell = pred_cell[pred_order], gt_cell[gt_order]
        crowd = np.array([bool(annotations[i].get("iscrowd", 0)) for i in gt_order], bool)
        sizes_hw, attributes = sizes_of(ground_truth), places["attributes"]
        pred_hot, pred_geometry = _described(detections, pred_order, attributes, sizes_hw, iou_type)
        gt_hot, gt_geometry = _described(annotations, gt_order, attributes, sizes_hw, iou_type)
        geometry, hot = (pred_geometry, gt_geometry), (pred_hot, gt_hot)
        images = max(len(places["images"]), 1)
        return cls(
            ground_truth,
            detections,
            iou_type,
            category_ids=tuple(places["categories"]),
            image_ids=tuple(places["images"]),
            num_attributes=len(places["attributes"]),
            pred_index=pred_order,
            pred_category=pred_cell // images,
            pred_image=pred_cell % images,
            pred_score=scores[pred_order],
            pred_rank=np.arange(len(pred_cell)) - np.searchsorted(pred_cell, pred_cell),
            pred_attributes=pred_hot.sum(axis=1, dtype=np.float64),
            gt_index=gt_order,
            gt_category=gt_cell // images,
            gt_image=gt_cell % images,
            gt_crowd=crowd,
            gt_attributes=gt_hot.sum(axis=1, dtype=np.float64),
            blocks=tuple(_blocks((pred_cell, gt_cell), geometry, hot, crowd)),
        )

    # Views

    def top(self, number: int = MAX_DETECTIONS) -> "MatchTable":
        """Keeps the most confident predictions of each category in each image.

        Args:
            number: How many, at least 1.

        Returns:
            The table without the others; the same table if there are none.
        """
        return self._keeping(self.pred_rank < number)

    def confident(self, min_score: float) -> "MatchTable":
        """Keeps the predictions of at least a confidence.

        Args:
            min_score: Least confidence.

        Returns:
            The table without the others; the same table if there are none.
        """
        return self._keeping(self.pred_score >= min_score)

    def sorted_by_id(self) -> "MatchTable":
        """Sorts the objects of each block by their ids.

        Returns:
            The sorted table; the same table if the order does not change.
        """
        ids = np.argsort(np.argsort([row["id"] for row in self.ground_truth["annotations"]]))
        rank = ids[self.gt_index] if len(ids) else self.gt_index
        order, blocks = np.arange(len(rank)), []
        # The blocks stay where they are; only the columns of their matrices are permuted.
        for block in self.blocks:
            here = rank[block.objects]
            if (here[1:] < here[:-1]).any():
                turn = np.argsort(here)
                order[block.objects] = block.objects.start + turn
                turned = (
                    matrix[:, turn]
                    for matrix in (block.iou, block.iou_without_crowds, block.shared)
                )
                block = Block(block.predictions, block.objects, *turned)
            blocks.append(block)
        if (order[1:] > order[:-1]).all():
            return self
        columns: dict[str, Any] = {name: getattr(self, name)[order] for name in _GT_COLUMNS}
        return dataclasses.replace(self, blocks=tuple(blocks), **columns)

    def sized_by(self, sizes_by: str) -> "MatchTable":
        """Chooses what the area of a prediction is.

        Args:
            sizes_by: "masks"; "boxes": its own box, or its mask if it has no box; "compared":
                "boxes" where boxes are compared, else "masks".

        Returns:
            The table with other `pred_area`.
        """
        return dataclasses.replace(self, sizes_by=sizes_by)

    # What metrics read

    @cached_property
    def gt_area(self) -> Array:
        """`(M,)` float64, pixels, as the ground truth states them."""
        annotations = self.ground_truth["annotations"]
        return np.array([required(annotations[i], "area") for i in self.gt_index], np.float64)

    @cached_property
    def pred_area(self) -> Array:
        """`(N,)` float64, pixels, of the box or the mask, see `sized_by`."""
        rows = [self.detections[i] for i in self.pred_index]
        by_box = self.sizes_by == "boxes" or self.sizes_by == "compared" and self.iou_type == "bbox"
        boxed = np.array([by_box and "bbox" in row for row in rows], bool)
        areas = np.zeros(len(rows))
        boxes = [rows[i]["bbox"] for i in np.flatnonzero(boxed)]
        areas[boxed] = [width * height for _, _, width, height in boxes]
        sizes_hw = sizes_of(self.ground_truth)
        areas[~boxed] = mask_areas(
            [geometry_of(rows[i], sizes_hw, "segm") for i in np.flatnonzero(~boxed)]
        )
        return areas

    def predictions_of(self, category: int) -> slice:
        """Finds the predictions of a category.

        Args:
            category: Index into `category_ids`.

        Returns:
            Their rows in the prediction columns.
        """
        return slice(*np.searchsorted(self.pred_category, [category, category + 1]))

    def objects_of(self, category: int) -> slice:
        """Finds the objects of a category.

        Args:
            category: Index into `category_ids`.

        Returns:
            Their rows in the ground-truth columns.
        """
        return slice(*np.searchsorted(self.gt_category, [category, category + 1]))

    def matches(self, iou_threshold: float) -> tuple[Array, Array]:
        """Matches predictions and objects of one category one to one, without crowds.

        Predictions choose in order of confidence. Each takes the unmatched object that it overlaps
        most (of equal ones the first), provided that the IoU reaches the threshold.

        Args:
            iou_threshold: Least IoU of a match, in (0, 1].

        Returns:
            Rows of the matched predictions and of their objects, both `(n,)` int64.
        """
        pairs = []
        for block in self.blocks:
            # -1 for what cannot be matched: crowds, and objects that are taken.
            iou = np.where(self.gt_crowd[block.objects], -1.0, block.iou)
            for d in np.flatnonzero((iou >= iou_threshold).any(axis=1)):
                best = int(np.argmax(iou[d]))
                if iou[d, best] >= iou_threshold:
                    iou[:, best] = -1
                    pairs.append((block.predictions.start + d, block.objects.start + best))
        rows = np.array(pairs, np.int64).reshape(-1, 2)
        return rows[:, 0], rows[:, 1]

    def images(self) -> Iterator[ImagePairs]:
        """Goes through the images, those without predictions or objects included.

        Yields:
            The pairs of each image, in the order of the ground truth's images.
        """
        pred_order = np.lexsort((self.pred_index, -self.pred_score, self.pred_image))
        gt_order = np.lexsort((self.gt_index, self.gt_image))
        edges = np.arange(len(self.image_ids) + 1)
        pred_ends, gt_ends = (
            np.searchsorted(image[order], edges)
            for image, order in ((self.pred_image, pred_order), (self.gt_image, gt_order))
        )
        pred_place, gt_place = (np.argsort(order) for order in (pred_order, gt_order))
        blocks: list[list[Block]] = [[] for _ in self.image_ids]
        for block in self.blocks:
            blocks[self.pred_image[block.predictions.start]].append(block)
        index_of = {image_id: i for i, image_id in enumerate(self.image_ids)}
        for image in self.ground_truth["images"]:
            i = index_of[image["id"]]
            predictions = pred_order[pred_ends[i] : pred_ends[i + 1]]
            objects = gt_order[gt_ends[i] : gt_ends[i + 1]]
            iou, shared = np.zeros((2, len(predictions), len(objects)))
            for block in blocks[i]:
                cells = np.ix_(
                    pred_place[block.predictions] - pred_ends[i],
                    gt_place[block.objects] - gt_ends[i],
                )
                iou[cells], shared[cells] = block.iou_without_crowds, block.shared
            yield ImagePairs(predictions, objects, iou, shared)

    @cached_property
    def related_pairs(self) -> tuple[Array, Array, Array]:
        """All pairs in one image with an IoU of at least `RELATED`, whatever their categories.

        Rows of the predictions, of the objects, both `(Q,)` int64, and `(Q,)` float64 IoU.
        """
        # Pairs of one category are in the blocks; only the others are compared here.
        found = [_related(block.predictions, block.objects, block.iou) for block in self.blocks]
        found += self._pairs_of_two_categories()
        empty = np.empty(0, np.int64)
        predictions, objects, iou = (
            np.concatenate(column) for column in zip((empty, empty, np.empty(0)), *found)
        )
        return predictions, objects, iou

    def _pairs_of_two_categories(self) -> Iterator[tuple[Array, Array, Array]]:
        """Compares the predictions of a category with the other objects of their image."""
        sizes_hw, annotations = sizes_of(self.ground_truth), self.ground_truth["annotations"]
        objects = [geometry_of(annotations[i], sizes_hw, self.iou_type) for i in self.gt_index]
        of_image = _rows_by_value(self.gt_image, len(self.image_ids))
        cell = self.pred_category * max(len(self.image_ids), 1) + self.pred_image
        for rows in _slices(cell, np.unique(cell)):
            others = of_image[self.pred_image[rows.start]]
            others = others[self.gt_category[others] != self.pred_category[rows.start]]
            if len(others):
                iou = coco_mask.iou(
                    [
                        geometry_of(self.detections[i], sizes_hw, self.iou_type)
                        for i in self.pred_index[rows]
                    ],
                    [objects[i] for i in others],
                    self.gt_crowd[others].tolist(),
                )
                yield _related(rows, others, iou)

    def _keeping(self, keep: Array) -> "MatchTable":
        """Keeps some predictions, the first ones of each block. keep: `(N,)` bool."""
        if keep.all():
            return self
        place, blocks = np.cumsum(keep) - keep, []
        for block in self.blocks:
            count = int(np.count_nonzero(keep[block.predictions]))
            if count:
                start = int(place[block.predictions.start])
                blocks.append(
                    Block(
                        slice(start, start + count),
                        block.objects,
                        block.iou[:count],
                        block.iou_without_crowds[:count],
                        block.shared[:count],
                    )
                )
        columns: dict[str, Any] = {name: getattr(self, name)[keep] for name in _PREDICTION_COLUMNS}
        return dataclasses.replace(self, blocks=tuple(blocks), **columns)


def _cells(items: Sequence[dict], places: dict[str, dict]) -> Array:
    """(category, image) of each item, as one number that sorts by both."""
    images, categories = places["images"], places["categories"]
    cells = [categories[i["category_id"]] * len(images) + images[i["image_id"]] for i in items]
    return np.array(cells, np.int64)


def _described(
    items: Sequence[dict], order: Array, attributes: dict, sizes_hw: dict, iou_type: str
) -> tuple[Array, list]:
    """Attributes `(n, T)` and masks or boxes of detections or annotations, sorted."""
    rows = [items[i] for i in order]
    geometry = [geometry_of(row, sizes_hw, iou_type) for row in rows]
    return multi_hot(rows, attributes), geometry


def _blocks(
    cells: tuple[Array, Array],
    geometry: tuple[list, list],
    hot: tuple[Array, Array],
    crowd: Array,
) -> Iterator[Block]:
    """The blocks of the cells that hold predictions and objects."""
    both = np.intersect1d(*cells)
    for rows, objects in zip(*(_slices(cell, both) for cell in cells)):
        masks, gt_masks = geometry[0][rows], geometry[1][objects]
        crowds = crowd[objects].tolist()
        iou = without_crowds = coco_mask.iou(masks, gt_masks, crowds)
        # Kaggle's contests know no crowds, and the data seldom has some.
        if any(crowds):
            without_crowds = coco_mask.iou(masks, gt_masks, [0] * len(crowds))
        # Products of float32 use BLAS, and counts are exact in it.
        shared = hot[0][rows].astype(np.float32) @ hot[1][objects].T.astype(np.float32)
        yield Block(rows, objects, iou, without_crowds, shared.astype(np.float64))


def _related(rows: Any, objects: Any, iou: Array) -> tuple[Array, Array, Array]:
    """The pairs that overlap enough. rows, objects: slices or indices of the matrix."""
    d, g = np.nonzero(iou >= RELATED)
    rows, objects = (
        np.arange(part.start, part.stop) if isinstance(part, slice) else part
        for part in (rows, objects)
    )
    return rows[d], objects[g], iou[d, g]


def _rows_by_value(column: Array, number: int) -> list[Array]:
    """Where a column of indices 0..number-1 holds each of them, ascending."""
    order = np.argsort(column, kind="stable")
    return np.split(order, np.searchsorted(column[order], np.arange(1, number)))


def _slices(column: Array, values: Array) -> list[slice]:
    """Where each of some values lies in a sorted column."""
    starts, stops = (np.searchsorted(column, values, side).tolist() for side in ("left", "right"))
    return [slice(*ends) for ends in zip(starts, stops)]
