"""Tables: rows of cells as text for a terminal, or as HTML for a notebook."""

import html
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mrcnn.typing import Array

NUMBER = re.compile(r"\s*[-+]?(\d[\d,]*\.?\d*|\.\d+|nan|inf)(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)
ALARM = "***"  # marks a cell as a warning, at its beginning
CELL = "padding: 2px 12px; white-space: nowrap;"
ALARM_COLOR = "#c0392b"
HEADING = ["LAYER", "WEIGHT", "SHAPE", "MIN", "MAX", "STD", ""]
TOO_LARGE = 1000  # Matterport's: weights of a healthy network stay far below


def text_table(rows: Sequence[Sequence[Any]]) -> str:
    """Formats a table as text: columns of equal width, numbers right-aligned.

    Args:
        rows: Lists of anything; the first is the heading, which a rule is drawn below. Short rows
            are filled up.

    Returns:
        The text, without a final line break.

    Raises:
        ValueError: Without rows.
    """
    cells, to_right = _cells(rows)
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = []
    for row in cells:
        columns = zip(row, widths, to_right)
        aligned = [cell.rjust(n) if right else cell.ljust(n) for cell, n, right in columns]
        lines.append("  ".join(aligned).rstrip())
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([*lines[:1], rule, *lines[1:]])


def html_table(rows: Sequence[Sequence[Any]]) -> str:
    """Formats a table as HTML; cells that start with "***" are red.

    Args:
        rows: As in `text_table`. Cells are text, so "<" is escaped.

    Returns:
        A <table>.

    Raises:
        ValueError: Without rows.
    """
    cells, to_right = _cells(rows)
    lines = ["<table>"]
    for number, row in enumerate(cells):
        tag = "td" if number else "th"
        body = "".join(_html_cell(tag, cell, right) for cell, right in zip(row, to_right))
        lines.append(f"<tr>{body}</tr>")
    return "\n".join([*lines, "</table>"])


def in_notebook() -> bool:
    """Returns whether this runs in a notebook, which can display HTML.

    Returns:
        True if it does. IPython is asked only if it is imported already.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def weight_rows(layers: Mapping[str, Sequence[tuple[str, Array]]]) -> list[list[str]]:
    """Makes a table of the weights of a network, which marks those that look wrong.

    Args:
        layers: By layer name, lists of (tensor name, array of any shape).

    Returns:
        A row for each tensor, after the heading. The last cell is a warning, or "".
    """
    rows = [HEADING]
    for layer, tensors in layers.items():
        for name, values in tensors:
            values = np.asarray(values)
            numbers = [np.nan] * 3
            if values.size:
                numbers = [values.min(), values.max(), values.std()]
            shown = [f"{number:+.4f}" for number in numbers]
            warning = _weight_warning(name, values, numbers[0], numbers[1])
            rows.append([layer, name, str(values.shape), *shown, warning])
    return rows


def _weight_warning(name: str, values: Array, low: float, high: float) -> str:
    if values.size == 0:
        return ""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "*** NaN or infinite"
    if max(abs(low), abs(high)) > TOO_LARGE:
        return "*** Overflow?"
    # A bias starts as a constant, and a single number is always one.
    return "*** dead?" if low == high and values.size > 1 and name != "bias" else ""


def _cells(rows: Sequence[Sequence[Any]]) -> tuple[list[list[str]], list[bool]]:
    """Returns rows of strings, all of one length, and for every column whether it is numeric."""
    if len(rows) == 0:
        raise ValueError(
            "A table needs at least its heading; got an empty list. Pass a list of rows, each a "
            "list of cells."
        )
    count = max(len(row) for row in rows)
    cells = []
    for row in rows:
        cells.append([str(cell).strip() for cell in row] + [""] * (count - len(row)))
    body = cells[1:] or cells
    to_right = []
    for column in zip(*body):
        filled = [cell for cell in column if cell not in ("", "–")]  # a dash: no number
        to_right.append(bool(filled) and all(map(NUMBER.fullmatch, filled)))
    return cells, to_right


def _html_cell(tag: str, cell: str, right: bool) -> str:
    style = CELL + f" text-align: {'right' if right else 'left'};"
    if cell.startswith(ALARM):
        style += f" color: {ALARM_COLOR};"
    return f'<{tag} style="{style}">{html.escape(cell)}</{tag}>'
