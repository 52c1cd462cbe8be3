"""The annotation CSV of iMaterialist 2019 or 2020: columns in, rows by image out, wrong rows named.

2019: ImageId (with .jpg), EncodedPixels, Height, Width, ClassId ("10_3_20": category 10, attributes 3, 20).
2020: ImageId (without), EncodedPixels, Height, Width, ClassId ("10"), AttributesIds ("115,136" or empty).
"""
import csv
import dataclasses
from array import array
from pathlib import Path

import numpy as np

from fashion import rle
from fashion.datasets.annotations import Annotations, file_stamp, offsets

_COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")
_BATCH_BYTES = 1 << 19   # run lengths checked together; more leaves the processor's cache and is slower


@dataclasses.dataclass(frozen=True)
class BadRow:
    """One row that cannot be used. `line` is its line in the CSV, the header being line 1."""

    line: int
    image_id: str
    reason: str


class BadRows(ValueError):
    """Rows of a CSV that cannot be used, all of them: `.csv_path` and `.rows`, a list of `BadRow`."""

    SHOWN = 1000

    def __init__(self, csv_path, rows):
        self.csv_path = Path(csv_path)
        self.rows = sorted(rows, key=lambda row: row.line)
        total = f"{len(self.rows):,} row{'s' * (len(self.rows) != 1)}"
        lines = [f"{self.csv_path} has {total} that cannot be used:"]
        lines += [f"  line {row.line} (image {row.image_id}): {row.reason}" for row in self.rows[:self.SHOWN]]
        if len(self.rows) > self.SHOWN:
            lines.append(f"  … and {len(self.rows) - self.SHOWN:,} more")
        lines.append("Correct the file, or go on without these rows: --skip-bad (in Python, skip_bad=True).")
        super().__init__("\n".join(lines))


def wrong_runs(texts, sizes_hw):
    """Run lengths of N masks, bytes, and N (height, width) -> {index: reason} of those that cannot be used."""
    valid = rle.valid_runs(texts, np.prod(sizes_hw, axis=1, dtype=np.int64))
    reasons = {int(i): rle.check_runs(texts[i], sizes_hw[i]) for i in np.flatnonzero(~valid)}
    return {i: reason for i, reason in reasons.items() if reason}


def read_annotations(csv_path, ontology, *, image_ids=None, attribute_categories=None, read_runs=wrong_runs):
    """Read a CSV of either year; the two are told apart by their columns. No mask is decoded.

    image_ids: only rows of these images are read and checked; None for all.
    attribute_categories: real ids of the categories whose attributes are kept; None for all.
    read_runs: called like `wrong_runs`, and in its place, some rows at a time, in the order of the file: for who makes
        masks of them all at once. Rows that are wrong for another reason are left out.
    Returns: (annotations of the rows that are right, list of `BadRow`).
    """
    csv_path = Path(csv_path)
    wanted = None if image_ids is None else set(image_ids)
    parse_class = _ClassParser(ontology, attribute_categories)
    found = _Found(read_runs)
    with open(csv_path, "rb", buffering=1 << 20) as file:
        table = _Table(csv_path, file.readline())
        offset = table.header_bytes
        for line_number, line in enumerate(file, 2):
            fields, start = table.split(line)
            if fields is not None and (wanted is None or fields[0] in wanted):
                found.add(line_number, fields, offset + start, parse_class)
            elif fields is None and line.strip():
                found.bad.append(BadRow(line_number, "?", start))
            offset += len(line)
        stamp = file_stamp(file)
    found.check_batch()
    if wanted is not None and not wanted <= found.seen:
        missing = sorted(wanted - found.seen)
        raise ValueError(f"{csv_path} has no rows for {len(missing)} of the {len(wanted)} images asked for, "
                         f"among them {', '.join(missing[:5])}. Image ids must be spelled as in the file's "
                         "ImageId column.")
    return found.annotations(csv_path, table.year, stamp), found.bad


class _Table:
    """The columns of a CSV, and how to cut one of its lines into fields quickly."""

    def __init__(self, csv_path, header):
        self.header_bytes = len(header)
        columns = next(csv.reader([header.decode("utf-8-sig", errors="replace").strip()]), [])
        missing = [name for name in _COLUMNS if name not in columns]
        if missing:
            raise ValueError(f"{csv_path} has no column {', '.join(missing)}. Expected the columns "
                             f"{','.join(_COLUMNS)} of iMaterialist 2019, or these and AttributesIds (2020); "
                             f"found: {','.join(columns)[:200]}.")
        self.year = 2020 if "AttributesIds" in columns else 2019
        names = [*_COLUMNS, "AttributesIds"] if self.year == 2020 else _COLUMNS
        self.order = [columns.index(name) for name in names]
        self.pixels = columns.index("EncodedPixels")
        self.width = len(columns)

    def split(self, line):
        """One line (bytes) -> ([ImageId, EncodedPixels (bytes), Height, …], where in the line EncodedPixels
        starts).

        For a line with another number of fields: (None, the reason).
        """
        # Up to the run lengths a line has no quotes as a rule, and cutting at commas is many times faster
        # than csv.reader is on thousands of digits.
        pieces = line.split(b",", self.pixels + 1)
        head, tail = pieces[:self.pixels + 1], pieces[self.pixels + 1:]
        if any(piece[:1] == b'"' for piece in head):
            fields = _parse(line)
            if len(fields) != self.width:
                return None, self._wrong_number(fields)
            runs = fields[self.pixels].encode()
            quoted = line.find(b'"' + runs + b'"')
            start = quoted + 1 if quoted >= 0 else line.find(b"," + runs) + 1
        else:
            fields = [piece.decode(errors="replace") for piece in head[:self.pixels]]
            fields += [""] * (len(head) > self.pixels)   # its place; the run lengths stay bytes
            fields += _parse(tail[0]) if tail else []
            if len(fields) != self.width:
                return None, self._wrong_number(fields)
            runs = head[self.pixels].rstrip(b"\r\n")   # EncodedPixels may be the last column
            start = sum(len(piece) + 1 for piece in head[:self.pixels])
        row = [fields[i].strip() for i in self.order]
        row[1] = runs
        return row, start

    def _wrong_number(self, fields):
        return f"it has {len(fields)} fields where the header has {self.width}"


class _ClassParser:
    """ClassId and AttributesIds -> class id and dense attribute indices, or what is wrong with them."""

    def __init__(self, ontology, attribute_categories):
        self.ontology = ontology
        self.carrying = None if attribute_categories is None else set(attribute_categories)
        self.known = {}   # the same few thousand combinations occur again and again

    def __call__(self, class_text, attributes_text=None):
        """-> (class id, tuple of dense attribute indices, reason or None)."""
        key = (class_text, attributes_text)
        if key not in self.known:
            self.known[key] = self._parse(class_text, attributes_text)
        return self.known[key]

    def _parse(self, class_text, attributes_text):
        if attributes_text is None:   # 2019
            category, *attributes = class_text.split("_")
        else:
            category, attributes = class_text, attributes_text.split(",") if attributes_text else []
        reasons = []
        class_id = self._number(category, self.ontology.class_id_of, "category", reasons)
        indices = [self._number(text, self.ontology.attribute_index_of, "attribute", reasons)
                   for text in attributes]
        if reasons:
            return 0, (), "; ".join(reasons)
        if self.carrying is not None and self.ontology.category_id_of(class_id) not in self.carrying:
            indices = []
        return class_id, tuple(sorted(set(indices))), None

    @staticmethod
    def _number(text, look_up, kind, reasons):
        text = text.strip()
        if not (text.isascii() and text.isdigit()):
            reasons.append(f"{kind} {text!r} is not a whole number")
            return None
        try:
            return look_up(int(text))
        except ValueError:
            reasons.append(f"unknown {kind} {int(text)}")
            return None


class _Found:
    """The rows read so far, column by column, and the bad ones."""

    def __init__(self, read_runs):
        self.read_runs = read_runs
        self.bad = []
        self.seen = set()
        self.images = {}   # ImageId -> its number
        self.image_hw = []
        self.image, self.line, self.class_ids = array("q"), array("q"), array("q")
        self.attribute_count, self.attributes = array("q"), array("q")
        self.rle_offset, self.rle_bytes = array("q"), array("q")
        self.good = array("b")
        self.batch, self.batch_bytes = [], 0   # (row, run lengths) that are still to be checked

    def add(self, line, fields, offset, parse_class):
        image_id, runs, height, width, *class_fields = fields
        self.seen.add(image_id)
        class_id, attributes, reason = parse_class(*class_fields)
        reasons = [reason] if reason else []
        try:
            size_hw = int(height), int(width)
        except ValueError:
            size_hw = 0, 0
        if min(size_hw) < 1:
            reasons.append(f"Height and Width are {height!r} and {width!r}, not whole numbers above 0")
        elif not reasons:
            first_hw = self.image_hw[self.images[image_id]] if image_id in self.images else size_hw
            if size_hw != first_hw:
                reasons.append(f"Height and Width are {size_hw[0]} and {size_hw[1]}, but in this image's "
                               f"first row {first_hw[0]} and {first_hw[1]}")
        if reasons:
            fault = rle.check_runs(runs, size_hw) if min(size_hw) > 0 else None
            self.bad.append(BadRow(line, image_id, "; ".join(reasons + [fault] * bool(fault))))
            return
        if image_id not in self.images:
            self.images[image_id] = len(self.images)
            self.image_hw.append(size_hw)
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

    def annotations(self, csv_path, year, stamp):
        image = np.asarray(self.image, np.int64)
        order = np.argsort(image, kind="stable")   # as a rule the file has an image's rows together already
        number = np.asarray(self.attribute_count, np.int64)
        first = offsets(number)
        attributes = np.asarray(self.attributes, np.int32)
        if (order != np.arange(len(order))).any():
            attributes = attributes[np.concatenate([np.arange(first[r], first[r + 1]) for r in order])]
        rows = Annotations(
            csv_path=csv_path, year=year, image_ids=list(self.images),
            image_hw=np.asarray(self.image_hw, np.int32).reshape(-1, 2),
            first_row=offsets(np.bincount(image, minlength=len(self.images))),
            line=np.asarray(self.line, np.int64)[order],
            class_ids=np.asarray(self.class_ids, np.int32)[order],
            first_attribute=offsets(number[order]), attributes=attributes,
            rle_offset=np.asarray(self.rle_offset, np.int64)[order],
            rle_bytes=np.asarray(self.rle_bytes, np.int64)[order], file_stamp=stamp)
        return rows.keep(np.asarray(self.good, bool)[order])


def _parse(line):
    """Fields of a line or of its end (bytes) -> list of str."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    return next(csv.reader([text]))
