"""The columns of an iMaterialist annotation CSV, and a fast parser for its lines.

2019: ImageId (with .jpg), EncodedPixels, Height, Width, ClassId. "10_3_20" is category 10 with
attributes 3 and 20.
2020: ImageId (without), EncodedPixels, Height, Width, ClassId ("10"), AttributesIds ("115,136" or
empty).
"""

import contextlib
import csv
import functools
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO

from mrcnn.typing import PathLike

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")

# What pandas and R write into an empty cell.
_EMPTY = frozenset(("", "nan", "na", "n/a", "<na>", "none", "null"))
_LONGEST_EMPTY = 16  # characters, spaces included; longer cells are not compared
_NUMBER = re.compile(r"([0-9]+)(?:\.0*)?")
_MAX_DIGITS = 18  # of an int64; Python refuses to parse more than 4300
# Bytes. A longer first line is not a header: perhaps a file of gigabytes without a line end.
_MAX_HEADER = 1 << 16
_SHOWN = 40  # characters of a cell that an error shows


class BadLine(ValueError):
    """A line that is not CSV or has another number of fields; the message is the reason."""


class CsvTable:
    """Parses the lines of an annotation CSV with a given header.

    Args:
        csv_path: The file, for errors.
        header: Its first line, as `read_header` returns it.

    Attributes:
        year: 2019 or 2020, by the columns.
        header_bytes: Length of the header.

    Raises:
        ValueError: If a column is missing or occurs twice, or the header is not CSV.
    """

    def __init__(self, csv_path: PathLike, header: bytes) -> None:
        self.header_bytes = len(header)
        columns = _columns(csv_path, header)
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise ValueError(
                f"{csv_path} has no {'column' if len(missing) == 1 else 'columns'} "
                f"{', '.join(missing)}. Expected the columns "
                f"{','.join(COLUMNS)} of iMaterialist 2019, or these and AttributesIds (2020); "
                f"found: {printable(','.join(columns))[:200]}."
            )
        self.year = _year(columns)
        names = [*COLUMNS, "AttributesIds"] if self.year == 2020 else COLUMNS
        twice = [name for name in names if columns.count(name) > 1]
        if twice:
            raise ValueError(
                f"{csv_path} has the column {', '.join(twice)} more than once. Remove one of each, "
                "so that it is clear which is meant."
            )
        self._order = [columns.index(name) for name in names]
        self._runs_column = columns.index("EncodedPixels")
        self._width = len(columns)

    def split(self, line: bytes) -> tuple[list, int]:
        """Splits a line into its fields.

        Args:
            line: One line of the file, with its line end.

        Returns:
            fields: ImageId, EncodedPixels (bytes), Height, Width, ClassId and, in 2020,
                AttributesIds (str).
            start: The byte of the line where EncodedPixels starts.

        Raises:
            BadLine: If the line has another number of fields or is not CSV.
        """
        end = len(line) - 2 if line.endswith(b"\r\n") else len(line)
        if line.find(b"\r", 0, end) >= 0:
            raise BadLine(
                "it cannot be read as CSV: a carriage return is in it. Lines must end "
                "with a line feed, \\n or \\r\\n"
            )
        if b"\0" in line:
            raise BadLine(
                "it cannot be read as CSV: a zero byte is in it, so the file is damaged or not text"
            )
        try:
            fields, start = self._split(line)
        except csv.Error:
            raise BadLine(
                "it cannot be read as CSV: its quotes do not enclose whole fields"
            ) from None
        if len(fields) != self._width:
            raise BadLine(f"it has {len(fields)} fields where the header has {self._width}")
        row = [fields[i].strip() for i in self._order]
        row[1] = runs = fields[self._runs_column]
        if line[start : start + len(runs)] != runs:
            raise BadLine("its EncodedPixels hold other characters than digits and blanks")
        return row, start

    def _split(self, line):
        """Fields in the order of the file, and where EncodedPixels (bytes) starts."""
        # Up to the run lengths a line rarely has quotes. Splitting at commas is many times faster
        # than csv.reader on thousands of digits.
        column = self._runs_column
        pieces = line.split(b",", column + 1)
        head, tail = pieces[: column + 1], pieces[column + 1 :]
        if any(piece[:1] == b'"' for piece in head):
            fields = _parse(line)
            if len(fields) <= column:
                return fields, 0
            runs = fields[column].encode(errors="replace")
            quoted = line.find(b'"' + runs + b'"')
            start = quoted + 1 if quoted >= 0 else line.find(b"," + runs) + 1
        else:
            fields = [piece.decode(errors="replace") for piece in head[:column]]
            fields += [""] * (len(head) > column)  # the run lengths stay bytes, for speed
            fields += _parse(tail[0]) if tail else []
            if len(fields) <= column:
                return fields, 0
            # EncodedPixels may be the last column, with the line end.
            runs = head[column].rstrip(b"\r\n")
            start = sum(len(piece) + 1 for piece in head[:column])
        fields[column] = runs
        return fields, start


def read_header(file: BinaryIO) -> bytes:
    """Reads the first line of a CSV.

    Args:
        file: Open at its start.

    Returns:
        The line with its line end; at most 64 kB of it.
    """
    return file.readline(_MAX_HEADER)


def year_of_header(header: bytes) -> int:
    """Tells the year of an annotation CSV by its columns.

    Args:
        header: The first line.

    Returns:
        2020 if there is a column AttributesIds, otherwise 2019, even for an unreadable header.
    """
    try:
        return _year(_columns("", header))
    except ValueError:
        return 2019


def is_empty(cell: str | bytes) -> bool:
    """Returns whether a cell is empty, or holds what pandas and R write into an empty one.

    Args:
        cell: The cell; spaces around it and upper case are ignored.

    Returns:
        True for "", "nan", "NA", "None", "<NA>", "null" and the like.
    """
    if len(cell) > _LONGEST_EMPTY:  # nearly all run lengths
        return False
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else cell
    return text.strip().lower() in _EMPTY


@functools.lru_cache(1 << 14)  # sizes and ids repeat
def whole_number(text: str) -> int | None:
    """Parses a cell that holds a whole number.

    "20.0" is 20: pandas writes it so once a column has an empty cell.

    Args:
        text: The cell.

    Returns:
        The number, or None if it is not a whole number. More than 18 digits give 10**18, which is
        larger than any size or id.
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    digits = found[1].lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


@contextlib.contextmanager
def long_cells() -> Iterator[None]:
    """Lets the csv module read cells of any length.

    The run lengths of a frayed mask exceed its limit of 131,072 characters.

    Yields:
        Nothing; the limit is restored afterwards.
    """
    before = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def printable(text: str) -> str:
    """Replaces characters that would move the cursor of a terminal.

    Args:
        text: A cell.

    Returns:
        The text with U+FFFD in their place.
    """
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def shown(text: str) -> str:
    """Quotes and shortens a cell for an error.

    Args:
        text: A cell.

    Returns:
        The quoted text; a long one is cut and its length added.
    """
    if len(text) <= _SHOWN:
        return repr(text)
    return f"{text[:_SHOWN]!r}… ({len(text):,} characters)"


def _columns(csv_path, header):
    """The names in a CSV's first line (bytes), a list of str."""
    if b"\r" in header.rstrip(b"\r\n"):
        raise ValueError(
            f"The first line of {csv_path} cannot be read as CSV (a carriage return is in it). "
            "Lines must end with a line feed, \\n or \\r\\n."
        )
    if len(header) >= _MAX_HEADER:
        raise ValueError(
            f"The first line of {csv_path} is longer than {_MAX_HEADER:,} bytes. Expected the "
            "names of the columns: is it an annotation CSV, and complete?"
        )
    text = header.decode("utf-8-sig", errors="replace").strip()
    try:
        return [name.strip() for name in next(csv.reader([text], strict=True), [])]
    except csv.Error as error:
        raise ValueError(
            f"The first line of {csv_path} cannot be read as CSV: its quotes do not enclose whole "
            "names. Expected the names of the columns."
        ) from error


def _year(columns):
    return 2020 if "AttributesIds" in columns else 2019


def _parse(line):
    """Fields of a line or of its end (bytes) -> list of str."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    with long_cells():
        return next(csv.reader([text], strict=True))
