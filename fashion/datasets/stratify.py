"""Stratify: part photos so that every part has its share of every label; deterministic, and of whole groups.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data", algorithm 1): the rarest label
is dealt out first, each of its photos to the part that lacks most of it.
"""

import numpy as np


def hold_out(present, group, order, fraction):
    """Which photos to hold out: a share `fraction` of them, and at least that share of the photos with each label, rounded up.

    present: (n, L) bool; group: (n,) int, photos of one group stay together; order: (n,) int, the photos in the order in which they are
        dealt out, on which alone the choice depends, besides their labels
    A label that one group has alone is not held out. Rare labels need more than `fraction` of their photos, so a few more are held out.
    Returns: (n,) bool, some True and some False. Raises ValueError if all photos are one group.
    """
    units, place = _units(present, group, order)
    if len(units.sizes) < 2:
        raise ValueError(
            f"A split needs at least 2 photos, or groups of photos that belong together. Got {len(units.sizes)}, of "
            f"{len(present)} photos."
        )
    photos = units.counts.sum(axis=0)
    wanted = np.where(
        (units.counts > 0).sum(axis=0) > 1,
        np.minimum(np.ceil(fraction * photos - 1e-9), photos - 1),
        0,
    )
    size = min(max(round(fraction * len(present)), 1), len(present) - 1)
    part = _deal(units, np.stack([photos - wanted, wanted]), np.array([len(present) - size, size]))
    _top_up(part, np.column_stack([units.counts, units.sizes]), np.append(wanted, size))
    if part.all() or not part.any():  # few photos, and each has a label that no other has
        part[-1] = 1 - part[-1]
    return (part == 1)[place]


def folds(present, group, order, number):
    """The fold of every photo, (n,) int, 0 .. number - 1; arguments as of `hold_out`."""
    units, place = _units(present, group, order)
    if len(units.sizes) < number:
        raise ValueError(
            f"{number} folds need at least {number} photos, or groups of photos that belong together. Got "
            f"{len(units.sizes)}, of {len(present)} photos."
        )
    share = np.full((number, 1), 1 / number)
    return _deal(units, share * units.counts.sum(axis=0), share[:, 0] * len(present))[place]


class _Units:
    """What is dealt out as a whole: counts (U, L) int, photos with each label; sizes (U,) int, photos; in the order of dealing."""

    def __init__(self, counts, sizes):
        self.counts, self.sizes = counts, sizes


def _units(present, group, order):
    """(_Units, (n,) int: the unit of each photo)."""
    _, first, place = np.unique(np.asarray(group)[order], return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # a group stands where its first photo does
    unit = np.empty(len(order), np.int64)
    unit[order] = rank[place]
    by_unit = np.argsort(unit, kind="stable")
    sizes = np.bincount(unit)
    starts = np.append(0, np.cumsum(sizes)[:-1])
    return _Units(np.add.reduceat(present[by_unit].astype(np.int32), starts, axis=0), sizes), unit


def _deal(units, wanted, room):
    """(U,) int, the part of each unit; wanted: (P, L) float, photos with a label that a part should get; room: (P,) float, photos."""
    wanted, room, part = wanted.astype(float), room.astype(float), np.full(len(units.sizes), -1)
    owners, labels = np.nonzero(units.counts)
    amounts = units.counts[owners, labels]
    ends = np.cumsum(np.bincount(owners, minlength=len(part)))
    by_label = owners[np.argsort(labels, kind="stable")]
    label_ends = np.cumsum(np.bincount(labels, minlength=wanted.shape[1]))
    left = np.bincount(
        labels, minlength=wanted.shape[1]
    )  # units with a label that are not dealt out yet

    def place(unit, lacking):
        most = np.flatnonzero(lacking == lacking.max())
        chosen = most[np.argmax(room[most])]
        mine = slice(ends[unit - 1] if unit else 0, ends[unit])
        part[unit] = chosen
        room[chosen] -= units.sizes[unit]
        wanted[chosen, labels[mine]] -= amounts[mine]
        left[labels[mine]] -= 1

    while left.any():
        rarest = int(np.argmin(np.where(left > 0, left, len(part) + 1)))
        for unit in by_label[label_ends[rarest - 1] if rarest else 0 : label_ends[rarest]]:
            if part[unit] < 0:
                place(unit, wanted[:, rarest])
    for unit in np.flatnonzero(part < 0):  # without any label
        place(unit, room)
    return part


def _top_up(part, counts, wanted):
    """Move units from part 0 to part 1, in place, until that has the `wanted` photos of every label, the rarest first.

    The unit that helps most labels goes; none goes that would leave part 0 without a label that it has.
    """
    have, left = counts[part == 1].sum(axis=0), counts[part == 0].sum(axis=0)
    for label in np.argsort(counts.sum(axis=0), kind="stable"):
        while have[label] < wanted[label]:
            some = np.flatnonzero((part == 0) & (counts[:, label] > 0))
            rows = counts[some]
            some, rows = some[may := (((rows < left) | (rows == 0)).all(axis=1))], rows[may]
            if not len(some):
                break
            best = np.argmax(((rows > 0) & (have < wanted)).sum(axis=1))
            part[some[best]] = 1
            have, left = have + rows[best], left - rows[best]
