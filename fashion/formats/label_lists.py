"""Label lists: maps ids of one list of categories or attributes to those of another, by name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_SHOWN = 5  # names written out in an error or a warning


def ids_by_name(
    source: Iterable[Mapping[str, Any]],
    target: Sequence[Mapping[str, Any]],
    name: str,
    kind: str,
) -> dict[Any, Any]:
    """Maps every label of `source` to the label of `target` that means the same.

    A label keeps its id if both lists have that id with the same name, or if it has no name and
    `target` has the id. Any other label is matched by name. Case and spaces around a name are
    ignored.

    Args:
        source: Dicts with a unique "id" and perhaps a "name".
        target: Dicts with "id" and "name".
        name: What errors call the file of `source`.
        kind: "category" or "attribute".

    Returns:
        Ids of `source`, each with an id of `target`, or None if `target` has no such label.

    Raises:
        ValueError: If a name that must be looked up occurs more than once in `target`.
    """
    known = {row["id"]: row for row in target}
    by_name = defaultdict(list)
    for row in target:
        by_name[_normalized(row.get("name"))].append(row["id"])
    matched = {}
    for row in source:
        i, label = row["id"], row.get("name")
        if i in known and (
            label is None or _normalized(label) == _normalized(known[i].get("name"))
        ):
            matched[i] = i
            continue
        same = by_name.get(_normalized(label), []) if label is not None else []
        if len(same) > 1:
            raise ValueError(
                f"{name} has the {kind} {i}, {label!r}, and the ground truth has {len(same)} of "
                f"that name: {', '.join(map(str, same[:_SHOWN]))}. Give every {kind} a unique name."
            )
        matched[i] = same[0] if same else None
    return matched


def listed(names: Iterable[Any]) -> str:
    """Lists the first names for an error or a warning, and counts the rest.

    Args:
        names: Names or ids.

    Returns:
        For instance "'vest', 'tie' and 3 more".
    """
    shown = [repr(name) if isinstance(name, str) else str(name) for name in names]
    more = len(shown) - _SHOWN
    return ", ".join(shown[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _normalized(name: Any) -> Any:
    return name.strip().casefold() if isinstance(name, str) else name
