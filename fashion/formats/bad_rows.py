"""Bad rows: annotations that cannot be used, and the error that lists them."""

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from fashion.formats.csv_table import printable
from mrcnn.typing import PathLike

NO_IMAGE = "?"  # the image of a row that has the wrong number of fields
_SHOWN_NAME = 100  # characters of an ImageId that an error shows

Source = TypeVar("Source")
Loaded = TypeVar("Loaded")


@dataclasses.dataclass(frozen=True)
class BadRow:
    """One row that cannot be used.

    Attributes:
        line: Its line in the CSV; the header is line 1.
        image_id: Its ImageId, or `NO_IMAGE`.
        reason: What is wrong with it.
        unit: What `line` counts, for files that are not CSVs.
    """

    line: int
    image_id: str
    reason: str
    unit: str = "line"

    def __str__(self) -> str:
        name = printable(self.image_id[:_SHOWN_NAME])
        return f"{self.unit} {self.line} (image {name}): {self.reason}"


class BadRows(ValueError):
    """Rows of a CSV that cannot be used.

    Args:
        csv_path: The CSV.
        rows: All of its bad rows.

    Attributes:
        csv_path: The CSV.
        rows: The bad rows, by line.
    """

    SHOWN = 1000
    ONE_CAUSE = 5  # more rows with unknown labels have one cause: a foreign label list

    def __init__(self, csv_path: PathLike, rows: Iterable[BadRow]) -> None:
        self.csv_path = Path(csv_path)
        self.rows = sorted(rows, key=lambda row: row.line)
        plural = "s" * (len(self.rows) != 1)
        is_csv = not self.rows or self.rows[0].unit == "line"
        what = "row" if is_csv else "annotation"
        lines = [f"{self.csv_path} has {len(self.rows):,} {what}{plural} that cannot be used:"]
        foreign = [row for row in self.rows if row.reason.startswith("unknown ")]
        shown = self.rows
        if len(foreign) > self.ONE_CAUSE:
            first = foreign[0]
            name = printable(first.image_id[:_SHOWN_NAME])
            advice = (
                "The label list does not belong to this file: put its own "
                "label_descriptions.json next to it."
                if is_csv
                else "Label lists are matched by name, and this one lacks them."
            )
            lines.append(
                f"  {len(foreign):,} {what}s, {first.unit} {first.line} (image {name}) is the "
                f"first: {first.reason}. {advice}"
            )
            shown = [row for row in self.rows if not row.reason.startswith("unknown ")]
        lines += [f"  {row}" for row in shown[: self.SHOWN]]
        if len(shown) > self.SHOWN:
            lines.append(f"  … and {len(shown) - self.SHOWN:,} more")
        lines.append(
            f"Correct the file, or leave these {what}s out: --skip-bad (in Python, skip_bad=True)."
        )
        super().__init__("\n".join(lines))


def load_together(sources: Iterable[Source], load: Callable[[Source], Loaded]) -> list[Loaded]:
    """Loads several files; the bad rows of all of them are raised together.

    Args:
        sources: What `load` takes, one after the other.
        load: Loads one of them.

    Returns:
        What `load` returned.

    Raises:
        BadRows: One file has bad rows.
        ValueError: Several have.
    """
    loaded, errors = [], []
    for source in sources:
        try:
            loaded.append(load(source))
        except BadRows as error:
            errors.append(error)
    if len(errors) > 1:
        raise ValueError("\n".join(map(str, errors)))
    if errors:
        raise errors[0]
    return loaded
