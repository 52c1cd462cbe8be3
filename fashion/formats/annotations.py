"""Annotations: the objects of an annotation file, grouped by image, as arrays.

The run lengths of a training set are gigabytes of text: a row keeps only their place. A CSV keeps
its own; of other formats, masks are converted once and kept in the index file, packed as COCO does.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fashion.formats import rle
from fashion.formats.index_cache import Index, open_index
from mrcnn.data.masks.coco_rle import runs_from_counts, unpack
from mrcnn.typing import Array, PathLike


@dataclasses.dataclass(frozen=True)
class Annotations:
    """R objects, those of one image together; I images, in the order of their first objects.

    Row r belongs to image i where `first_row[i] <= r < first_row[i + 1]`. Its attributes are
    `attributes[first_attribute[r]:first_attribute[r + 1]]`. Arrays may be read-only.

    Attributes:
        csv_path: The file, or the folder of the files.
        year: 2019 or 2020; 2020 for files that are not Kaggle's CSV.
        image_ids: I strings, as in the file.
        image_hw: `(I, 2)` int32, height and width of each image, pixels.
        image_line: `(I,)` int64, line of the image's first row in the CSV. An image without
            objects has a line but no row here.
        first_row: `(I + 1,)` int64.
        line: `(R,)` int64, line of the row in the CSV; the header is line 1. Of other files, what
            `unit` counts.
        class_ids: `(R,)` int32, 1..K.
        first_attribute: `(R + 1,)` int64.
        attributes: `(A,)` int32, dense attribute indices of all rows.
        rle_offset: `(R,)` int64, where the row's run lengths start in the file, bytes; with
            `masks`, where they start there.
        rle_bytes: `(R,)` int64, their length, bytes.
        file_stamp: Size and modification time of the file when it was read.
        index: Path and digest of the index file that holds all this; None if in memory only.
        chosen: With an index: bool for each of its images, True for those of this object. None
            for all.
        masks: `(bytes,)` uint8, COCO's packed counts of all rows; None if they are in the CSV.
        crowds: Objects that stand for several, without attributes, in the same images; None if
            there are none.
        active: `(I, K + 1)` uint8, 1 for the classes that were looked for in an image; None if
            all were in each.
        unit: What `line` counts: "line", or for instance "annotation".
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
    masks: Array | None = None
    crowds: "Annotations | None" = None
    active: Array | None = None
    unit: str = "line"

    @classmethod
    def from_index(cls, csv_path: PathLike, index: Index) -> "Annotations":
        """Takes all images of an index.

        Args:
            csv_path: The CSV that the index is about.
            index: With the facts year, image_ids and file_stamp, and an array for each column.

        Returns:
            The annotations.
        """
        facts, arrays = index.facts, dict[str, Any](index.arrays)
        crowd_columns: dict[str, Any] = {
            name: arrays.pop(f"crowd_{name}")
            for name in _CROWD_COLUMNS
            if f"crowd_{name}" in arrays
        }
        found = cls(
            csv_path=Path(csv_path),
            year=facts["year"],
            image_ids=facts["image_ids"],
            file_stamp=tuple(facts["file_stamp"]),
            index=(index.path, index.digest) if index.path else None,
            unit=facts.get("unit", "line"),
            **arrays,
        )
        if not crowd_columns:
            return found
        number = len(crowd_columns["line"])
        crowds = dataclasses.replace(
            found,
            index=None,
            active=None,
            first_attribute=np.zeros(number + 1, np.int64),
            attributes=np.zeros(0, np.int32),
            **crowd_columns,
        )
        return dataclasses.replace(found, crowds=crowds)

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
        if not _are_valid_facts(facts) or any(array.ndim == 0 for array in arrays.values()):
            return False
        if not _has_columns(arrays, facts):
            return False
        masks_bytes = len(arrays["masks"]) if "masks" in arrays else facts["file_stamp"][0]
        parts = [("", len(arrays["line"]))]
        if "crowd_line" in arrays:
            parts.append(("crowd_", len(arrays["crowd_line"])))
        for prefix, rows in parts:
            first, length = arrays[f"{prefix}rle_offset"], arrays[f"{prefix}rle_bytes"]
            if not _ascends(arrays[f"{prefix}first_row"], rows):
                return False
            if not (length <= masks_bytes - first).all():
                return False
        least_line = 0 if "masks" in arrays else 2  # after the header of a CSV
        least = _LEAST | {"image_line": least_line, "line": least_line}
        return _ascends(arrays["first_attribute"], len(arrays["attributes"])) and all(
            (arrays[name] >= value).all() for name, value in least.items() if name in arrays
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
        if self.masks is not None:
            return [rle.from_coco({"counts": text}) for text in self._packed(rows)]
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

    def parsed_runs(self, image: int) -> tuple[Array, Array, Array]:
        """Reads the masks of an image as runs.

        Args:
            image: 0..I-1.

        Returns:
            starts: `(S,)` int64, pixels from 0, of all masks in turn.
            lengths: `(S,)` int64.
            counts: `(N,)` int64, runs of each mask.

        Raises:
            RuntimeError: If the file has changed since it was loaded, or the index is damaged.
        """
        return self.parsed_rows(self.rows_of(image), self.image_hw[image])

    def parsed_rows(self, rows: Sequence[int], sizes_hw: Array) -> tuple[Array, Array, Array]:
        """Reads the masks of rows as runs, see `parsed_runs`.

        Args:
            rows: Row numbers.
            sizes_hw: `(N, 2)` int, height and width of their images, or `(2,)` for all.

        Returns:
            See `parsed_runs`.

        Raises:
            RuntimeError: See `parsed_runs`.
        """
        if self.masks is None:
            return rle.parse_all(self.runs_of(rows), sizes_hw)
        pixels = np.broadcast_to(np.asarray(sizes_hw, np.int64), (len(rows), 2)).prod(axis=1)
        none = np.zeros(0, np.int64)
        starts, lengths, counts = [none], [none], []
        for text, area in zip(self._packed(rows), pixels.tolist()):
            own_starts, own_lengths = self._runs_of_mask(text, area)
            starts.append(own_starts)
            lengths.append(own_lengths)
            counts.append(len(own_starts))
        return np.concatenate(starts), np.concatenate(lengths), np.array(counts, np.int64)

    def _packed(self, rows: Sequence[int]) -> list[bytes]:
        """COCO's packed counts of rows."""
        assert self.masks is not None
        ends = self.rle_offset + self.rle_bytes
        return [self.masks[self.rle_offset[row] : ends[row]].tobytes() for row in rows]

    def _runs_of_mask(self, text: bytes, pixels: int) -> tuple[Array, Array]:
        counts = unpack(text)
        if (counts < 0).any() or counts.sum() != pixels:
            raise RuntimeError(
                f"The index of {self.csv_path} is damaged. Delete {self.index and self.index[0]}; "
                "it is made again."
            )
        return runs_from_counts(counts)

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
            crowds=None if self.crowds is None else self.crowds.of_images(kept),
            active=None if self.active is None else self.active[kept],
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
# Of files that are not CSVs; `masks` belongs to these, the others are optional.
_MORE_COLUMNS: dict[str, tuple[Any, ...]] = {
    "masks": (np.uint8, "M"),
    "active": (np.uint8, "I", "K"),
    "crowd_first_row": (np.int64, "I+1"),
    "crowd_line": (np.int64, "C"),
    "crowd_class_ids": (np.int32, "C"),
    "crowd_rle_offset": (np.int64, "C"),
    "crowd_rle_bytes": (np.int64, "C"),
}
_CROWD_COLUMNS = ("first_row", "line", "class_ids", "rle_offset", "rle_bytes")
# Their least values.
_LEAST = {
    "image_hw": 1,
    "class_ids": 1,
    "attributes": 0,
    "rle_offset": 0,
    "rle_bytes": 0,
    "crowd_class_ids": 1,
    "crowd_rle_offset": 0,
    "crowd_rle_bytes": 0,
}


def _has_columns(arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> bool:
    """Whether the arrays of an index have the expected names, dtypes and lengths."""
    more = arrays.keys() - _COLUMNS.keys()
    if _COLUMNS.keys() - arrays.keys() or more - _MORE_COLUMNS.keys():
        return False
    crowd = {name for name in _MORE_COLUMNS if name.startswith("crowd_")}
    if more and "masks" not in more or more & crowd and crowd - more:
        return False
    lengths = {
        "I": len(facts["image_ids"]),
        "R": len(arrays["line"]),
        "A": len(arrays["attributes"]),
        "M": len(arrays.get("masks", ())),
        "C": len(arrays.get("crowd_line", ())),
        "K": arrays["active"].shape[-1] if "active" in arrays else 0,
    }
    for name, array in arrays.items():
        dtype, length, *rest = {**_COLUMNS, **_MORE_COLUMNS}[name]
        expected = (
            lengths[length[0]] + length.endswith("+1"),
            *(lengths.get(axis, axis) for axis in rest),
        )
        if array.dtype != dtype or array.shape != expected:
            return False
    return True


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
        and len(row) == 4
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
