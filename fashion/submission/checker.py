"""Checker: would the server accept this file? One pass, one image in memory, faults by line."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fashion.formats import rle
from fashion.formats.csv_table import long_cells
from fashion.formats.submission_table import columns, frame_hw
from fashion.labels.ontology import Ontology
from mrcnn.data.record_checks import as_id
from mrcnn.typing import PathLike, Size


def check(
    path: PathLike,
    images: Mapping[str, Size],
    year: int,
    ontology: Ontology,
    *,
    limit: int = 100,
) -> list[str]:
    """Finds what is wrong with a submission file.

    Checks the columns; that every image has rows, all in one place, and nothing else has; run
    lengths (format, order, inside the frame); classes and attributes (known, ascending, once); and
    that masks of one image and one ClassId share no pixel. ClassId counts as the server writes it:
    in 2019 with its attributes.

    Args:
        path: The CSV file.
        images: (height, width) of every image of the test set, by ImageId as in the file.
        year: 2019 or 2020.
        ontology: The known categories and attributes.
        limit: Further problems are only counted.

    Returns:
        A sentence for each problem; empty if the file is valid.
    """
    problems = _Problems(limit)
    with long_cells(), open(path, newline="", encoding="utf-8", errors="replace") as file:
        reader = _rows(csv.reader(file), problems)
        _, header = next(reader, (1, []))
        if tuple(header) != columns(year):
            problems.add(
                f"line 1: the columns must be {','.join(columns(year))}, "
                f"but are {','.join(header)[:200]!r}"
            )
            return problems.listed()
        _check_rows(reader, images, year, ontology, problems)
    return problems.listed()


def _rows(reader: Any, problems: "_Problems") -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every row; a line that is not CSV is a problem."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            problems.add(
                f"line {reader.line_num}: it cannot be read as CSV, a quote or a line break is "
                "inside a value"
            )
            continue
        yield reader.line_num, cells


def _check_rows(
    rows: Iterator[tuple[int, list[str]]],
    images: Mapping[str, Size],
    year: int,
    ontology: Ontology,
    problems: "_Problems",
) -> None:
    seen: set[str] = set()
    image_id = None
    masks: dict[str, list] = defaultdict(list)  # (line, run lengths) by ClassId, of one image
    header = columns(year)
    for line, cells in rows:
        if len(cells) != len(header):
            problems.add(
                f"line {line}: {len(header)} values expected ({','.join(header)}), "
                f"but there are {len(cells)}"
            )
            continue
        if cells[0] != image_id:
            _check_overlaps(image_id, masks, problems)
            image_id, masks = cells[0], defaultdict(list)
            if image_id in seen:
                problems.add(
                    f"line {line}: the rows of {image_id!r} are not in one place; some came before"
                )
            elif image_id not in images:
                problems.add(f"line {line}: {image_id!r} is not an image of the test set")
            seen.add(image_id)
        _check_class(cells, line, year, ontology, problems)
        if image_id not in images:
            continue  # its size is unknown
        reason = rle.check_runs(cells[1], frame_hw(images[image_id], year))
        if reason:
            problems.add(f"line {line}: the run lengths of {image_id!r} are wrong: {reason}")
        else:
            masks[cells[2]].append((line, cells[1]))
    _check_overlaps(image_id, masks, problems)
    for image_id in images:
        if image_id not in seen:
            problems.add(f"{image_id!r} has no row; every image needs at least one")


def _check_class(cells, line, year, ontology, problems):
    if year == 2019:
        category, *attributes = cells[2].split("_")
    else:
        category, attributes = cells[2], cells[3].split(",") if cells[3] else []
    if not _is_id(category) or as_id(category) not in ontology.category_ids:
        problems.add(
            f"line {line}: there is no class {category[:40]!r}; the ids go from "
            f"{min(ontology.category_ids)} to {max(ontology.category_ids)}"
        )
    wrong = [a for a in attributes if not _is_id(a)]
    if wrong:
        problems.add(
            f"line {line}: an attribute id is a whole number, but there is {wrong[0][:40]!r}"
        )
        return
    ids = [as_id(a) for a in attributes]
    unknown = [a for a, i in zip(attributes, ids) if i not in ontology.attribute_ids]
    if unknown:
        problems.add(f"line {line}: there is no attribute {unknown[0][:40]}")
    if None in ids:
        return
    if any(after <= before for before, after in zip(ids, ids[1:], strict=False)):
        problems.add(f"line {line}: attribute ids must ascend and occur once, but are {ids}")


def _is_id(text):
    return text.isascii() and text.isdigit()


def _check_overlaps(image_id, masks, problems):
    """Finds masks of one ClassId that share a pixel."""
    # They do if, among all their runs in order, one starts before the one in front of it has ended.
    for class_id, rows in masks.items():
        runs = [rle.parse_runs(text) for _, text in rows]
        starts = np.concatenate([starts for starts, _ in runs])
        ends = starts + np.concatenate([lengths for _, lengths in runs])
        owner = np.repeat([line for line, _ in rows], [len(starts) for starts, _ in runs])
        order = np.argsort(starts, kind="stable")
        clash = np.flatnonzero(starts[order][1:] < ends[order][:-1])
        if len(clash):
            first, second = sorted((owner[order][clash[0]], owner[order][clash[0] + 1]))
            problems.add(
                f"lines {first} and {second}: two masks of {image_id!r} with ClassId {class_id} "
                f"share pixels"
            )


class _Problems:
    """A list of problems that stops growing."""

    def __init__(self, limit):
        self.limit, self.count, self.texts = limit, 0, []

    def add(self, text):
        self.count += 1
        if len(self.texts) < self.limit:
            self.texts.append(text)

    def listed(self):
        more = self.count - len(self.texts)
        return self.texts + ([f"… and {more} more problems"] if more else [])
