"""Dates of the images of an index, from wherever they are."""

import logging
from collections.abc import Sequence
from pathlib import Path

from fashion.formats.dates import date_of_folder
from fashion.formats.dates_csv import match_dates, read_dates
from fashion.pages.text import count
from fashion.retrieval.garment import Garment

log = logging.getLogger(__name__)


def dates_of(source: str | Path, garments: Sequence[Garment]) -> dict[str, str] | None:
    """Reads the dates of the images of a catalogue.

    Args:
        source: "exif", "folders" or a CSV file.
        garments: All garments.

    Returns:
        `{image: ISO date}`; None for those that the garments have.

    Raises:
        ValueError: No image has a date. The message says what else may be tried.
    """
    images = list(dict.fromkeys(garment.image for garment in garments))
    if not images:
        raise ValueError("The catalogue has no garments.")
    if source == "exif":
        if not any(garment.date for garment in garments):
            raise ValueError(
                f"None of the {count(len(images), 'image')} has a date in its EXIF data. Give "
                "--dates FILE.csv with the columns image and date, or --dates folders."
            )
        return None
    if source == "folders":
        found = {image: date for image in images if (date := date_of_folder(image))}
        if not found:
            raise ValueError(
                f"No folder of the images is named after a date. The first image is {images[0]}; "
                "expected for instance 2024-05-17/photo.jpg or 2024/05/photo.jpg."
            )
        return found
    dates = read_dates(source)
    found, unknown = match_dates(dates, images)
    names = count(len(dates), "name")
    if not found:
        raise ValueError(
            f"{source} has {names}, and none is an image of the catalogue. It has for instance "
            f"{unknown[0]}; the catalogue has {images[0]}. Write the path of an image as it is in "
            "the catalogue, the end of the path, or the file name."
        )
    if unknown:
        log.warning(
            "%s: %d of %s are images of the catalogue. The others are not there or show no "
            "garment, for instance %s.",
            source,
            len(dates) - len(unknown),
            names,
            unknown[0],
        )
    else:
        text = f"its {names} is an image" if len(dates) == 1 else f"all {names} are images"
        log.info("%s: %s of the catalogue.", source, text)
    return found
