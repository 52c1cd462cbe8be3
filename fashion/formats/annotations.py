"""Annotations: the rows of an annotation CSV, grouped by image, as arrays.

The run lengths of a whole training set are gigabytes of text: a row keeps only where in the file they are.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from fashion.formats.index_cache import open_index


@dataclasses.dataclass(frozen=True)
class Annotations:
    """R rows of a CSV, those of one image next to each other; I images, in the order of their first rows.

    Row r belongs to image i where first_row[i] <= r < first_row[i + 1]; its attributes are
    attributes[first_attribute[r]:first_attribute[r + 1]]. Arrays may be read-only, see `index_cache`.
    """

    csv_path: Path
    year: int  # 2019 or 2020
    image_ids: list  # I strings, as in the CSV
    image_hw: np.ndarray  # (I, 2) int32, Height and Width of the image's first row
    # (I,) int64, the line of the image's first row in the CSV; an image without objects has no rows
    # here
    image_line: np.ndarray
    first_row: np.ndarray  # (I + 1,) int64
    line: np.ndarray  # (R,) int64, the row's line in the CSV; the header is line 1
    class_ids: np.ndarray  # (R,) int32, 1..K
    first_attribute: np.ndarray  # (R + 1,) int64
    attributes: np.ndarray  # (…,) int32, dense attribute indices
    rle_offset: np.ndarray  # (R,) int64, where the row's run lengths start in the file, in bytes
    rle_bytes: np.ndarray  # (R,) int64, and how long they are
    file_stamp: tuple  # size and time of change of the file when it was read
    index: tuple | None = (
        None  # path and digest of the index file that holds all this; None: it is in memory only
    )
    chosen: np.ndarray | None = (
        None  # with an index: (images in it,) bool, which of them these are; None for all
    )

    @classmethod
    def of_index(cls, csv_path, index):
        """All images of the `Index` of a CSV; its facts are year, image_ids and file_stamp, its arrays the columns."""
        facts = index.facts
        return cls(
            csv_path=Path(csv_path),
            year=facts["year"],
            image_ids=facts["image_ids"],
            file_stamp=tuple(facts["file_stamp"]),
            index=index.path and (index.path, index.digest),
            **index.arrays,
        )

    @staticmethod
    def fits(index):
        """Whether an `Index` holds what `of_index` wants: arrays of these types and lengths, and
        offsets that ascend to their ends."""
        facts, arrays = index.facts, index.arrays
        if any(array.ndim == 0 for array in arrays.values()):
            return False
        ids, bad = facts.get("image_ids"), facts.get("bad")
        if (
            facts.get("year") not in (2019, 2020)
            or arrays.keys() != _COLUMNS.keys()
            or not isinstance(ids, list)
        ):
            return False
        if not (
            all(isinstance(name, str) for name in ids)
            and isinstance(bad, list)
            and all(_is_bad_row(row) for row in bad)
        ):
            return False
        if not all(
            isinstance(facts.get(name), int) for name in ("without_runs", "first_without_runs")
        ):
            return False
        lengths = {"I": len(ids), "R": len(arrays["line"]), "A": len(arrays["attributes"])}
        for name, (dtype, length, *rest) in _COLUMNS.items():
            expected = (lengths[length[0]] + length.endswith("+1"), *rest)
            if arrays[name].dtype != dtype or arrays[name].shape != expected:
                return False
        stamp = facts.get("file_stamp")
        return (
            isinstance(stamp, list)
            and len(stamp) == 2
            and all(isinstance(number, int) for number in stamp)
            and _ascends(arrays["first_row"], lengths["R"])
            and _ascends(arrays["first_attribute"], lengths["A"])
            and all((arrays[name] >= least).all() for name, least in _LEAST.items())
            and bool((arrays["rle_bytes"] <= stamp[0] - arrays["rle_offset"]).all())
        )

    def rows_of(self, image):
        """The rows of image `image` (0..I-1), as a range."""
        return range(int(self.first_row[image]), int(self.first_row[image + 1]))

    def lines_of(self, image):
        """The lines of image `image` in the CSV, a list of int, at least one."""
        rows = self.rows_of(image)
        return self.line[rows.start : rows.stop].tolist() or [int(self.image_line[image])]

    def runs_of(self, rows):
        """The run lengths of these rows, a list of str, read from the file."""
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

    def image_of_rows(self):
        """(R,) int64: the image of each row."""
        return np.repeat(np.arange(len(self.image_ids)), np.diff(self.first_row))

    def of_images(self, kept):
        """Only the images where `kept` (I,) is True."""
        kept = np.asarray(kept, bool)
        if kept.all():
            return self
        rows, number, chosen = (
            np.repeat(kept, np.diff(self.first_row)),
            np.diff(self.first_attribute),
            kept,
        )
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

    # Another process maps the same index file: it is sent where that lies and which images are meant, a few kilobytes.

    def __getstate__(self):
        if self.index is None or open_index(*self.index) is None:
            return vars(self)
        return {
            "csv_path": self.csv_path,
            "index": self.index,
            "chosen": self.chosen if self.chosen is None else np.packbits(self.chosen),
        }

    def __setstate__(self, state):
        if "line" not in state:
            index = open_index(*state["index"])
            if index is None:
                raise RuntimeError(
                    f"{state['index'][0]}, the index of {state['csv_path']}, is no longer as it was when the dataset was "
                    "sent to this process. Load the dataset again."
                )
            every = Annotations.of_index(state["csv_path"], index)
            if state["chosen"] is not None:
                every = every.of_images(np.unpackbits(state["chosen"], count=len(every.image_ids)))
            state = vars(every)
        vars(self).update(state)


# Type, length (I images, R rows, A attributes) and further axes of the columns in an index file;
# their least values.
_COLUMNS = {
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
_LEAST = {
    "image_hw": 1,
    "image_line": 2,
    "line": 2,
    "class_ids": 1,
    "attributes": 0,
    "rle_offset": 0,
    "rle_bytes": 0,
}


def _ascends(first, end):
    """Whether offsets go from 0 up to `end`."""
    return (
        len(first) > 0 and first[0] == 0 and first[-1] == end and bool((np.diff(first) >= 0).all())
    )


def _is_bad_row(row):
    return (
        isinstance(row, list)
        and len(row) == 3
        and isinstance(row[0], int)
        and all(isinstance(text, str) for text in row[1:])
    )


def offsets(counts):
    """(n,) -> (n + 1,) int64: 0, then the running sum."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def file_stamp(file):
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
