"""The annotation CSV of iMaterialist 2019 or 2020: lines in, rows by image out, wrong rows named."""

import dataclasses
import functools
import logging
import os
from array import array
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.formats import rle
from fashion.formats.annotations import Annotations, file_stamp, offsets
from fashion.formats.csv_table import (
    CsvTable,
    is_nothing,
    printable,
    read_header,
    shown,
    whole_number,
)
from fashion.formats.index_cache import Index, remember
from mrcnn.data.image_io import MAX_PIXELS

log = logging.getLogger(__name__)

_BATCH_BYTES = (
    1 << 19
)  # run lengths checked together; more leaves the processor's cache and is slower
_PATIENCE = 2  # seconds of reading before a bar is shown
_NO_IMAGE = "?"  # the image of a row that has the wrong number of fields
_SHOWN_NAME = 100  # characters of an ImageId that an error shows


@dataclasses.dataclass(frozen=True)
class BadRow:
    """One row that cannot be used. `line` is its line in the CSV, the header being line 1."""

    line: int
    image_id: str
    reason: str


class BadRows(ValueError):
    """Rows of a CSV that cannot be used, all of them: `.csv_path` and `.rows`, a list of `BadRow`."""

    SHOWN = 1000
    ONE_CAUSE = 5  # more rows with labels that are unknown have one cause

    def __init__(self, csv_path, rows):
        self.csv_path = Path(csv_path)
        self.rows = sorted(rows, key=lambda row: row.line)
        total = f"{len(self.rows):,} row{'s' * (len(self.rows) != 1)}"
        lines = [f"{self.csv_path} has {total} that cannot be used:"]
        foreign = [row for row in self.rows if row.reason.startswith("unknown ")]
        if len(foreign) > self.ONE_CAUSE:  # one cause, the label list, and so one line
            first = foreign[0]
            name = printable(first.image_id[:_SHOWN_NAME])
            lines.append(
                f"  {len(foreign):,} rows, line {first.line} (image {name}) is the first: {first.reason}. "
                "The label list does not belong to this file: put its own label_descriptions.json beside it."
            )
        rows = [
            row
            for row in self.rows
            if len(foreign) <= self.ONE_CAUSE or not row.reason.startswith("unknown ")
        ]
        lines += [
            f"  line {row.line} (image {printable(row.image_id[:_SHOWN_NAME])}): {row.reason}"
            for row in rows[: self.SHOWN]
        ]
        if len(rows) > self.SHOWN:
            lines.append(f"  … and {len(rows) - self.SHOWN:,} more")
        lines.append(
            "Correct the file, or go on without these rows: --skip-bad (in Python, skip_bad=True)."
        )
        super().__init__("\n".join(lines))


def wrong_runs(texts, sizes_hw):
    """Run lengths of N masks, bytes, and N (height, width) -> {index: reason} of those that cannot be used."""
    valid = rle.valid_runs(texts, np.prod(sizes_hw, axis=1, dtype=np.int64))
    reasons = {int(i): rle.check_runs(texts[i], sizes_hw[i]) for i in np.flatnonzero(~valid)}
    return {i: reason for i, reason in reasons.items() if reason}


def read_annotations(
    csv_path, ontology, *, image_ids=None, attribute_categories=None, read_runs=None
):
    """Read a CSV of either year; the two are told apart by their columns. No mask is decoded.

    The file is read and checked whole once: what was found lies in an index file afterwards, see `index_cache`, until the CSV, the
    ontology or attribute_categories change.

    image_ids: only rows of these images, and what is wrong with those; None for all.
    attribute_categories: real ids of the categories whose attributes are kept; None for all.
    read_runs: called like `wrong_runs`, and in its place, some rows at a time, in the order of the file: for who makes
        masks of them all at once. Rows that are wrong for another reason are left out. The file is then read whole, without an index.
    Returns: (annotations of the rows that are right, list of `BadRow`).

    A row without EncodedPixels is an image without objects. If it has a ClassId all the same, or
    the image has objects in other rows,
    there is a warning: a mask may have been lost.
    """
    csv_path = Path(csv_path)

    def find_out():
        return _read(
            csv_path, _ClassParser(ontology, attribute_categories), _Found(read_runs or wrong_runs)
        )

    if read_runs is None:
        settings = [
            ontology.to_dict(),
            None if attribute_categories is None else sorted(map(int, attribute_categories)),
        ]
        index = remember(csv_path, "rows", settings, find_out, sound=Annotations.fits)
    else:
        index = Index(None, "", *find_out())
    annotations, bad = (
        Annotations.of_index(csv_path, index),
        [BadRow(*row) for row in index.facts["bad"]],
    )
    if number := index.facts["without_runs"]:
        log.warning(
            "%s: rows without EncodedPixels, although they have a ClassId or their image "
            "has objects in other rows: %d, the first "
            "in line %d. They are read as 'no object here'.",
            csv_path,
            number,
            index.facts["first_without_runs"],
        )
    return (annotations, bad) if image_ids is None else _only(annotations, bad, set(image_ids))


def _read(csv_path, parse_class, found):
    """Everything in a CSV, as `Annotations.of_index` wants it: facts and arrays. The bad rows are among the facts."""
    with (
        open(csv_path, "rb", buffering=1 << 20) as file,
        tqdm(
            total=os.path.getsize(csv_path),
            desc=csv_path.name,
            unit="B",
            unit_scale=True,
            delay=_PATIENCE,
        ) as bar,
    ):
        stamp = file_stamp(file)
        table = CsvTable(csv_path, read_header(file))
        offset = table.header_bytes
        for line_number, line in enumerate(file, 2):
            fields, start = table.split(line)
            if fields is not None:
                found.add(line_number, fields, offset + start, parse_class)
            elif line.strip():
                found.bad.append(BadRow(line_number, _NO_IMAGE, start))
            offset += len(line)
            if offset - bar.n > _BATCH_BYTES:
                bar.update(offset - bar.n)
        bar.update(offset - bar.n)
    found.check_batch()
    image_ids, arrays = found.columns()
    bad = [dataclasses.astuple(row) for row in found.bad]
    lost = found.without_runs()
    return {
        "year": table.year,
        "image_ids": image_ids,
        "file_stamp": stamp,
        "bad": bad,
        "without_runs": len(lost),
        "first_without_runs": min(lost, default=0),
    }, arrays


def _only(annotations, bad, wanted):
    """What concerns the images `wanted` (a set): their annotations, their bad rows and those of no image."""
    missing = sorted(wanted.difference(annotations.image_ids, (row.image_id for row in bad)))
    if missing:
        raise ValueError(
            f"{annotations.csv_path} has no rows for {len(missing)} of the {len(wanted)} images asked for, "
            f"among them {', '.join(missing[:5])}. Image ids must be spelled as in the file's "
            "ImageId column."
        )
    kept = annotations.of_images([name in wanted for name in annotations.image_ids])
    return kept, [row for row in bad if row.image_id in wanted or row.image_id == _NO_IMAGE]


class _ClassParser:
    """ClassId and AttributesIds -> class id and dense attribute indices, or what is wrong with them."""

    def __init__(self, ontology, attribute_categories):
        self.ontology = ontology
        self.carrying = None if attribute_categories is None else set(attribute_categories)
        self.known = {}  # the same few thousand combinations occur again and again

    def __call__(self, class_text, attributes_text=None):
        """-> (class id, tuple of dense attribute indices, reason or None)."""
        key = (class_text, attributes_text)
        if key not in self.known:
            self.known[key] = self._parse(class_text, attributes_text)
        return self.known[key]

    def _parse(self, class_text, attributes_text):
        if attributes_text is None:  # 2019
            category, *attributes = class_text.split("_")
        else:
            category, attributes = (
                class_text,
                [] if is_nothing(attributes_text) else attributes_text.split(","),
            )
        reasons = []
        class_id = self._number(category, self.ontology.class_id_of, "category", reasons)
        indices = [
            self._number(text, self.ontology.attribute_index_of, "attribute", reasons)
            for text in attributes
        ]
        if reasons:
            return 0, (), "; ".join(reasons)
        if (
            self.carrying is not None
            and self.ontology.category_id_of(class_id) not in self.carrying
        ):
            indices = []
        return class_id, tuple(sorted(set(indices))), None

    @staticmethod
    def _number(text, look_up, kind, reasons):
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


class _Found:
    """The rows read so far, column by column, and the bad ones."""

    def __init__(self, read_runs):
        self.read_runs = read_runs
        self.bad = []
        self.images = {}  # ImageId -> its number
        self.image_hw, self.image_line = [], array("q")
        self.image, self.line, self.class_ids = array("q"), array("q"), array("q")
        self.attribute_count, self.attributes = array("q"), array("q")
        self.rle_offset, self.rle_bytes = array("q"), array("q")
        self.good = array("b")
        self.batch, self.batch_bytes = [], 0  # (row, run lengths) that are still to be checked
        # of each row without run lengths: the image's number, its line, whether it has a class
        self.empty = []

    def add(self, line, fields, offset, parse_class):
        image_id, runs, height, width, *class_fields = fields
        reasons = [] if image_id in self.images else _name_faults(image_id)
        empty = is_nothing(runs)
        labelled = not empty or not all(map(is_nothing, class_fields))
        class_id, attributes = 0, ()
        if labelled:
            class_id, attributes, reason = parse_class(*class_fields)
            reasons += [reason] if reason else []
        size_hw, fault = _size(height, width)
        if fault:
            reasons.append(fault)
        elif not reasons:
            first_hw = self.image_hw[self.images[image_id]] if image_id in self.images else size_hw
            if size_hw != first_hw:
                reasons.append(
                    f"Height and Width are {size_hw[0]} and {size_hw[1]}, but in this image's "
                    f"first row {first_hw[0]} and {first_hw[1]}"
                )
        if reasons:
            fault = rle.check_runs(runs, size_hw) if size_hw and not empty else None
            self.bad.append(BadRow(line, image_id, "; ".join(reasons + [fault] * bool(fault))))
            return
        if image_id not in self.images:
            self.images[image_id] = len(self.images)
            self.image_hw.append(size_hw)
            self.image_line.append(line)
        if empty:
            self.empty.append((self.images[image_id], line, labelled))
            return
        self.batch.append((len(self.line), runs, size_hw, image_id))
        self.batch_bytes += len(runs)
        self.image.append(self.images[image_id])
        self.line.append(line)
        self.class_ids.append(class_id)
        self.attribute_count.append(len(attributes))
        self.attributes.extend(attributes)
        self.rle_offset.append(offset)
        self.rle_bytes.append(len(runs))
        self.good.append(1)
        if self.batch_bytes > _BATCH_BYTES:
            self.check_batch()

    def check_batch(self):
        if not self.batch:
            return
        rows, texts, sizes_hw, image_ids = zip(*self.batch)
        for k, reason in self.read_runs(list(texts), list(sizes_hw)).items():
            self.good[rows[k]] = 0
            self.bad.append(BadRow(self.line[rows[k]], image_ids[k], reason))
        self.batch, self.batch_bytes = [], 0

    def without_runs(self):
        """Lines of the rows without run lengths where there may have been some."""
        with_objects = set(self.image)
        return [line for image, line, labelled in self.empty if labelled or image in with_objects]

    def columns(self):
        """image_ids, and the arrays of `Annotations`, of the rows that are right."""
        image, number = np.asarray(self.image, np.int64), np.asarray(self.attribute_count, np.int64)
        rows = np.argsort(
            image, kind="stable"
        )  # as a rule the file has an image's rows together already
        rows = rows[np.asarray(self.good, bool)[rows]]
        counts = np.bincount(image[rows], minlength=len(self.images))
        first = offsets(number[rows])
        of_row = np.arange(first[-1]) - np.repeat(first[:-1] - offsets(number)[rows], number[rows])
        # An image of which objects were left out has something on it: without any other it would
        # teach that there is nothing.
        kept, spoiled = counts > 0, {row.image_id for row in self.bad}
        names = list(self.images)
        for empty, _, _ in self.empty:
            kept[empty] |= names[empty] not in spoiled
        return [name for name, keep in zip(names, kept) if keep], {
            "image_hw": np.asarray(self.image_hw, np.int32).reshape(-1, 2)[kept],
            "image_line": np.asarray(self.image_line, np.int64)[kept],
            "first_row": offsets(counts[kept]),
            "line": np.asarray(self.line, np.int64)[rows],
            "class_ids": np.asarray(self.class_ids, np.int32)[rows],
            "first_attribute": first,
            "attributes": np.asarray(self.attributes, np.int32)[of_row],
            "rle_offset": np.asarray(self.rle_offset, np.int64)[rows],
            "rle_bytes": np.asarray(self.rle_bytes, np.int64)[rows],
        }


def _name_faults(image_id):
    """What is wrong with an ImageId, a list of str."""
    if not image_id:
        return ["ImageId is empty"]
    if "\ufffd" in image_id:
        return ["ImageId is not UTF-8 text; save the file as UTF-8"]
    if not image_id.isprintable() and any(
        character < " " or character == "\x7f" for character in image_id
    ):
        return [f"ImageId {shown(image_id)} holds a control character"]
    return []


@functools.lru_cache(1 << 14)  # the rows of an image have one size
def _size(height, width):
    """((height, width), None) of an image, or (None, what is wrong with it)."""
    size_hw = whole_number(height), whole_number(width)
    if not all(size_hw):
        return (
            None,
            f"Height and Width are {shown(height)} and {shown(width)}, not whole numbers above 0",
        )
    if size_hw[0] * size_hw[1] > MAX_PIXELS:
        return None, (
            f"Height and Width are {shown(height)} and {shown(width)}, and images have "
            f"at most {MAX_PIXELS / 1e6:.0f} million "
            "pixels here"
        )
    return size_hw, None
