"""All objects of a data set in columns, measured from their run lengths without decoding masks."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fashion.formats.annotation_csv import BadRow
from fashion.formats.annotations import Annotations
from fashion.labels.ontology import Ontology
from mrcnn.data.masks.rle import boxes_of_spans, cut_at_columns
from mrcnn.typing import Array

# Run lengths parsed at a time. Larger blocks leave the processor's cache and are slower.
_BLOCK_BYTES = 1 << 20


class AnnotatedDataset(Protocol):
    """What the exploration reads of a data set, such as `IMaterialistDataset`.

    Attributes:
        annotations: Rows of the CSV, with run lengths.
        ontology: Label list.
        bad_rows: Rows that were left out.
    """

    annotations: Annotations
    ontology: Ontology
    bad_rows: list[BadRow]

    def load_image(self, image_id: int) -> Array:
        """Loads an image.

        Args:
            image_id: Index of the image.

        Returns:
            `(H, W, 3)` uint8 RGB.
        """


@dataclasses.dataclass(frozen=True)
class Objects:
    """N objects of I images, K classes and T attributes, and their L attribute labels.

    Attributes:
        image: `(N,)` int64 index into `image_ids`, ascending.
        class_ids: `(N,)` int32, 1 to K.
        line: `(N,)` int64 line of the CSV.
        areas: `(N,)` int64, pixels.
        boxes: `(N, 4)` int32 yxyx, pixels of the image; y2 and x2 lie outside.
        runs: `(N,)` int32 runs of the mask, at most one for each column and gap.
        parts: `(N,)` int32 parts of the mask that do not touch, not even at a corner.
        labelled: `(L,)` int64 index of the object that an attribute label belongs to.
        attributes: `(L,)` int32 attribute of the label, 0 to T - 1.
        image_ids: I names.
        image_hw: `(I, 2)` int64, pixels.
        num_classes: K.
        num_attributes: T.
    """

    image: Array
    class_ids: Array
    line: Array
    areas: Array
    boxes: Array
    runs: Array
    parts: Array
    labelled: Array
    attributes: Array
    image_ids: list[str]
    image_hw: Array
    num_classes: int
    num_attributes: int

    def __len__(self) -> int:
        return len(self.image)

    @property
    def image_pixels(self) -> Array:
        """`(N,)` int64, pixels of each object's image."""
        return np.prod(self.image_hw, axis=1)[self.image]

    @property
    def sides_hw(self) -> Array:
        """`(N, 2)` int32, height and width of the boxes."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    def with_labels(self, kept: Array) -> "Objects":
        """Drops attribute labels.

        Args:
            kept: `(L,)` bool.

        Returns:
            The same objects with the labels where `kept` is True.
        """
        return dataclasses.replace(
            self, labelled=self.labelled[kept], attributes=self.attributes[kept]
        )


def measure_objects(
    dataset: AnnotatedDataset, on_rows: Callable[[int], object] | None = None
) -> Objects:
    """Measures all objects of a data set.

    Args:
        dataset: Data set whose annotations are run lengths.
        on_rows: Called with the number of objects measured since the last call.

    Returns:
        The objects, in the order of the annotations.
    """
    rows = dataset.annotations
    image = rows.image_of_rows()
    image_hw = np.asarray(rows.image_hw, np.int64).reshape(-1, 2)
    shapes = []
    for block in _blocks(rows.rle_bytes):
        sizes_hw = image_hw[image[block.start : block.stop]]
        starts, lengths, counts = rows.parsed_rows(block, sizes_hw)
        shapes.append(run_shapes(starts, lengths, counts, sizes_hw[:, 0]))
        if on_rows:
            on_rows(len(block))
    columns = {}  # of all blocks
    for name in shapes[0]:
        columns[name] = np.concatenate([shape[name] for shape in shapes])
    return Objects(
        image=image,
        class_ids=rows.class_ids,
        line=rows.line,
        labelled=np.repeat(np.arange(len(image)), np.diff(rows.first_attribute)),
        attributes=rows.attributes,
        image_ids=rows.image_ids,
        image_hw=image_hw,
        num_classes=len(dataset.ontology.category_ids),
        num_attributes=dataset.ontology.num_attributes,
        **columns,
    )


def _blocks(sizes: Array) -> Iterator[range]:
    """Ranges of rows whose `sizes` sum to about `_BLOCK_BYTES` each."""
    number = (np.cumsum(sizes) - sizes) // _BLOCK_BYTES
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1), len(sizes)]
    for start, stop in zip(edges, edges[1:]):
        yield range(int(start), int(stop))


def run_shapes(starts: Array, lengths: Array, counts: Array, heights: Array) -> dict[str, Array]:
    """Measures B masks of at least one run each.

    Args:
        starts: `(R,)` int64 first pixel of each run, from 0 down the columns; the runs of one
            mask after another, sorted and without overlap (`rle.parse_all`).
        lengths: `(R,)` int64, pixels.
        counts: `(B,)` int64 runs of each mask.
        heights: `(B,)` int64 height of each mask's image.

    Returns:
        "areas" `(B,)` int64, "boxes" `(B, 4)` int32 yxyx, "runs" and "parts" `(B,)` int32, as in
        `Objects`.
    """
    if not len(counts):
        return {
            "areas": np.zeros(0, np.int64),
            "boxes": np.zeros((0, 4), np.int32),
            "runs": np.zeros(0, np.int32),
            "parts": np.zeros(0, np.int32),
        }
    mask = np.repeat(np.arange(len(counts)), counts)
    mask, column, top, bottom = cut_at_columns(mask, starts, lengths, heights[mask])
    number = np.bincount(mask, minlength=len(counts))
    return {
        "areas": np.add.reduceat(bottom - top, np.cumsum(number) - number),
        "boxes": boxes_of_spans(mask, column, top, bottom, len(counts)).astype(np.int32),
        "runs": number.astype(np.int32),
        "parts": _count_parts(mask, column, top, bottom, len(counts)),
    }


def _count_parts(mask: Array, column: Array, top: Array, bottom: Array, num_masks: int) -> Array:
    """(num_masks,) int32: 8-connected parts of each mask, from its spans within columns."""
    reach = int(bottom.max()) + 2
    # Columns of all masks in a row; the step of 2 leaves a gap between two masks.
    place = np.append(0, np.cumsum(np.where(np.diff(mask) > 0, 2, np.diff(column))))
    # Both ascend, because spans are sorted and do not overlap.
    tops, bottoms = place * reach + top, place * reach + bottom
    left_column = (place - 1) * reach
    # In the column on the left, from the first span that does not end above this one
    # up to the first that starts below it.
    low = np.searchsorted(bottoms, left_column + top, side="left")
    high = np.searchsorted(tops, left_column + bottom, side="right")
    number = np.maximum(high - low, 0)
    left = np.repeat(low - (np.cumsum(number) - number), number) + np.arange(number.sum())
    right = np.repeat(np.arange(len(top)), number)
    # Two runs of one column that touch: one run was written as two.
    below = np.flatnonzero((place[1:] == place[:-1]) & (top[1:] == bottom[:-1]))
    left, right = np.append(left, below), np.append(right, below + 1)
    graph = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(top), len(top)))
    num_parts, part = connected_components(graph, directed=False)
    mask_of_part = np.zeros(num_parts, np.int64)
    mask_of_part[part] = mask  # all spans of a part belong to one mask
    return np.bincount(mask_of_part, minlength=num_masks).astype(np.int32)
