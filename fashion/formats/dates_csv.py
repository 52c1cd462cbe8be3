"""A CSV of images and their dates, in any of the usual formats."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from fashion.formats.csv_table import shown
from fashion.formats.dates import day_comes_first, parse_date
from mrcnn.typing import PathLike

# Headings that are understood, in lower case.
_IMAGE = ("image", "file", "filename", "file_name", "photo", "path", "image_id", "imageid", "name")
_DATE = ("date", "taken", "datetime", "date_taken", "timestamp", "datetimeoriginal", "day", "month")
_LISTED = 5  # bad lines that an error lists
_EXPECTED = (
    "Expected a first line with the columns image and date, and a line for each image below it, "
    "for instance:\n  image,date\n  2024/photo.jpg,2024-05-17"
)


def read_dates(path: PathLike) -> dict[str, str]:
    """Reads the dates of images.

    Args:
        path: A CSV with the columns image and date, separated by commas, semicolons or tabs.

    Returns:
        `{image as written: ISO date}`, see `fashion.formats.dates`. Rows without a date are left
        out.

    Raises:
        ValueError: The file is empty, a column is missing, or lines cannot be read. The message
            lists up to five lines by number.
    """
    path = Path(path)
    rows = _rows(path)
    order = _of_file(path, lambda: day_comes_first(date for _, _, date in rows))
    dates: dict[str, str] = {}
    line_of: dict[str, int] = {}
    bad = []
    for line, image, text in rows:
        if not text:
            continue
        try:
            if not image:
                raise ValueError("the image is empty.")
            date = parse_date(text, order)
            if dates.get(image, date) != date:
                raise ValueError(
                    f"{shown(image)} has the date {date} here and {dates[image]} in line "
                    f"{line_of[image]}. Keep the right one."
                )
        except ValueError as error:
            bad.append(f"line {line}: {error}")
            continue
        dates[image], line_of[image] = date, line
    if bad:
        more = f"\n  and {len(bad) - _LISTED:,} more lines" if len(bad) > _LISTED else ""
        listed = "".join(f"\n  {text}" for text in bad[:_LISTED])
        raise ValueError(f"{path} has lines that cannot be read:{listed}{more}")
    if not rows:
        raise ValueError(f"{path} has a first line with columns, and no images below. {_EXPECTED}")
    if not dates:
        raise ValueError(f"None of the {len(rows):,} rows of {path} has a date. {_EXPECTED}")
    return dates


def _of_file(path: Path, read):
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _rows(path: Path) -> list[tuple[int, str, str]]:
    """(line, image, date) of every row that is not empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 text: byte {error.start} is wrong. Save it as CSV in UTF-8."
        ) from error
    if not text.strip():
        raise ValueError(f"{path} is empty. {_EXPECTED}")
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        heading = [name.strip().lower() for name in next(reader, [])]
        image, date = _columns(path, heading)
        rows = []
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) <= max(image, date):
                raise ValueError(
                    f"{path} line {reader.line_num} has {len(row)} of {len(heading)} columns. "
                    "Write an image and its date into each line."
                )
            rows.append((reader.line_num, row[image].strip(), row[date].strip()))
    except csv.Error as error:
        raise ValueError(
            f"{path} line {reader.line_num} cannot be read as CSV: {error}. Often a quotation mark "
            "is not closed."
        ) from error
    return rows


def _columns(path: Path, heading: list[str]) -> tuple[int, int]:
    """Places of the columns of images and dates."""
    images = [heading.index(name) for name in _IMAGE if name in heading]
    dates = [heading.index(name) for name in _DATE if name in heading]
    missing = ["image"] * (not images) + ["date"] * (not dates)
    if missing:
        listed = ", ".join(shown(name) for name in heading[:_LISTED])
        raise ValueError(
            f"{path} has no column {' and no column '.join(missing)}. Its first line has "
            f"{listed}{', …' if len(heading) > _LISTED else ''}. {_EXPECTED}"
        )
    return images[0], dates[0]


def match_dates(
    dates: Mapping[str, str], images: Iterable[str]
) -> tuple[dict[str, str], list[str]]:
    """Finds the images that names of a CSV mean.

    A name may be the image's whole path, the end of it, or its file name with or without the
    ending, whichever only one image has.

    Args:
        dates: `{name: date}`.
        images: Paths of the images.

    Returns:
        found: `{image: date}`.
        unknown: Names that no image has.

    Raises:
        ValueError: A name means several images, or two names mean one image with different dates.
    """
    by_name = _by_name(images)
    found: dict[str, str] = {}
    unknown = []
    for name, date in dates.items():
        key = name.replace("\\", "/").strip("/").removeprefix("./")
        meant = by_name.get(key, [])
        if len(meant) > 1:
            raise ValueError(
                f"The name {name} means {len(meant)} images: {meant[0]}, {meant[1]}"
                f"{', …' if len(meant) > 2 else ''}. Write the folder before it."
            )
        if not meant:
            unknown.append(name)
        elif found.setdefault(meant[0], date) != date:
            raise ValueError(
                f"The image {meant[0]} has two dates, {found[meant[0]]} and {date}, under two "
                "names."
            )
    return found, unknown


def _by_name(images: Iterable[str]) -> dict[str, list[str]]:
    """All names of the images: every end of their paths, with and without the file's ending."""
    by_name: dict[str, list[str]] = {}
    for image in images:
        parts = PurePosixPath(image.replace("\\", "/").strip("/")).parts
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            stem = str(PurePosixPath(end).with_suffix("")) if PurePosixPath(end).suffix else ""
            for name in filter(None, (end, stem)):
                by_name.setdefault(name, []).append(image)
    # A whole path means that image, also where it ends another one's.
    for image in images:
        by_name[image.replace("\\", "/").strip("/")] = [image]
    return by_name
