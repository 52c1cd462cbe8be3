"""Rows of an annotation CSV: from texts to arrays, with a reason for each bad one."""

import functools
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

from fashion.formats import rle
from fashion.formats.annotations import offsets
from fashion.formats.bad_rows import BadRow
from fashion.formats.csv_table import is_empty, shown, whole_number
from fashion.labels.ontology import Ontology
from mrcnn.data.image_io import MAX_PIXELS
from mrcnn.typing import Array, Size

# Run lengths checked together, bytes. More leaves the processor's cache and is slower.
_BATCH_BYTES = 1 << 19

# Checks the run lengths of some masks; see `wrong_runs`.
ReadRuns: TypeAlias = Callable[[list[bytes], list[Size]], dict[int, str]]


def wrong_runs(texts: list[bytes], sizes_hw: list[Size]) -> dict[int, str]:
    """Finds run lengths that cannot be used.

    Args:
        texts: Kaggle run lengths of N masks.
        sizes_hw: N (height, width) of their images, pixels.

    Returns:
        The index of each mask that is wrong, with the reason.
    """
    valid = rle.valid_runs(texts, np.prod(sizes_hw, axis=1, dtype=np.int64))
    reasons = {int(i): rle.check_runs(texts[i], sizes_hw[i]) for i in np.flatnonzero(~valid)}
    return {i: reason for i, reason in reasons.items() if reason}


class ClassParser:
    """Parses ClassId and AttributesIds.

    Args:
        ontology: The ids that occur.
        attribute_categories: Real ids of the categories whose attributes are kept; None keeps all.
    """

    def __init__(self, ontology: Ontology, attribute_categories: Iterable[int] | None) -> None:
        self.ontology = ontology
        self._carrying = None if attribute_categories is None else set(attribute_categories)
        # The same few thousand combinations occur again and again.
        self._known: dict[tuple[str, str | None], tuple[int, tuple[int, ...], str | None]] = {}

    def __call__(
        self, class_text: str, attributes_text: str | None = None
    ) -> tuple[int, tuple[int, ...], str | None]:
        """Parses the fields of one row.

        Args:
            class_text: The field ClassId.
            attributes_text: The field AttributesIds; None in 2019, where ClassId has both.

        Returns:
            The class id (1..K), the dense attribute indices, and the reason if they are wrong.
        """
        key = (class_text, attributes_text)
        if key not in self._known:
            self._known[key] = self._parse(class_text, attributes_text)
        return self._known[key]

    def _parse(self, class_text, attributes_text):
        if attributes_text is None:  # 2019
            category, *attributes = class_text.split("_")
        else:
            category = class_text
            attributes = [] if is_empty(attributes_text) else attributes_text.split(",")
        ontology, reasons = self.ontology, []
        class_id = _id_of(category, ontology.class_id_of, "category", reasons)
        indices = [
            _id_of(text, ontology.attribute_index_of, "attribute", reasons) for text in attributes
        ]
        if reasons:
            return 0, (), "; ".join(reasons)
        if self._carrying is not None and ontology.category_id_of(class_id) not in self._carrying:
            indices = []
        return class_id, tuple(sorted(set(indices))), None


def _id_of(text, look_up, kind, reasons):
    """`look_up` of the number in a text; on failure adds to `reasons` and returns None."""
    text = text.strip()
    number = whole_number(text)
    if number is None:
        reasons.append(f"{kind} {shown(text)} is not a whole number")
        return None
    try:
        return look_up(number)
    except ValueError:
        reasons.append(f"unknown {kind} {number if len(text) < 10 else shown(text)}")
        return None


class RowCollector:
    """Collects the rows of a CSV, column by column, and the bad ones.

    Args:
        read_runs: Checks the run lengths of many rows at once; see `wrong_runs`.

    Attributes:
        bad: The bad rows so far.
    """

    def __init__(self, read_runs: ReadRuns) -> None:
        self.bad: list[BadRow] = []
        self._read_runs = read_runs
        self._images: dict[str, int] = {}  # ImageId -> its number
        self._image_hw: list[Size] = []
        self._image_line = array("q")
        self._image, self._line, self._class_ids = array("q"), array("q"), array("q")
        self._attribute_count, self._attributes = array("q"), array("q")
        self._rle_offset, self._rle_bytes = array("q"), array("q")
        self._is_good = array("b")
        # Rows whose run lengths are still to be checked: number, run lengths, size, ImageId.
        self._batch: list[tuple[int, bytes, Size, str]] = []
        self._batch_bytes = 0
        # Rows without run lengths: number of the image, line, whether the row has a class.
        self._empty: list[tuple[int, int, bool]] = []

    def add(self, line: int, fields: Sequence, offset: int, parse_class: ClassParser) -> None:
        """Adds one row.

        Args:
            line: Its line in the CSV.
            fields: Its fields, from `CsvTable.split`.
            offset: Where its run lengths start in the file, bytes.
            parse_class: Parses the fields after Width.
        """
        image_id, runs, height, width, *class_fields = fields
        is_new = image_id not in self._images
        empty = is_empty(runs)
        labelled = not empty or not all(map(is_empty, class_fields))
        class_id, attributes, reason = parse_class(*class_fields) if labelled else (0, (), None)
        reasons = _name_faults(image_id) if is_new else []
        reasons += [reason] if reason else []
        size_hw, size_fault = _size(height, width)
        if size_fault:
            reasons.append(size_fault)
        elif size_hw and not is_new and not reasons:
            first_hw = self._image_hw[self._images[image_id]]
            if size_hw != first_hw:
                reasons.append(
                    f"Height and Width are {size_hw[0]} and {size_hw[1]}, but in this image's "
                    f"first row {first_hw[0]} and {first_hw[1]}"
                )
        if size_hw is None or reasons:
            fault = rle.check_runs(runs, size_hw) if size_hw and not empty else None
            self.bad.append(BadRow(line, image_id, "; ".join(reasons + [fault] * bool(fault))))
            return
        if is_new:
            self._images[image_id] = len(self._images)
            self._image_hw.append(size_hw)
            self._image_line.append(line)
        if empty:
            self._empty.append((self._images[image_id], line, labelled))
            return
        self._batch.append((len(self._line), runs, size_hw, image_id))
        self._batch_bytes += len(runs)
        self._image.append(self._images[image_id])
        self._line.append(line)
        self._class_ids.append(class_id)
        self._attribute_count.append(len(attributes))
        self._attributes.extend(attributes)
        self._rle_offset.append(offset)
        self._rle_bytes.append(len(runs))
        self._is_good.append(1)
        if self._batch_bytes > _BATCH_BYTES:
            self.check_batch()

    def check_batch(self) -> None:
        """Checks the run lengths of the rows that were added since the last call."""
        if not self._batch:
            return
        rows, texts, sizes_hw, image_ids = zip(*self._batch)
        for k, reason in self._read_runs(list(texts), list(sizes_hw)).items():
            self._is_good[rows[k]] = 0
            self.bad.append(BadRow(self._line[rows[k]], image_ids[k], reason))
        self._batch, self._batch_bytes = [], 0

    def lines_without_runs(self) -> list[int]:
        """Returns the lines of rows without run lengths where a mask may have been lost.

        Returns:
            Line numbers, ascending.
        """
        with_objects = set(self._image)
        return [line for image, line, labelled in self._empty if labelled or image in with_objects]

    def columns(self) -> tuple[list[str], dict[str, Array]]:
        """Returns the rows that can be used; every batch must have been checked.

        Returns:
            The ImageIds and the arrays of `Annotations`.
        """
        image = np.asarray(self._image, np.int64)
        number = np.asarray(self._attribute_count, np.int64)
        # Nearly always a file has the rows of an image together already.
        rows = np.argsort(image, kind="stable")
        rows = rows[np.asarray(self._is_good, bool)[rows]]
        counts = np.bincount(image[rows], minlength=len(self._images))
        first = offsets(number[rows])
        of_row = np.arange(first[-1]) - np.repeat(first[:-1] - offsets(number)[rows], number[rows])
        kept = self._kept_images(counts)
        names = [name for name, keep in zip(self._images, kept) if keep]
        return names, {
            "image_hw": np.asarray(self._image_hw, np.int32).reshape(-1, 2)[kept],
            "image_line": np.asarray(self._image_line, np.int64)[kept],
            "first_row": offsets(counts[kept]),
            "line": np.asarray(self._line, np.int64)[rows],
            "class_ids": np.asarray(self._class_ids, np.int32)[rows],
            "first_attribute": first,
            "attributes": np.asarray(self._attributes, np.int32)[of_row],
            "rle_offset": np.asarray(self._rle_offset, np.int64)[rows],
            "rle_bytes": np.asarray(self._rle_bytes, np.int64)[rows],
        }

    def _kept_images(self, counts: Array) -> Array:
        """(images,) bool; `counts` are the usable rows of each."""
        kept = counts > 0
        # An image without usable rows is kept as empty only if it has no bad row: a bad row shows
        # an object, and training would learn that there is none.
        spoiled = {row.image_id for row in self.bad}
        names = list(self._images)
        for image, _, _ in self._empty:
            kept[image] |= names[image] not in spoiled
        return kept


def _name_faults(image_id):
    """What is wrong with an ImageId, a list of str."""
    if not image_id:
        return ["ImageId is empty"]
    if "\ufffd" in image_id:
        return ["ImageId is not UTF-8 text; save the file as UTF-8"]
    if not image_id.isprintable() and any(c < " " or c == "\x7f" for c in image_id):
        return [f"ImageId {shown(image_id)} holds a control character"]
    return []


@functools.lru_cache(1 << 14)  # the rows of an image have one size
def _size(height: str, width: str) -> tuple[Size, None] | tuple[None, str]:
    """((height, width), None) of an image, or (None, what is wrong with it)."""
    h, w = whole_number(height), whole_number(width)
    if not h or not w:
        return None, (
            f"Height and Width are {shown(height)} and {shown(width)}, not whole numbers above 0"
        )
    if h * w > MAX_PIXELS:
        return None, (
            f"Height and Width are {shown(height)} and {shown(width)}, and images have at most "
            f"{MAX_PIXELS / 1e6:.0f} million pixels here"
        )
    return (h, w), None
