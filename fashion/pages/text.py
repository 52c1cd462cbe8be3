"""Numbers, names and rows of results as the text of a page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_MAX_LABEL = 30  # characters of a name next to a figure


def number(value: float | str) -> str:
    """Writes a score or a count.

    Args:
        value: A score (float), a count (int), or text, which stays as it is. Negative: undefined.

    Returns:
        Three decimals of a score, a count with thousands separators, or a dash.
    """
    if isinstance(value, str):
        return value
    if value < 0:  # as in COCO: a 0 would read as a bad score
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def difference(value: float, other: float) -> str:
    """Writes by how much a score is higher than another one.

    Args:
        value: The score; negative: undefined.
        other: What it is compared with.

    Returns:
        Three decimals with a sign, "0.000" without a difference, or a dash.
    """
    return signed(value - other) if min(value, other) >= 0 else "–"


def signed(value: float, decimals: int = 3) -> str:
    """Writes a difference with its sign; what rounds to 0 has none.

    Args:
        value: The difference.
        decimals: Digits after the point.

    Returns:
        For instance "+0.012", "-0.012" or "0.000".
    """
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text[1:]


def whole_percent(share: float) -> str:
    """Writes a share without decimals: 0.126 is "13 %".

    Args:
        share: In [0, 1]; negative: undefined.

    Returns:
        The percentage, or a dash.
    """
    return "–" if share < 0 else f"{100 * share:.0f} %"


def percent(share: float) -> str:
    """Writes a share with two digits where it is small: 0.0123 is "1.2 %".

    Args:
        share: In [0, 1].

    Returns:
        The percentage.
    """
    value = 100 * share
    if not value:
        return "0 %"
    # Limits of rounding: 9.95 is written as 10, 0.949 as 0.95.
    if value >= 9.95:
        return f"{value:.0f} %"
    return f"{value:.1f} %" if value >= 0.95 else f"{value:.2g} %"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Writes a number with its noun: "1 image", "2 images".

    Args:
        number: How many.
        singular: The noun.
        plural: Its plural, if it is not formed with "s".

    Returns:
        Number and noun.
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def short_name(name: str) -> str:
    """Returns the part before the first comma: "top, t-shirt, sweatshirt" is a top.

    Args:
        name: Name of a category or an attribute.

    Returns:
        Its first synonym.
    """
    return name.split(",")[0]


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Shortens names of categories or attributes, so that each stays distinct.

    Args:
        names: Of one label list.

    Returns:
        `{name: its first synonym}`; the name itself where another one begins alike.
    """
    shared = Counter(short_name(name) for name in set(names))
    return {name: short_name(name) if shared[short_name(name)] == 1 else name for name in names}


def axis_label(name: str) -> str:
    """Shortens a name so that it fits next to a figure.

    Args:
        name: Name of a category or an attribute.

    Returns:
        Its first synonym, cut to 30 characters.
    """
    name = short_name(name)
    return name if len(name) <= _MAX_LABEL else name[: _MAX_LABEL - 1].rstrip() + "…"


def table_of(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> list[list[str]]:
    """Turns dicts into the rows of `Page.table`.

    Args:
        rows: Numbers and texts by key; "name" is that of a category or an attribute.
        columns: `{heading: key}`. A column is left out if no row has its key.

    Returns:
        Heading and rows as text, names shortened; a missing value is an empty cell.
    """
    shortened = short_names([row["name"] for row in rows if "name" in row])
    columns = {heading: key for heading, key in columns.items() if _has_any(rows, key)}
    table = [list(columns)]
    for row in rows:
        shown = {**row, "name": shortened[row["name"]]} if "name" in row else row
        table.append([number(shown.get(key, "")) for key in columns.values()])
    return table


def _has_any(rows: Iterable[Mapping[str, Any]], key: str) -> bool:
    return any(key in row for row in rows)
