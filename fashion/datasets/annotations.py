"""Annotations: the rows of an annotation CSV, grouped by image, as arrays.

The run lengths of a whole training set are gigabytes of text: a row keeps only where in the file they are.
"""
import dataclasses
import os
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Annotations:
    """R rows of a CSV, those of one image next to each other; I images, in the order of their first rows.

    Row r belongs to image i where first_row[i] <= r < first_row[i + 1]; its attributes are
    attributes[first_attribute[r]:first_attribute[r + 1]].
    """

    csv_path: Path
    year: int                     # 2019 or 2020
    image_ids: list               # I strings, as in the CSV
    image_hw: np.ndarray          # (I, 2) int32, Height and Width of the image's first row
    first_row: np.ndarray         # (I + 1,) int64
    line: np.ndarray              # (R,) int64, the row's line in the CSV; the header is line 1
    class_ids: np.ndarray         # (R,) int32, 1..K
    first_attribute: np.ndarray   # (R + 1,) int64
    attributes: np.ndarray        # (…,) int32, dense attribute indices
    rle_offset: np.ndarray        # (R,) int64, where the row's run lengths start in the file, in bytes
    rle_bytes: np.ndarray         # (R,) int64, and how long they are
    file_stamp: tuple             # size and time of change of the file when it was read

    def rows_of(self, image):
        """The rows of image `image` (0..I-1), as a range."""
        return range(int(self.first_row[image]), int(self.first_row[image + 1]))

    def runs_of(self, rows):
        """The run lengths of these rows, a list of str, read from the file."""
        if not len(rows):
            return []
        with open(self.csv_path, "rb") as file:
            if file_stamp(file) != self.file_stamp:
                raise RuntimeError(f"{self.csv_path} has changed since it was loaded, so masks can no longer "
                                   "be found in it. Load the dataset again.")
            texts = []
            for row in rows:
                file.seek(self.rle_offset[row])
                texts.append(file.read(self.rle_bytes[row]).decode("ascii"))
            return texts

    def image_of_rows(self):
        """(R,) int64: the image of each row."""
        return np.repeat(np.arange(len(self.image_ids)), np.diff(self.first_row))

    def keep(self, rows):
        """Only the rows where `rows` (R,) is True. Images without any left are left out."""
        images = self.image_of_rows()[rows]
        counts = np.bincount(images, minlength=len(self.image_ids))
        some = counts > 0
        number = np.diff(self.first_attribute)
        return dataclasses.replace(
            self, image_ids=[name for name, kept in zip(self.image_ids, some) if kept],
            image_hw=self.image_hw[some],
            first_row=offsets(counts[some]), line=self.line[rows], class_ids=self.class_ids[rows],
            first_attribute=offsets(number[rows]), attributes=self.attributes[np.repeat(rows, number)],
            rle_offset=self.rle_offset[rows], rle_bytes=self.rle_bytes[rows])


def offsets(counts):
    """(n,) -> (n + 1,) int64: 0, then the running sum."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def file_stamp(file):
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
