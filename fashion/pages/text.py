"""Cells: how the report writes numbers, names and rows of scores."""


def number(value):
    """A score to three digits, a count with its thousands, a dash for -1, where there is nothing to measure; text as it is."""
    if isinstance(value, str):
        return value
    if value < 0:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def short_name(name):
    """What stands before the first comma: "top, t-shirt, sweatshirt" is a top."""
    return name.split(",")[0]


def table_of(rows, columns):
    """Dicts as rows for `Page.table`.

    rows: list of dicts of numbers and texts; columns: {heading: key}. A column whose key no row has is left out, a single lacking
    value is an empty cell.
    """
    columns = {heading: key for heading, key in columns.items() if any(key in row for row in rows)}
    return [
        list(columns),
        *([number(row.get(key, "")) for key in columns.values()] for row in rows),
    ]
