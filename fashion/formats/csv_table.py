"""The columns of an annotation CSV of iMaterialist 2019 or 2020, and its lines cut into fields quickly.

2019: ImageId (with .jpg), EncodedPixels, Height, Width, ClassId ("10_3_20": category 10, attributes 3, 20).
2020: ImageId (without), EncodedPixels, Height, Width, ClassId ("10"), AttributesIds ("115,136" or empty).
"""

import csv
import functools
import re

from mrcnn.files import long_cells

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")

# What pandas and R write into an empty cell.
_NOTHING = frozenset(("", "nan", "na", "n/a", "<na>", "none", "null"))
_LONGEST_NOTHING = 16  # characters, blanks included: longer cells are not looked at
_NUMBER = re.compile(r"([0-9]+)(?:\.0*)?")
_MOST_DIGITS = 18  # of a number that int64 holds; Python refuses to read more than 4300
# bytes; a longer first line is no header, perhaps a file of gigabytes without a line end
_MOST_HEADER = 1 << 16
_SHOWN = 40  # characters of a cell that an error shows


class CsvTable:
    """Made of a CSV's header: `.year`, 2019 or 2020, and how to cut its lines. Raises ValueError if a column is missing."""

    def __init__(self, csv_path, header):
        self.header_bytes = len(header)
        columns = _columns(csv_path, header)
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise ValueError(
                f"{csv_path} has no column {', '.join(missing)}. Expected the columns "
                f"{','.join(COLUMNS)} of iMaterialist 2019, or these and AttributesIds (2020); "
                f"found: {printable(','.join(columns))[:200]}."
            )
        self.year = _year(columns)
        names = [*COLUMNS, "AttributesIds"] if self.year == 2020 else COLUMNS
        twice = [name for name in names if columns.count(name) > 1]
        if twice:
            raise ValueError(
                f"{csv_path} has the column {', '.join(twice)} more than once. Remove "
                "one of each, so that it is clear which "
                "is meant."
            )
        self.order = [columns.index(name) for name in names]
        self.pixels = columns.index("EncodedPixels")
        self.width = len(columns)

    def split(self, line):
        """One line (bytes) -> ([ImageId, EncodedPixels (bytes), Height, …], where in the line EncodedPixels
        starts).

        For a line with another number of fields, or that is no CSV: (None, the reason).
        """
        end = len(line) - 2 if line.endswith(b"\r\n") else len(line)
        if line.find(b"\r", 0, end) >= 0:
            return None, (
                "it cannot be read as CSV: a carriage return is in it. Lines must end "
                "with a line feed, \\n or \\r\\n"
            )
        if b"\0" in line:
            return (
                None,
                "it cannot be read as CSV: a zero byte is in it, so the file is damaged or no text",
            )
        try:
            fields, start = self._split(line)
        except csv.Error:
            return None, "it cannot be read as CSV: its quotes do not enclose whole fields"
        if fields is not None and line[start : start + len(fields[1])] != fields[1]:
            return None, "its EncodedPixels hold other characters than digits and blanks"
        return fields, start

    def _split(self, line):
        # Up to the run lengths a line has no quotes as a rule, and cutting at commas is many times faster
        # than csv.reader is on thousands of digits.
        pieces = line.split(b",", self.pixels + 1)
        head, tail = pieces[: self.pixels + 1], pieces[self.pixels + 1 :]
        if any(piece[:1] == b'"' for piece in head):
            fields = _parse(line)
            if len(fields) != self.width:
                return None, self._wrong_number(fields)
            runs = fields[self.pixels].encode(errors="replace")
            quoted = line.find(b'"' + runs + b'"')
            start = quoted + 1 if quoted >= 0 else line.find(b"," + runs) + 1
        else:
            fields = [piece.decode(errors="replace") for piece in head[: self.pixels]]
            fields += [""] * (len(head) > self.pixels)  # its place; the run lengths stay bytes
            fields += _parse(tail[0]) if tail else []
            if len(fields) != self.width:
                return None, self._wrong_number(fields)
            runs = head[self.pixels].rstrip(b"\r\n")  # EncodedPixels may be the last column
            start = sum(len(piece) + 1 for piece in head[: self.pixels])
        row = [fields[i].strip() for i in self.order]
        row[1] = runs
        return row, start

    def _wrong_number(self, fields):
        return f"it has {len(fields)} fields where the header has {self.width}"


def read_header(file):
    """The first line of a CSV that is open for reading bytes, or its first 64 kB where it is
    longer."""
    return file.readline(_MOST_HEADER)


def year_of_header(header):
    """2020 if a CSV's first line (bytes) has the column AttributesIds, otherwise 2019, also where
    it cannot be read."""
    try:
        return _year(_columns("", header))
    except ValueError:
        return 2019


def is_nothing(cell):
    """Whether a cell (str or bytes) is empty, or holds what pandas and R write into an empty one:
    nan, NA, None, <NA>, null."""
    if len(cell) > _LONGEST_NOTHING:  # as nearly all run lengths are
        return False
    text = cell.decode(errors="replace") if isinstance(cell, bytes) else cell
    return text.strip().lower() in _NOTHING


@functools.lru_cache(1 << 14)  # sizes and ids repeat
def whole_number(text):
    """The number that a cell holds, or None. Once a column has an empty cell, pandas writes 20 as
    20.0, so that is 20, too.

    A number of more than 18 digits comes back as 10**18: larger than any size or id.
    """
    found = _NUMBER.fullmatch(text.strip())
    if not found:
        return None
    digits = found[1].lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def printable(text):
    """A cell as an error shows it: without characters that move the cursor."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def shown(text):
    """A cell in quotes for an error, shortened."""
    if len(text) <= _SHOWN:
        return repr(text)
    return f"{text[:_SHOWN]!r}… ({len(text):,} characters)"


def _columns(csv_path, header):
    """The names in a CSV's first line (bytes), a list of str."""
    if b"\r" in header.rstrip(b"\r\n"):
        raise ValueError(
            f"The first line of {csv_path} cannot be read as CSV (a carriage return "
            "is in it). Lines must end with a line "
            "feed, \\n or \\r\\n."
        )
    if len(header) >= _MOST_HEADER:
        raise ValueError(
            f"The first line of {csv_path} is longer than {_MOST_HEADER:,} bytes. "
            "Expected the names of the columns: is it an "
            "annotation CSV, and complete?"
        )
    try:
        return [
            name.strip()
            for name in next(
                csv.reader([header.decode("utf-8-sig", errors="replace").strip()], strict=True), []
            )
        ]
    except csv.Error as error:
        raise ValueError(
            f"The first line of {csv_path} cannot be read as CSV: its quotes do not "
            "enclose whole names. Expected the names "
            "of the columns."
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
