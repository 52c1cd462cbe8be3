"""Checked access to the fields of records that were read from a file.

A JSON file may hold anything anywhere. Here a wrong value becomes an error that says which record,
which field, what it is and what was expected.
"""

from typing import Any, NoReturn

from mrcnn.setting_checks import as_integer, is_number

_MAX_ID = 2**53  # integers up to here survive every program that reads JSON, as doubles too


class Record:
    """One record of a list: its fields, and what errors call it.

    Args:
        row: What was read, a dict if the file is right.
        name: The file.
        kind: What the record is, for instance "annotation".
        place: Index in the list.
        title: What errors call it instead of its index, for instance "Annotation 5 of gt.json".

    Raises:
        ValueError: If the record is not a dict.
    """

    __slots__ = ("row", "name", "kind", "place", "title")

    def __init__(
        self, row: Any, name: str, kind: str, place: int, title: str | None = None
    ) -> None:
        self.row, self.name, self.kind, self.place, self.title = row, name, kind, place, title
        if not isinstance(row, dict):
            raise ValueError(f"{self.where} is {preview(row)}. Expected an object with fields.")

    @property
    def where(self) -> str:
        """What errors call the record."""
        return self.title or f"{self.name}: {self.kind} number {self.place} (from 0)"

    def require(self, *keys: str) -> None:
        """Checks that fields are present.

        Args:
            *keys: Names of the fields.

        Raises:
            ValueError: Names the missing ones.
        """
        missing = [key for key in keys if key not in self.row]
        if missing:
            raise ValueError(
                f"{self.where} has no {', '.join(missing)}. "
                f"Each {self.kind} needs {', '.join(keys)}."
            )

    def has(self, key: str) -> bool:
        """Returns whether a field is present and not null.

        Args:
            key: Name of the field.

        Returns:
            True if it is.
        """
        return self.row.get(key) is not None

    def refuse(self, key: str, expected: str) -> NoReturn:
        """Raises the error for a field with a wrong value.

        Args:
            key: Name of the field.
            expected: What it should be.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            f"{self.where} has the {key} {preview(self.row.get(key))}. Expected {expected}."
        )

    def integer(
        self,
        key: str,
        least: int | None = None,
        most: int = _MAX_ID,
        expected: str | None = None,
    ) -> int:
        """Reads an integer; 40.0 is 40.

        Args:
            key: Name of the field.
            least: Smallest accepted value; None for -most.
            most: Largest accepted value.
            expected: For the message, if other than "a whole number".

        Returns:
            The value.

        Raises:
            ValueError: For anything else.
        """
        value = as_integer(self.row.get(key))
        if value is None or value > most or value < (-most if least is None else least):
            range_text = "a whole number" if least is None else f"a whole number from {least}"
            self.refuse(key, expected or range_text)
        return value

    def number(self, key: str, least: float | None = None) -> float:
        """Reads a finite number.

        Args:
            key: Name of the field.
            least: Smallest accepted value.

        Returns:
            The value as it is.

        Raises:
            ValueError: For anything else.
        """
        value = self.row.get(key)
        if not is_number(value) or least is not None and value < least:
            self.refuse(
                key, "a finite number" if least is None else f"a finite number from {least}"
            )
        return value

    def text(self, key: str) -> str:
        """Reads a text.

        Args:
            key: Name of the field.

        Returns:
            The value.

        Raises:
            ValueError: For anything else.
        """
        value = self.row.get(key)
        if not isinstance(value, str):
            self.refuse(key, "text")
        return value

    def identifier(self, key: str) -> int | str:
        """Reads an id.

        Args:
            key: Name of the field.

        Returns:
            An integer or a text.

        Raises:
            ValueError: For anything else.
        """
        value = self.row.get(key)
        if isinstance(value, str):
            return value
        return self.integer(key, expected="an id, a whole number or text")

    def box(self, key: str = "bbox", most: float = 1e9) -> list[float]:
        """Reads a box.

        Args:
            key: Name of the field.
            most: Largest accepted distance of a coordinate from 0, pixels.

        Returns:
            [x, y, width, height], finite, width and height 0 or more.

        Raises:
            ValueError: For anything else.
        """
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

    def ids(self, key: str) -> list[int]:
        """Reads a list of integer ids.

        Args:
            key: Name of the field.

        Returns:
            The ids.

        Raises:
            ValueError: For anything else.
        """
        values = _as_list(self.row.get(key))
        if not isinstance(values, (list, tuple)):
            self.refuse(key, "a list of ids, which are whole numbers")
        ids = []
        for value in map(as_integer, values):
            if value is None or abs(value) > _MAX_ID:
                self.refuse(key, "a list of ids, which are whole numbers")
            ids.append(value)
        return ids


def _as_list(value: Any) -> Any:
    """Returns an array as a list: results that never were in a file may hold arrays."""
    return value.tolist() if hasattr(value, "tolist") else value


def as_id(text: str) -> int | None:
    """Converts digits, as text files and JSON keys write an id, to an integer.

    Args:
        text: Perhaps digits.

    Returns:
        The id; None for anything else. No id has more than 15 digits, and Python refuses to read
        more than 4300.
    """
    digits = text.removeprefix("-")
    if len(digits) > 15 or not (digits.isascii() and digits.isdigit()):
        return None
    return int(text)


def preview(value: Any, most: int = 60) -> str:
    """Writes the beginning of a value as JSON does, for messages.

    Args:
        value: Anything; long and deep values are not written out whole.
        most: Characters at most.

    Returns:
        The text, with "…" where it was cut.
    """
    text = _written(value, 3)
    return text if len(text) <= most else f"{text[:most]}…"


def _written(value: Any, depth: int) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value[:80])
    if isinstance(value, dict):
        inside = "…"
        if depth:
            items = list(value.items())[:4]
            inside = ", ".join(f"{preview(k, 20)}: {_written(v, depth - 1)}" for k, v in items)
        return f"{{{inside}{', …' if len(value) > 4 else ''}}}"
    if isinstance(value, (list, tuple)):
        inside = "…"
        if depth or not value:
            inside = ", ".join(_written(item, depth - 1) for item in value[:7])
        return f"[{inside}{', …' if len(value) > 7 else ''}]"
    try:
        return str(value)[:80]
    except ValueError:  # Python refuses to write an integer of more than 4300 digits
        return "a number of thousands of digits"
