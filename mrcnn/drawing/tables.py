"""Tables: rows of cells as text for a terminal, or as HTML for a notebook."""

import html
import re
import sys

import numpy as np

NUMBER = re.compile(r"\s*[-+]?(\d[\d,]*\.?\d*|\.\d+|nan|inf)(e[-+]?\d+)?\s*%?\s*", re.IGNORECASE)
ALARM = "***"  # a cell that starts so is a warning
CELL = "padding: 2px 12px; white-space: nowrap;"
ALARM_COLOR = "#c0392b"
HEADING = ["LAYER", "WEIGHT", "SHAPE", "MIN", "MAX", "STD", ""]
TOO_LARGE = 1000  # Matterport's: weights of a healthy network stay far below


def text_table(rows):
    """Columns of equal width, numbers to the right, a rule below the first row.

    rows: list of rows, each a list of anything; the first is the heading; short rows are filled up
    Returns: str, without a line break at its end.
    """
    cells, to_right = _cells(rows)
    widths = [max(len(row[i]) for row in cells) for i in range(len(to_right))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([*lines[:1], "  ".join("-" * width for width in widths), *lines[1:]])


def html_table(rows):
    """The same as an HTML <table>; cells that start with "***" are red.

    rows: as in `text_table`; the cells are text, so a "<" is a "<"
    Returns: str.
    """
    cells, to_right = _cells(rows)
    lines = ["<table>"]
    for number, row in enumerate(cells):
        tag = "td" if number else "th"
        lines.append(
            "<tr>"
            + "".join(_html_cell(tag, cell, right) for cell, right in zip(row, to_right))
            + "</tr>"
        )
    return "\n".join([*lines, "</table>"])


def in_notebook():
    """Whether this runs in a notebook, which can display HTML. IPython is asked only if somebody has loaded it."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def _cells(rows):
    """(rows of stripped strings, all of one length; for every column whether it holds numbers)."""
    if len(rows) == 0:
        raise ValueError(
            "A table needs at least its heading; got an empty list. Pass a list of rows, each a list of cells."
        )
    columns = max(len(row) for row in rows)
    cells = [[str(cell).strip() for cell in row] + [""] * (columns - len(row)) for row in rows]
    body = cells[1:] or cells
    to_right = [
        any(row[i] for row in body) and all(NUMBER.fullmatch(row[i]) for row in body if row[i])
        for i in range(columns)
    ]
    return cells, to_right


def _html_cell(tag, cell, right):
    style = CELL + f" text-align: {'right' if right else 'left'};"
    if cell.startswith(ALARM):
        style += f" color: {ALARM_COLOR};"
    return f'<{tag} style="{style}">{html.escape(cell)}</{tag}>'


def weight_rows(layers):
    """One row for every tensor.

    layers: {layer name: list of (tensor name, array of any shape)}
    Returns: list of rows of strings, the first the heading; the last cell is the alarm, "" for a tensor without one.
    """
    rows = [HEADING]
    for layer, tensors in layers.items():
        for name, values in tensors:
            values = np.asarray(values)
            numbers = (values.min(), values.max(), values.std()) if values.size else (np.nan,) * 3
            rows.append(
                [
                    layer,
                    name,
                    str(values.shape),
                    *(f"{number:+.4f}" for number in numbers),
                    _alarm(name, values, *numbers[:2]),
                ]
            )
    return rows


def _alarm(name, values, low, high):
    if values.size == 0:
        return ""
    if not (np.isfinite(low) and np.isfinite(high)):
        return "*** NaN or infinite"
    if max(abs(low), abs(high)) > TOO_LARGE:
        return "*** Overflow?"
    # A bias starts as a constant, and a single number is always one.
    return "*** dead?" if low == high and values.size > 1 and name != "bias" else ""
