"""The columns of an annotation CSV of iMaterialist 2019 or 2020, and its lines cut into fields quickly.

2019: ImageId (with .jpg), EncodedPixels, Height, Width, ClassId ("10_3_20": category 10, attributes 3, 20).
2020: ImageId (without), EncodedPixels, Height, Width, ClassId ("10"), AttributesIds ("115,136" or empty).
"""
import csv

from mrcnn.files import long_cells

COLUMNS = ("ImageId", "EncodedPixels", "Height", "Width", "ClassId")


class CsvTable:
    """Made of a CSV's header: `.year`, 2019 or 2020, and how to cut its lines. Raises ValueError if a column is missing."""

    def __init__(self, csv_path, header):
        self.header_bytes = len(header)
        try:
            columns = next(csv.reader([header.decode("utf-8-sig", errors="replace").strip()]), [])
        except csv.Error as error:
            raise ValueError(f"The first line of {csv_path} cannot be read as CSV ({error}). Lines must end with a line feed, \\n or "
                             "\\r\\n.") from error
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise ValueError(f"{csv_path} has no column {', '.join(missing)}. Expected the columns "
                             f"{','.join(COLUMNS)} of iMaterialist 2019, or these and AttributesIds (2020); "
                             f"found: {','.join(columns)[:200]}.")
        self.year = 2020 if "AttributesIds" in columns else 2019
        names = [*COLUMNS, "AttributesIds"] if self.year == 2020 else COLUMNS
        self.order = [columns.index(name) for name in names]
        self.pixels = columns.index("EncodedPixels")
        self.width = len(columns)

    def split(self, line):
        """One line (bytes) -> ([ImageId, EncodedPixels (bytes), Height, …], where in the line EncodedPixels
        starts).

        For a line with another number of fields, or that is no CSV: (None, the reason).
        """
        try:
            return self._split(line)
        except csv.Error as error:
            return None, f"it cannot be read as CSV: {error}"

    def _split(self, line):
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


def _parse(line):
    """Fields of a line or of its end (bytes) -> list of str."""
    text = line.decode(errors="replace").rstrip("\r\n")
    if '"' not in text:
        return text.split(",")
    with long_cells():
        return next(csv.reader([text]))
