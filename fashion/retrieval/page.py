"""What a search found: a page with thumbnails, and rows for JSON."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from fashion.pages.html import Page
from fashion.pages.text import count, short_name
from fashion.retrieval.garment import Match
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.outfit_advice import EXPLANATION, Advice, add_advice, advice_rows

__all__ = ["Query", "similar_page", "similar_rows"]

# More would hide the pictures; the JSON file has all.
_MOST_ATTRIBUTES = 4


@dataclasses.dataclass(frozen=True)
class Query:
    """A garment that was searched for, and what was found.

    Attributes:
        image: The photo, or an image of the index.
        box: yxyx, pixels of the image.
        category: Name of its category.
        score: Confidence score.
        attributes: Score of each attribute that is reported, by name.
        colors: Dominant colors as "#rrggbb".
        thumbnail: JPEG.
        matches: Garments of the index, the most similar first.
        advice: What goes with it, if that was asked for.
    """

    image: str
    box: tuple[float, float, float, float]
    category: str
    score: float
    attributes: Mapping[str, float]
    colors: Sequence[str]
    thumbnail: bytes
    matches: list[Match] = dataclasses.field(default_factory=list)
    advice: Advice | None = None


def similar_page(queries: Sequence[Query], index: GarmentIndex, about: Mapping[str, str]) -> Page:
    """Makes a page with a chapter for each garment that was searched for.

    Args:
        queries: The garments, with what was found.
        index: The index that was searched.
        about: Names and values of what decided the search, for the top of the page.

    Returns:
        The page.
    """
    title = f"Similar garments for {count(len(queries), 'garment')}"
    page = Page(title, f"among {count(len(index), 'garment')}")
    model = index.meta["model"]["name"]
    page.facts([*about.items(), ("Model", model)])
    page.text(
        "The number of a garment is its similarity, at most 1. It joins what the garment looks "
        "like to the network, its attributes and its colors."
    )
    if any(query.advice for query in queries):
        page.text(EXPLANATION)
    if not queries:
        page.text("No garment was found in the photos.")
    for number, query in enumerate(queries, start=1):
        page.chapter(f"{number}. {short_name(query.category)}")
        page.gallery([(query.thumbnail, _query_caption(query))], small=True)
        if not query.matches:
            page.text("The index has no garment of this kind.")
        else:
            page.section(count(len(query.matches), "most similar garment"))
            hits = []
            for match in query.matches:
                hits.append((index.thumbnail(match.garment.id), _caption(match)))
            page.gallery(hits, small=True)
        if query.advice:
            add_advice(page, index, query.category, query.advice)
    return page


def similar_rows(queries: Sequence[Query], index: str) -> dict[str, Any]:
    """Lists what was found.

    Args:
        queries: The garments, with what was found.
        index: Folder or address of the index.

    Returns:
        JSON-able: "index"; "queries", with "image", "garment" and "matches" of each, and
        "goes_with" (see `advice_rows`) if that was asked for. "bbox" is [x, y, w, h] as in
        predictions.json.
    """
    rows = []
    for query in queries:
        matches = []
        for match in query.matches:
            garment = dataclasses.asdict(match.garment)
            garment["bbox"] = _xywh(garment.pop("box"))
            matches.append({"similarity": round(match.similarity, 6), **garment})
        row = {
            "image": query.image,
            "garment": {
                "bbox": _xywh(query.box),
                "category": query.category,
                "score": query.score,
                "attributes": dict(query.attributes),
                "colors": list(query.colors),
            },
            "matches": matches,
        }
        rows.append(row | ({"goes_with": advice_rows(query.advice)} if query.advice else {}))
    return {"index": index, "queries": rows}


def _xywh(box: Sequence[float]) -> list[float]:
    y1, x1, y2, x2 = box
    return [x1, y1, x2 - x1, y2 - y1]


def _query_caption(query: Query) -> str:
    return " · ".join([query.image, f"confidence {query.score:.2f}", *_named(query.attributes)])


def _caption(match: Match) -> str:
    garment = match.garment
    return " · ".join(
        [
            f"{match.similarity:.2f}",
            short_name(garment.category),
            *_named(garment.attributes),
            garment.image,
            f"no. {garment.id}",
        ]
    )


def _named(attributes: Mapping[str, float]) -> list[str]:
    """The most certain attributes."""
    names = sorted(attributes, key=lambda name: -attributes[name])[:_MOST_ATTRIBUTES]
    return [short_name(name) for name in names]
