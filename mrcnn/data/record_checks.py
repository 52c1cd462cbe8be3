"""Entries: the fields of rows that were read from a file, checked before they are used.

A JSON file may hold anything anywhere. Here a wrong value becomes an error that says which row,
which field, what it is and what was expected.
"""

import math
import numbers

_MOST_ID = 2**53  # whole numbers up to here survive every program that reads JSON


class Record:
    """One row of a list: its fields, and what errors call it.

    Args:
        row: What was read, a dict if the file is right.
        name: The file.
        kind: What the row is, for instance "annotation".
        place: Where it stands in the list, from 0.
        title: What errors call it instead of its place, for instance "Annotation 5 of gt.json".

    Raises:
        ValueError: If the row is no dict.
    """

    __slots__ = ("row", "name", "kind", "place", "title")

    def __init__(self, row, name, kind, place, title=None):
        self.row, self.name, self.kind, self.place, self.title = row, name, kind, place, title
        if not isinstance(row, dict):
            raise ValueError(f"{self.where} is {preview(row)}. Expected an object with fields.")

    @property
    def where(self):
        """What errors call the row."""
        return self.title or f"{self.name}: {self.kind} number {self.place} (from 0)"

    def require(self, *keys):
        """Refuses a row that lacks one of these fields."""
        lacking = [key for key in keys if key not in self.row]
        if lacking:
            raise ValueError(
                f"{self.where} has no {', '.join(lacking)}. "
                f"Each {self.kind} needs {', '.join(keys)}."
            )

    def has(self, key):
        """Whether the field is there and is not null."""
        return self.row.get(key) is not None

    def refuse(self, key, expected):
        """Raises the ValueError for a field that is something else than expected."""
        raise ValueError(
            f"{self.where} has the {key} {preview(self.row.get(key))}. Expected {expected}."
        )

    def integer(self, key, least=None, most=_MOST_ID, expected=None):
        """A whole number from `least` to `most`, an int; 40.0 is 40."""
        value = as_integer(self.row.get(key))
        if value is None or value > most or value < (-most if least is None else least):
            self.refuse(
                key,
                expected or ("a whole number" if least is None else f"a whole number from {least}"),
            )
        return value

    def number(self, key, least=None):
        """A finite number, as it is."""
        value = self.row.get(key)
        if not is_number(value) or least is not None and value < least:
            self.refuse(
                key, "a finite number" if least is None else f"a finite number from {least}"
            )
        return value

    def text(self, key):
        """A text."""
        value = self.row.get(key)
        if not isinstance(value, str):
            self.refuse(key, "text")
        return value

    def identifier(self, key):
        """An id: a whole number, or text."""
        value = self.row.get(key)
        return (
            value
            if isinstance(value, str)
            else self.integer(key, expected="an id, a whole number or text")
        )

    def box(self, key="bbox", most=1e9):
        """A box [x, y, width, height] of finite numbers, none further from 0 than `most`."""
        box = _as_list(self.row.get(key))
        if (
            not isinstance(box, (list, tuple))
            or len(box) != 4
            or not all(map(is_number, box))
            or max(map(abs, box)) > most
            or min(box[2:]) < 0
        ):
            self.refuse(key, "four numbers, x, y, width and height, in or near the image")
        return list(box)

    def ids(self, key):
        """A list of ids that are whole numbers: list of int."""
        values = _as_list(self.row.get(key))
        if not isinstance(values, (list, tuple)):
            self.refuse(key, "a list of ids, which are whole numbers")
        found = [as_integer(value) for value in values]
        if any(value is None or abs(value) > _MOST_ID for value in found):
            self.refuse(key, "a list of ids, which are whole numbers")
        return found


def is_number(value):
    """Whether a value is a number and finite; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def as_integer(value):
    """A whole number as an int, 40.0 as 40; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if is_number(value) and value == int(value):
        return int(value)
    return None


def _as_list(value):
    """An array of NumPy, which results have that were never in a file, as a list."""
    return value.tolist() if hasattr(value, "tolist") else value


def as_id(text):
    """Digits, as CSV files and the keys of JSON write an id, as an int; None for anything else.

    Python refuses to read more than 4300 digits, and no id has more than 15.
    """
    digits = text.removeprefix("-")
    if len(digits) > 15 or not (digits.isascii() and digits.isdigit()):
        return None
    return int(text)


def preview(value, most=60):
    """The beginning of a value as JSON writes it; no long or deep value is written out whole."""
    text = _written(value, 3)
    return text if len(text) <= most else f"{text[:most]}…"


def _written(value, depth):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, dict):
        inside = (
            ", ".join(
                f"{preview(key, 20)}: {_written(item, depth - 1)}"
                for key, item in list(value.items())[:4]
            )
            if depth
            else "…"
        )
        return f"{{{inside}{', …' if len(value) > 4 else ''}}}"
    if isinstance(value, (list, tuple)):
        inside = (
            ", ".join(_written(item, depth - 1) for item in value[:7])
            if depth or not value
            else "…"
        )
        return f"[{inside}{', …' if len(value) > 7 else ''}]"
    try:
        return str(value)[:80]
    except ValueError:  # Python writes out no whole number of more than 4300 digits
        return "a number of thousands of digits"
