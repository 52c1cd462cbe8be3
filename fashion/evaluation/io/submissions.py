"""Submissions: a CSV of either year of Kaggle's contest as COCO results."""

import csv
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fashion.evaluation.io.ground_truth import check_known
from fashion.evaluation.io.image_ids import ImageId, resolve_image_ids
from fashion.formats import submission_table as table
from fashion.formats.coco_rle import coco_objects
from fashion.formats.csv_table import long_cells
from fashion.formats.label_lists import ids_by_name, listed
from fashion.labels.ontology import Ontology
from mrcnn.data.record_checks import as_id
from mrcnn.typing import PathLike

log = logging.getLogger(__name__)

# A line of the file: its number, ImageId, run lengths (bytes), ClassId and perhaps AttributesIds.
Row = tuple


def read_submission(path: PathLike, ground_truth: dict) -> list[dict]:
    """Reads a submission, and resizes each mask from the contest's frame to its image.

    A row without a mask, or the one that stands for an image without detections, is not a
    detection. A submission has no scores: all are 1, and metrics that rank go by the order of the
    rows.

    Args:
        path: Of the file.
        ground_truth: COCO dict.

    Returns:
        COCO results; see `predictions`.

    Raises:
        ValueError: If a row cannot be used.
    """
    path = Path(path)
    year, rows = _read_rows(path)
    image_ids = resolve_image_ids([row[1] for row in rows], ground_truth, path.name)
    parse = _ClassIds(year, path.name)
    classes = [parse(*row[3:], row[0]) for row in rows]
    nothing = tuple(table.nothing_row("", year)[1:])
    some = [i for i, row in enumerate(rows) if row[2] and (_text(row[2]), *row[3:]) != nothing]
    masks = _masks([rows[i] for i in some], [image_ids[i] for i in some], ground_truth, year, path)
    detections = [
        {
            "image_id": image_ids[i],
            "category_id": classes[i][0],
            "score": 1.0,
            "segmentation": mask["segmentation"],
            "area": mask["area"],
            "attribute_ids": list(classes[i][1]),
        }
        for i, mask in zip(some, masks)
    ]
    if not ground_truth.get("attributes") and any(row["attribute_ids"] for row in detections):
        log.warning("The ground truth lists no attributes, so those of %s are left out.", path.name)
        detections = [row | {"attribute_ids": []} for row in detections]
    detections = _renumbered(detections, ground_truth, year, path.name)
    check_known(detections, ground_truth, path.name)
    return detections


def _masks(
    rows: Sequence[Row], image_ids: Sequence[ImageId], ground_truth: dict, year: int, path: Path
) -> list[Any]:
    """The masks of rows at the size of their images, see `coco_objects`."""
    sizes = {image["id"]: (image["height"], image["width"]) for image in ground_truth["images"]}
    frames = {image_id: table.frame_hw(sizes[image_id], year) for image_id in set(image_ids)}
    masks, wrong = coco_objects(
        [row[2] for row in rows],
        [frames[image_id] for image_id in image_ids],
        [sizes[image_id] for image_id in image_ids],
    )
    if wrong:
        first = min(wrong)
        height, width = frames[image_ids[first]]
        raise ValueError(
            f"{path.name} has {len(wrong)} rows with wrong run lengths, the first in line "
            f"{rows[first][0]}: {wrong[first]}. The masks of a submission of {year} have a frame "
            f"of their own, here {height}x{width}."
        )
    return masks


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _read_rows(path: Path) -> tuple[int, list[Row]]:
    """The year of a submission by its header, and its rows."""
    with open(path, "rb", buffering=1 << 20) as file:
        line = file.readline().decode("utf-8-sig", errors="replace")
        header = tuple(line.strip().replace('"', "").split(","))
        year = next((year for year in table.COLUMNS if table.columns(year) == header), None)
        if year is None:
            expected = " or ".join(
                f"{','.join(table.columns(year))} ({year})" for year in table.COLUMNS
            )
            raise ValueError(
                f"{path.name} has the columns {','.join(header)[:200]!r}. Expected a submission: "
                f"{expected}."
            )
        with long_cells():
            return year, list(_rows(file, header, path.name))


def _rows(lines: Iterable[bytes], header: Sequence[str], name: str) -> Iterator[Row]:
    """The rows below the header; empty lines are none."""
    # The few thousand different ends of lines occur again and again, and are parsed once.
    tails: dict[bytes, list[str]] = {}
    for number, line in enumerate(lines, 2):
        if not line.isspace():
            yield _split(line, number, header, name, tails)


def _split(
    line: bytes, number: int, header: Sequence[str], name: str, tails: dict[bytes, list[str]]
) -> Row:
    """One line as a row. tails: what follows the run lengths -> its fields; filled here."""
    # Cutting at commas is many times faster than csv.reader is on thousands of digits.
    pieces = line.split(b",", 2)
    fields: list = [_unquoted(pieces[0], name, number).decode(errors="replace")]
    if len(pieces) == 3:
        if pieces[2] not in tails:
            try:
                text = pieces[2].decode(errors="replace").rstrip("\r\n")
                tails[pieces[2]] = next(csv.reader([text], strict=True))
            except csv.Error:
                raise ValueError(
                    f"{name}, line {number}, cannot be read as CSV: a quote or a line break is "
                    f"inside a value. Expected {','.join(header)}."
                ) from None
        fields += [_unquoted(pieces[1], name, number), *tails[pieces[2]]]
    if len(fields) != len(header):
        raise ValueError(
            f"{name}, line {number}: {len(header)} values expected ({','.join(header)}), but there "
            f"are {max(len(fields), len(pieces))}."
        )
    return number, *fields


def _unquoted(piece: bytes, name: str, number: int) -> bytes:
    """A value without the quotes around it.

    Quotes anywhere else are a fault, for what they hold would be lost, and so are line breaks.
    """
    piece = piece.strip(b" \t")
    inside = piece[1:-1] if len(piece) > 1 and piece[:1] == piece[-1:] == b'"' else piece
    if b'"' in inside or b"\r" in inside:
        raise ValueError(
            f"{name}, line {number}: a quote or a line break in "
            f"{piece[:40].decode(errors='replace')!r}. Expected a photo's name or run lengths, "
            "with quotes around the whole value only, or none."
        )
    return inside.strip()


class _ClassIds:
    """ClassId and AttributesIds of a submission -> (category id, ascending attribute ids)."""

    def __init__(self, year: int, name: str) -> None:
        self.year, self.name = year, name
        self.known: dict[tuple[str, ...], tuple[int, tuple[int, ...]]] = {}

    def __call__(self, class_text: str, *rest) -> tuple[int, tuple[int, ...]]:
        *attribute_text, line = rest
        key = (class_text, *attribute_text)
        if key not in self.known:
            self.known[key] = self._parse(class_text, attribute_text, line)
        return self.known[key]

    def _parse(
        self, class_text: str, attribute_text: Sequence[str], line: int
    ) -> tuple[int, tuple[int, ...]]:
        if self.year == 2019:
            category, *attributes = class_text.split("_")
        else:
            category = class_text
            attributes = attribute_text[0].split(",") if attribute_text[0].strip() else []
        texts = [text.strip() for text in (category, *attributes)]
        wrong = [text for text in texts if not (text.isascii() and text.isdigit())]
        if wrong:
            joined = "_ in ClassId" if self.year == 2019 else "commas in AttributesIds"
            raise ValueError(
                f"{self.name}, line {line}: {wrong[0][:40]!r} is not a category or attribute id. "
                f"Expected whole numbers, joined by {joined}."
            )
        ids: list[int] = []
        for text in texts:
            i = as_id(text)
            if i is None:
                kind = "attribute" if ids else "class"
                raise ValueError(
                    f"{self.name}, line {line}: there is no {kind} {text[:20]}… of so many digits."
                )
            ids.append(i)
        return ids[0], tuple(sorted(set(ids[1:])))


def _renumbered(detections: list[dict], ground_truth: dict, year: int, name: str) -> list[dict]:
    """The same results with the ids of the ground truth, where it numbers the labels otherwise.

    A submission has the ids of the official list. A ground truth that shares few of its names has a
    list of its own, and the ids are taken to be those.
    """
    official = Ontology.official(year).to_coco()
    used = {
        "categories": {row["category_id"] for row in detections},
        "attributes": {i for row in detections for i in row["attribute_ids"]},
    }
    meant: dict[str, dict] = {}
    for kind, one in (("categories", "category"), ("attributes", "attribute")):
        theirs = [row for row in official[kind] if row["id"] in used[kind]]
        names = {row["name"].casefold() for row in ground_truth.get(kind) or ()}
        shared = sum(row["name"].casefold() in names for row in theirs)
        if 2 * shared < len(theirs) or not theirs:
            meant[kind] = {}
            continue
        meant[kind] = ids_by_name(theirs, ground_truth[kind], name, one)
        lost = [row["name"] for row in theirs if meant[kind][row["id"]] is None]
        if lost and kind == "categories":
            raise ValueError(
                f"{name} has {len(lost)} categories whose names the ground truth does not list: "
                f"{listed(lost)}. Its ids are those of the contest of {year}, and labels are "
                "matched by name."
            )
        if lost:
            log.warning(
                "%d of the %d attributes in %s are not in the ground truth's list and are left "
                "out: %s.",
                len(lost),
                len(theirs),
                name,
                listed(lost),
            )
    category, attribute = meant["categories"], meant["attributes"]
    if all(i == known for of_kind in (category, attribute) for i, known in of_kind.items()):
        return detections
    log.warning(
        "The ground truth numbers the labels of %d differently. They are matched by name.", year
    )
    renumbered = []
    for row in detections:
        ids = {attribute.get(i, i) for i in row["attribute_ids"]} - {None}
        category_id = category.get(row["category_id"], row["category_id"])
        renumbered.append(row | {"category_id": category_id, "attribute_ids": sorted(ids)})
    return renumbered
