"""Annotations: the rows of an annotation CSV, grouped by image, as arrays.

The run lengths of a training set are gigabytes of text: a row keeps only their place in the file.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fashion.formats.index_cache import Index, open_index
from mrcnn.typing import Array, PathLike


@dataclasses.dataclass(frozen=True)
class Annotations:
    """R rows of a CSV, those of one image together; I images, in the order of their first rows.

    Row r belongs to image i where `first_row[i] <= r < first_row[i + 1]`. Its attributes are
    `attributes[first_attribute[r]:first_attribute[r + 1]]`. Arrays may be read-only.

    Attributes:
        csv_path: The file.
        year: 2019 or 2020.
        image_ids: I strings, as in the CSV.
        image_hw: `(I, 2)` int32, Height and Width of each image, pixels.
        image_line: `(I,)` int64, line of the image's first row in the CSV. An image without
            objects has a line but no row here.
        first_row: `(I + 1,)` int64.
        line: `(R,)` int64, line of the row in the CSV; the header is line 1.
        class_ids: `(R,)` int32, 1..K.
        first_attribute: `(R + 1,)` int64.
        attributes: `(A,)` int32, dense attribute indices of all rows.
        rle_offset: `(R,)` int64, where the row's run lengths start in the file, bytes.
        rle_bytes: `(R,)` int64, their length, bytes.
        file_stamp: Size and modification time of the file when it was read.
        index: Path and digest of the index file that holds all this; None if in memory only.
        chosen: With an index: bool for each of its images, True for those of this object. None
            for all.
    """

    csv_path: Path
    year: int
    image_ids: list[str]
    image_hw: Array
    image_line: Array
    first_row: Array
    line: Array
    class_ids: Array
    first_attribute: Array
    attributes: Array
    rle_offset: Array
    rle_bytes: Array
    file_stamp: tuple[int, int]
    index: tuple[Path, str] | None = None
    chosen: Array | None = None

    @classmethod
    def from_index(cls, csv_path: PathLike, index: Index) -> "Annotations":
        """Takes all images of an index.

        Args:
            csv_path: The CSV that the index is about.
            index: With the facts year, image_ids and file_stamp, and an array for each column.

        Returns:
            The annotations.
        """
        facts = index.facts
        return cls(
            csv_path=Path(csv_path),
            year=facts["year"],
            image_ids=facts["image_ids"],
            file_stamp=tuple(facts["file_stamp"]),
            index=(index.path, index.digest) if index.path else None,
            **index.arrays,
        )

    @staticmethod
    def is_valid_index(index: Index) -> bool:
        """Checks that an index holds what `from_index` and `read_annotations` expect.

        Args:
            index: An index that may come from somewhere else.

        Returns:
            Whether facts and arrays have the expected types, lengths and ranges, and offsets
            ascend to the ends of what they point to.
        """
        facts, arrays = index.facts, index.arrays
        if not _are_valid_facts(facts) or arrays.keys() != _COLUMNS.keys():
            return False
        if any(array.ndim == 0 for array in arrays.values()):
            return False
        lengths = {
            "I": len(facts["image_ids"]),
            "R": len(arrays["line"]),
            "A": len(arrays["attributes"]),
        }
        for name, (dtype, length, *rest) in _COLUMNS.items():
            expected = (lengths[length[0]] + length.endswith("+1"), *rest)
            if arrays[name].dtype != dtype or arrays[name].shape != expected:
                return False
        file_bytes = facts["file_stamp"][0]
        return (
            _ascends(arrays["first_row"], lengths["R"])
            and _ascends(arrays["first_attribute"], lengths["A"])
            and all((arrays[name] >= least).all() for name, least in _LEAST.items())
            and bool((arrays["rle_bytes"] <= file_bytes - arrays["rle_offset"]).all())
        )

    def rows_of(self, image: int) -> range:
        """Returns the rows of an image.

        Args:
            image: 0..I-1.

        Returns:
            Their numbers; empty for an image without objects.
        """
        return range(int(self.first_row[image]), int(self.first_row[image + 1]))

    def lines_of(self, image: int) -> list[int]:
        """Returns the lines of an image in the CSV.

        Args:
            image: 0..I-1.

        Returns:
            At least one line number.
        """
        rows = self.rows_of(image)
        return self.line[rows.start : rows.stop].tolist() or [int(self.image_line[image])]

    def runs_of(self, rows: Sequence[int]) -> list[str]:
        """Reads run lengths from the file.

        Args:
            rows: Row numbers.

        Returns:
            Kaggle run lengths, a text for each row.

        Raises:
            RuntimeError: If the file has changed since it was loaded.
        """
        if not len(rows):
            return []
        with open(self.csv_path, "rb") as file:
            if file_stamp(file) != self.file_stamp:
                raise RuntimeError(
                    f"{self.csv_path} has changed since it was loaded, so masks can no longer "
                    "be found in it. Load the dataset again."
                )
            texts = []
            for row in rows:
                file.seek(self.rle_offset[row])
                texts.append(file.read(self.rle_bytes[row]).decode("ascii"))
            return texts

    def image_of_rows(self) -> Array:
        """Returns the image of each row.

        Returns:
            `(R,)` int64, 0..I-1.
        """
        return np.repeat(np.arange(len(self.image_ids)), np.diff(self.first_row))

    def of_images(self, kept: Sequence[bool] | Array) -> "Annotations":
        """Selects images.

        Args:
            kept: `(I,)` bool.

        Returns:
            The annotations of the images that are kept.
        """
        kept = np.asarray(kept, bool)
        if kept.all():
            return self
        rows = np.repeat(kept, np.diff(self.first_row))
        number = np.diff(self.first_attribute)
        chosen = kept
        if self.chosen is not None:
            chosen = self.chosen.copy()
            chosen[self.chosen] = kept
        return dataclasses.replace(
            self,
            image_ids=[name for name, keep in zip(self.image_ids, kept) if keep],
            image_hw=self.image_hw[kept],
            image_line=self.image_line[kept],
            first_row=offsets(np.diff(self.first_row)[kept]),
            line=self.line[rows],
            class_ids=self.class_ids[rows],
            first_attribute=offsets(number[rows]),
            attributes=self.attributes[np.repeat(rows, number)],
            rle_offset=self.rle_offset[rows],
            rle_bytes=self.rle_bytes[rows],
            chosen=chosen,
        )

    # Another process maps the same index file: pickles hold its path and the chosen images, a few
    # kilobytes.

    def __getstate__(self) -> dict[str, Any]:
        if self.index is None or open_index(*self.index) is None:
            return vars(self)
        return {
            "csv_path": self.csv_path,
            "index": self.index,
            "chosen": self.chosen if self.chosen is None else np.packbits(self.chosen),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "line" not in state:
            index = open_index(*state["index"])
            if index is None:
                raise RuntimeError(
                    f"{state['index'][0]}, the index of {state['csv_path']}, has changed since the "
                    "dataset was sent to this process. Load the dataset again."
                )
            every = Annotations.from_index(state["csv_path"], index)
            if state["chosen"] is not None:
                every = every.of_images(np.unpackbits(state["chosen"], count=len(every.image_ids)))
            state = vars(every)
        vars(self).update(state)


# Dtype, length (I images, R rows, A attributes) and further axes of the columns in an index file.
_COLUMNS: dict[str, tuple[Any, ...]] = {
    "image_hw": (np.int32, "I", 2),
    "image_line": (np.int64, "I"),
    "first_row": (np.int64, "I+1"),
    "line": (np.int64, "R"),
    "class_ids": (np.int32, "R"),
    "first_attribute": (np.int64, "R+1"),
    "attributes": (np.int32, "A"),
    "rle_offset": (np.int64, "R"),
    "rle_bytes": (np.int64, "R"),
}
# Their least values.
_LEAST = {
    "image_hw": 1,
    "image_line": 2,
    "line": 2,
    "class_ids": 1,
    "attributes": 0,
    "rle_offset": 0,
    "rle_bytes": 0,
}


def _are_valid_facts(facts: Mapping[str, Any]) -> bool:
    ids, bad, stamp = facts.get("image_ids"), facts.get("bad"), facts.get("file_stamp")
    counts = [facts.get(name) for name in ("without_runs", "first_without_runs")]
    return (
        facts.get("year") in (2019, 2020)
        and _is_list_of(str, ids)
        and isinstance(bad, list)
        and all(_is_bad_row(row) for row in bad)
        and _is_list_of(int, counts)
        and _is_list_of(int, stamp)
        and len(stamp or ()) == 2
    )


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, kind) for item in value)


def _is_bad_row(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 3
        and isinstance(row[0], int)
        and _is_list_of(str, row[1:])
    )


def _ascends(first: Array, end: int) -> bool:
    """Whether offsets go from 0 up to `end`."""
    return (
        len(first) > 0 and first[0] == 0 and first[-1] == end and bool((np.diff(first) >= 0).all())
    )


def offsets(counts: Array) -> Array:
    """Returns where each of several parts starts in their concatenation.

    Args:
        counts: `(n,)` lengths of the parts.

    Returns:
        `(n + 1,)` int64: 0, then the running sum.
    """
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def file_stamp(file: BinaryIO) -> tuple[int, int]:
    """Returns what changes when a file is written again.

    Args:
        file: An open file.

    Returns:
        Size in bytes and modification time in nanoseconds.
    """
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
