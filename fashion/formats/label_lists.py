"""Label lists: the ids of one list of categories or attributes as those of another, by name."""

from collections import defaultdict

_SHOWN = 5  # names that an error or a warning writes out


def ids_by_name(theirs, ours, name, kind):
    """What each label of one list is in another.

    A label that has the same id and the same name in both is itself, and so is one without a name
    whose id the other list has. Any other is the label of its name; upper and lower case and spaces
    around a name do not count.

    Args:
        theirs: Dicts with "id" and perhaps "name"; ids occur once.
        ours: Dicts with "id" and "name" of the list that counts.
        name: What errors call the file of `theirs`.
        kind: "category" or "attribute".

    Returns:
        {id in `theirs`: id in `ours`, or None if `ours` has no such label}.

    Raises:
        ValueError: If a name that has to be looked up occurs more than once in `ours`.
    """
    known, by_name = {row["id"]: row for row in ours}, defaultdict(list)
    for row in ours:
        by_name[_plain(row.get("name"))].append(row["id"])
    found = {}
    for row in theirs:
        i, label = row["id"], row.get("name")
        if i in known and (label is None or _plain(label) == _plain(known[i].get("name"))):
            found[i] = i
            continue
        same = by_name.get(_plain(label), []) if label is not None else []
        if len(same) > 1:
            raise ValueError(
                f"{name} has the {kind} {i}, {label!r}, and the ground truth has {len(same)} of "
                "that name: "
                f"{', '.join(map(str, same[:_SHOWN]))}. Give every {kind} a name of its own."
            )
        found[i] = same[0] if same else None
    return found


def listed(names):
    """Some names for an error or a warning, and how many more there are."""
    names = [repr(name) if isinstance(name, str) else str(name) for name in names]
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _plain(name):
    return name.strip().casefold() if isinstance(name, str) else name
