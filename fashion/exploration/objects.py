"""Objects: all rows of a data set in columns, with what their runs say about them."""

import dataclasses

import numpy as np

from fashion.exploration.run_shapes import run_shapes
from fashion.formats import rle

_BLOCK_BYTES = (
    1 << 20
)  # run lengths that are read together; more leaves the processor's cache and is slower


@dataclasses.dataclass(frozen=True)
class Objects:
    """N objects of I photos, K classes and T attributes; and their L attribute labels as pairs."""

    image: np.ndarray  # (N,) int64, 0..I-1, ascending
    class_ids: np.ndarray  # (N,) int32, 1..K
    line: np.ndarray  # (N,) int64, line of the CSV
    areas: np.ndarray  # (N,) int64, pixels
    boxes: np.ndarray  # (N, 4) int32 yxyx, pixels of the photo, (y2, x2) outside
    runs: np.ndarray  # (N,) int32
    parts: np.ndarray  # (N,) int32
    labelled: np.ndarray  # (L,) int64, an object
    attributes: np.ndarray  # (L,) int32, one of its attributes, 0..T-1
    image_ids: list  # I strings
    image_hw: np.ndarray  # (I, 2) int64
    classes: int
    attribute_count: int

    def __len__(self):
        return len(self.image)

    @property
    def photo_pixels(self):
        """(N,) int64: pixels of each object's photo."""
        return np.prod(self.image_hw, axis=1)[self.image]

    @property
    def sides_hw(self):
        """(N, 2) int32: height and width of the boxes."""
        return self.boxes[:, 2:] - self.boxes[:, :2]

    def with_labels(self, kept):
        """The same with the attribute labels where `kept` (L,) is True."""
        return dataclasses.replace(
            self, labelled=self.labelled[kept], attributes=self.attributes[kept]
        )


def measure_objects(dataset, on_rows=None):
    """The Objects of an IMaterialistDataset. on_rows: called with the number of rows that were measured since the last call."""
    rows = dataset.annotations
    image = rows.image_of_rows()
    image_hw = np.asarray(rows.image_hw, np.int64).reshape(-1, 2)
    shapes = []
    for block in _blocks(rows.rle_bytes):
        sizes_hw = image_hw[image[block.start : block.stop]]
        shapes.append(run_shapes(*rle.parse_all(rows.runs_of(block), sizes_hw), sizes_hw[:, 0]))
        if on_rows:
            on_rows(len(block))
    columns = {name: np.concatenate([shape[name] for shape in shapes]) for name in shapes[0]}
    return Objects(
        image=image,
        class_ids=rows.class_ids,
        line=rows.line,
        labelled=np.repeat(np.arange(len(image)), np.diff(rows.first_attribute)),
        attributes=rows.attributes,
        image_ids=rows.image_ids,
        image_hw=image_hw,
        classes=len(dataset.ontology.category_ids),
        attribute_count=dataset.ontology.num_attributes,
        **columns,
    )


def _blocks(sizes):
    """Ranges of rows whose `sizes` (R,) make up about _BLOCK_BYTES each."""
    number = (np.cumsum(sizes) - sizes) // _BLOCK_BYTES
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1), len(sizes)]
    return [range(int(a), int(b)) for a, b in zip(edges, edges[1:])]
