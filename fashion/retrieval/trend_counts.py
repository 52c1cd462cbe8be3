"""Counts of images by period and by what is seen in them."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from fashion.formats.dates import parse_date, precision_of
from fashion.retrieval.color_names import color_name
from fashion.retrieval.garment import Garment
from mrcnn.typing import Array

KINDS = ("category", "attribute", "color")

Key = tuple[str, str]  # kind and name
Properties = Mapping[str, set[Key]]  # of each image


class NothingToCompare(ValueError):
    """The images do not have what was asked for; the message holds no path."""


@dataclass(frozen=True)
class Table:
    """Counts of images.

    Attributes:
        places: `(P,)` int numbers of the periods, see `fashion.formats.dates.place_of`.
        images: `(P,)` int images of each period.
        keys: S kinds and names.
        counts: `(S, P)` int images that have the property.
    """

    places: Array
    images: Array
    keys: list[Key]
    counts: Array


LeftOut = tuple[tuple[Array, Array], list[tuple[Key, int]]]


def read_garments(
    garments: Iterable[Garment],
    category: str | None = None,
    score: float = 0.0,
    attribute_score: float = 0.0,
) -> tuple[dict[str, set[Key]], dict[str, str]]:
    """Collects what is seen in each image.

    Args:
        garments: Of a catalogue.
        category: The only category that counts; None for all.
        score: Least confidence score of a garment.
        attribute_score: Least score of an attribute.

    Returns:
        properties: `{image: {(kind, name)}}`. With one category only, attributes and colors.
        dates: `{image: ISO date}` of the images that have one.

    Raises:
        NothingToCompare: No garment is of the category.
    """
    properties: dict[str, set[Key]] = {}
    dates: dict[str, str] = {}
    found = set()
    for garment in garments:
        found.add(garment.category)
        if garment.score < score or category not in (None, garment.category):
            continue
        seen = properties.setdefault(garment.image, set())
        if category is None:
            seen.add(("category", garment.category))
        for name, attribute in garment.attributes.items():
            if attribute >= attribute_score:
                seen.add(("attribute", name))
        if garment.colors:
            seen.add(("color", color_name(garment.colors[0])))
        if garment.date and garment.image not in dates:
            with contextlib.suppress(ValueError):  # cameras write 0000:00:00 without a clock
                dates[garment.image] = parse_date(garment.date)
    if category is not None and not properties:
        raise NothingToCompare(
            f"The catalogue has no garment of the category {category!r}. It has "
            f"{'; '.join(sorted(found)) or 'no garments'}."
        )
    return properties, dates


def tabulate(properties: Properties, place_of_image: Mapping[str, int]) -> Table:
    """Counts images by period and property.

    Args:
        properties: `{image: {(kind, name)}}`.
        place_of_image: Period of each dated image.

    Returns:
        The counts; periods in order, series by kind and then the most frequent first.
    """
    images = Counter(place_of_image.values())
    places = sorted(images)
    column = {place: i for i, place in enumerate(places)}
    counts: dict[Key, Array] = defaultdict(lambda: np.zeros(len(places), int))
    for image, place in place_of_image.items():
        for key in properties[image]:
            counts[key][column[place]] += 1
    keys = sorted(counts, key=lambda key: (KINDS.index(key[0]), -counts[key].sum(), key[1]))
    return Table(
        np.array(places, int),
        np.array([images[place] for place in places], int),
        keys,
        np.array([counts[key] for key in keys], int).reshape(len(keys), len(places)),
    )


def enough(table: Table, min_count: int) -> tuple[Table, LeftOut]:
    """Leaves out periods and series of few images.

    What is left out depends on totals only, not on a series' course, so it cannot favor trends.

    Args:
        table: All counts.
        min_count: Least number of images.

    Returns:
        table: What is left.
        left_out: Periods and their images, and `((kind, name), images)` of the series.
    """
    kept = table.images >= min_count
    counts = table.counts[:, kept]
    totals = counts.sum(axis=1)
    few = [(key, int(n)) for key, n in zip(table.keys, totals) if n < min_count]
    keys = [key for key, n in zip(table.keys, totals) if n >= min_count]
    left = Table(table.places[kept], table.images[kept], keys, counts[totals >= min_count])
    return left, ((table.places[~kept], table.images[~kept]), few)


def by_shoot(place_of_image: Mapping[str, int]) -> dict[str, int]:
    """Keeps the images of each folder together, in the period of the folder's median date.

    Args:
        place_of_image: `{image: period}`.

    Returns:
        The same images; those of one folder in one period.

    Raises:
        NothingToCompare: All images lie in one folder.
    """
    folders: dict[str, list[int]] = defaultdict(list)
    for image, place in place_of_image.items():
        folders[folder_of(image)].append(place)
    if len(folders) == 1 and len(place_of_image) > 1:
        raise NothingToCompare(
            "All images lie in one folder, so photo sessions cannot be distinguished. Put the "
            "photos of each session into a folder of its own, or leave out --photo-sessions "
            "(`shoots` in the API)."
        )
    median = {name: sorted(places)[len(places) // 2] for name, places in folders.items()}
    return {image: median[folder_of(image)] for image in place_of_image}


def folder_of(image: str) -> str:
    """Returns the folder of an image.

    Args:
        image: Its path in the catalogue.

    Returns:
        The folder's path, "." at the root.
    """
    return str(PurePosixPath(image).parent)


def dependence(date_of: Mapping[str, str], place_of_image: Mapping[str, int]) -> dict[str, Any]:
    """Counts images that may come from one photo session: of one folder, or of one day.

    Args:
        date_of: `{image: ISO date}`.
        place_of_image: Period of each image.

    Returns:
        "days" and "folders" with "number" (of days with images, of folders), "shared" (images that
        are not alone in theirs), and, of folders, "over_periods" (folders with images of several
        periods). A single folder is none: it says nothing.
    """
    days = Counter(
        date_of[image] for image in place_of_image if precision_of(date_of[image]) == "day"
    )
    periods: dict[str, set[int]] = defaultdict(set)
    folders: Counter[str] = Counter()
    for image, place in place_of_image.items():
        folder = folder_of(image)
        folders[folder] += 1
        periods[folder].add(place)
    if len(folders) < 2:
        folders, periods = Counter(), defaultdict(set)
    return {
        "days": {"number": len(days), "shared": sum(n for n in days.values() if n > 1)},
        "folders": {
            "number": len(folders),
            "shared": sum(n for n in folders.values() if n > 1),
            "over_periods": sum(len(places) > 1 for places in periods.values()),
        },
    }
