"""Garments of an index, and what a search returns."""

from dataclasses import dataclass

# Matches that one search may ask for, on the command line as over HTTP. Of 3,939 garments, 1,000
# matches took a service 16 ms of CPU and 290 kB (12 took 2 ms), far less than a photo takes.
MOST_MATCHES = 1000


@dataclass(frozen=True)
class Garment:
    """A detection that an index keeps.

    Attributes:
        id: Number in the index; never given to another garment.
        image: Path of its image below the root of the index, with slashes.
        box: yxyx, pixels of the upright original image.
        category: Name of its category.
        score: Confidence score of the detection.
        attributes: Score of each attribute by name; those that the model reports only.
        colors: Dominant colors as "#rrggbb", the largest share of the mask first.
        date: When the photo was taken, "YYYY-MM-DDTHH:MM:SS", from EXIF; None if unknown.
    """

    id: int
    image: str
    box: tuple[float, float, float, float]
    category: str
    score: float
    attributes: dict[str, float]
    colors: list[str]
    date: str | None


@dataclass(frozen=True)
class Match:
    """A garment that a search found.

    Attributes:
        garment: The garment.
        similarity: Cosine of the angle between its vector and that of the query, -1 to 1.
    """

    garment: Garment
    similarity: float
