"""The annotation CSV of iMaterialist 2019 or 2020: read once, then taken from an index file."""

import dataclasses
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fashion.formats.annotation_rows import ClassParser, ReadRuns, RowCollector, wrong_runs
from fashion.formats.annotations import Annotations, file_stamp
from fashion.formats.bad_rows import NO_IMAGE, BadRow, BadRows
from fashion.formats.csv_table import BadLine, CsvTable, read_header
from fashion.formats.index_cache import Index, remember
from fashion.labels.ontology import Ontology
from mrcnn.typing import Array, PathLike

__all__ = ["Annotations", "BadRow", "BadRows", "read_annotations", "wrong_runs"]

log = logging.getLogger(__name__)

_BAR_DELAY = 2  # seconds of reading before a progress bar is shown
_BAR_BYTES = 1 << 19  # between two updates of the bar


def read_annotations(
    csv_path: PathLike,
    ontology: Ontology,
    *,
    image_ids: Iterable[str] | None = None,
    attribute_categories: Iterable[int] | None = None,
    read_runs: ReadRuns | None = None,
) -> tuple[Annotations, list[BadRow]]:
    """Reads an annotation CSV of either year, which its columns show. No mask is decoded.

    The whole file is read and checked once. The result is kept in an index file (`index_cache`)
    until the CSV, the ontology or `attribute_categories` change. A row without EncodedPixels is an
    image without objects. If it has a ClassId all the same, or the image has objects in other
    rows, a mask may have been lost: there is a warning.

    Args:
        csv_path: The file.
        ontology: The ids that occur in it.
        image_ids: Reads only rows of these images, and their bad rows; None reads all.
        attribute_categories: Real ids of the categories whose attributes are kept; None keeps all.
        read_runs: Replaces `wrong_runs`, with the same arguments and result, for callers that make
            all masks at once. It gets some rows at a time, in the order of the file, without rows
            that are bad for another reason. The file is then read without an index.

    Returns:
        The annotations of the rows that can be used, and the bad rows.

    Raises:
        ValueError: If the header is wrong, or the file lacks some of `image_ids`.
    """
    csv_path = Path(csv_path)

    def compute():
        parse_class = ClassParser(ontology, attribute_categories)
        return _read(csv_path, parse_class, RowCollector(read_runs or wrong_runs))

    if read_runs is None:
        kept = None if attribute_categories is None else sorted(map(int, attribute_categories))
        settings = [ontology.to_dict(), kept]
        index = remember(csv_path, "rows", settings, compute, Annotations.is_valid_index)
    else:
        index = Index(None, "", *compute())
    annotations = Annotations.from_index(csv_path, index)
    bad = [BadRow(*row) for row in index.facts["bad"]]
    if number := index.facts["without_runs"]:
        _warn_of_lost_masks(csv_path, number, index.facts["first_without_runs"])
    return (annotations, bad) if image_ids is None else _only(annotations, bad, set(image_ids))


def _warn_of_lost_masks(csv_path, number, first_line):
    log.warning(
        "%s: rows without EncodedPixels, although they have a ClassId or their image has "
        "objects in other rows: %d, the first in line %d. They are read as 'no object here'.",
        csv_path,
        number,
        first_line,
    )


def _read(
    csv_path: Path, parse_class: ClassParser, collector: RowCollector
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Facts and arrays of a CSV, as `Annotations.from_index` expects them, with the bad rows."""
    size = os.path.getsize(csv_path)
    with (
        open(csv_path, "rb", buffering=1 << 20) as file,
        tqdm(total=size, desc=csv_path.name, unit="B", unit_scale=True, delay=_BAR_DELAY) as bar,
    ):
        stamp = file_stamp(file)
        table = CsvTable(csv_path, read_header(file))
        offset = table.header_bytes
        for line_number, line in enumerate(file, 2):
            try:
                fields, start = table.split(line)
            except BadLine as error:
                if line.strip():
                    collector.bad.append(BadRow(line_number, NO_IMAGE, str(error)))
            else:
                collector.add(line_number, fields, offset + start, parse_class)
            offset += len(line)
            if offset - bar.n > _BAR_BYTES:
                bar.update(offset - bar.n)
        bar.update(offset - bar.n)
    collector.check_batch()
    image_ids, arrays = collector.columns()
    lost = collector.lines_without_runs()
    facts = {
        "year": table.year,
        "image_ids": image_ids,
        "file_stamp": stamp,
        "bad": [dataclasses.astuple(row) for row in collector.bad],
        "without_runs": len(lost),
        "first_without_runs": min(lost, default=0),
    }
    return facts, arrays


def _only(
    annotations: Annotations, bad: list[BadRow], wanted: set[str]
) -> tuple[Annotations, list[BadRow]]:
    """The annotations of the images `wanted`, their bad rows and those of no image."""
    missing = sorted(wanted.difference(annotations.image_ids, (row.image_id for row in bad)))
    if missing:
        raise ValueError(
            f"{annotations.csv_path} has no rows for {len(missing)} of the {len(wanted)} images "
            f"asked for, among them {', '.join(missing[:5])}. Image ids must be spelled as in the "
            "file's ImageId column."
        )
    kept = annotations.of_images([name in wanted for name in annotations.image_ids])
    return kept, [row for row in bad if row.image_id in wanted or row.image_id == NO_IMAGE]
