"""Stratified splits: every part gets its share of every label; deterministic, groups stay together.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label
Data", 2011, algorithm 1): the rarest label is dealt out first, each of its images to the part that
lacks most of it. Shapes: n images, L labels, U units (groups of images), P parts.
"""

import dataclasses

import numpy as np

from mrcnn.typing import Array


def hold_out(present: Array, group: Array, order: Array, fraction: float) -> Array:
    """Chooses images to hold out.

    At least the share `fraction` of the images with each label is held out, rounded up, unless one
    group has the label alone. Rare labels need more than their share, so that a few more images are
    held out in all.

    Args:
        present: `(n, L)` bool, the labels of each image.
        group: `(n,)` int; images of one group stay together.
        order: `(n,)` int, the images in the order in which they are dealt out. The choice depends
            on it and on the labels alone.
        fraction: Share of the images to hold out, 0..1.

    Returns:
        `(n,)` bool, some True and some False.

    Raises:
        ValueError: If all images are one group.
    """
    units, place = _units(present, group, order)
    if len(units.sizes) < 2:
        raise ValueError(
            f"A split needs at least 2 photos, or groups of photos that belong together. Got "
            f"{len(units.sizes)}, of {len(present)} photos."
        )
    images = units.counts.sum(axis=0)  # with each label
    is_shared = (units.counts > 0).sum(axis=0) > 1
    # Less 1e-9, because 0.07 * 100 is 7.000000000000001 and must not become 8.
    share = np.minimum(np.ceil(fraction * images - 1e-9), images - 1)
    wanted = np.where(is_shared, share, 0)
    size = min(max(round(fraction * len(present)), 1), len(present) - 1)
    part = _deal(units, np.stack([images - wanted, wanted]), np.array([len(present) - size, size]))
    _top_up(part, np.column_stack([units.counts, units.sizes]), np.append(wanted, size))
    if part.all() or not part.any():  # few images, each with a label that no other has
        part[-1] = 1 - part[-1]
    return (part == 1)[place]


def folds(present: Array, group: Array, order: Array, number: int) -> Array:
    """Divides images into folds that have equal shares of every label.

    Args:
        present: See `hold_out`.
        group: See `hold_out`.
        order: See `hold_out`.
        number: Number of folds.

    Returns:
        `(n,)` int, the fold of every image, 0..number - 1.

    Raises:
        ValueError: If there are fewer groups than folds.
    """
    units, place = _units(present, group, order)
    if len(units.sizes) < number:
        raise ValueError(
            f"{number} folds need at least {number} photos, or groups of photos that belong "
            f"together. Got {len(units.sizes)}, of {len(present)} photos."
        )
    share = np.full((number, 1), 1 / number)
    return _deal(units, share * units.counts.sum(axis=0), share[:, 0] * len(present))[place]


@dataclasses.dataclass(frozen=True)
class _Units:
    """Groups of images that are dealt out as a whole, in the order of dealing."""

    counts: Array  # (U, L) int, images with each label
    sizes: Array  # (U,) int, images


def _units(present: Array, group: Array, order: Array) -> tuple[_Units, Array]:
    """The units, and the unit of each image, (n,) int."""
    _, first, place = np.unique(np.asarray(group)[order], return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # a group takes the place of its first image
    unit = np.empty(len(order), np.int64)
    unit[order] = rank[place]
    by_unit = np.argsort(unit, kind="stable")
    sizes = np.bincount(unit)
    starts = np.append(0, np.cumsum(sizes)[:-1])
    return _Units(np.add.reduceat(present[by_unit].astype(np.int32), starts, axis=0), sizes), unit


def _deal(units: _Units, wanted: Array, room: Array) -> Array:
    """Deals the units out and returns the part of each, (U,) int.

    `wanted` `(P, L)` are the images with each label that a part should get, `room` `(P,)` its
    images in all.
    """
    wanted, room, part = wanted.astype(float), room.astype(float), np.full(len(units.sizes), -1)
    owners, labels = np.nonzero(units.counts)
    amounts = units.counts[owners, labels]
    ends = np.cumsum(np.bincount(owners, minlength=len(part)))
    by_label = owners[np.argsort(labels, kind="stable")]
    label_ends = np.cumsum(np.bincount(labels, minlength=wanted.shape[1]))
    # Units with each label that are not dealt out yet.
    left = np.bincount(labels, minlength=wanted.shape[1])

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
    for unit in np.flatnonzero(part < 0):  # units without labels
        place(unit, room)
    return part


def _top_up(part: Array, counts: Array, wanted: Array) -> None:
    """Moves units from part 0 to part 1, in place, until it has the wanted images of every label.

    The rarest label comes first. The unit that helps most labels moves; none that would leave
    part 0 without one of its labels.
    """
    have, left = counts[part == 1].sum(axis=0), counts[part == 0].sum(axis=0)
    for label in np.argsort(counts.sum(axis=0), kind="stable"):
        while have[label] < wanted[label]:
            some = np.flatnonzero((part == 0) & (counts[:, label] > 0))
            rows = counts[some]
            may_move = ((rows < left) | (rows == 0)).all(axis=1)
            some, rows = some[may_move], rows[may_move]
            if not len(some):
                break
            best = np.argmax(((rows > 0) & (have < wanted)).sum(axis=1))
            part[some[best]] = 1
            have, left = have + rows[best], left - rows[best]
