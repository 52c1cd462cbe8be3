"""Goes with it: what a search adds to its answer, on the page and in the JSON file."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

from fashion.pages.html import Page
from fashion.pages.text import short_name, whole_percent
from fashion.retrieval.garment import Garment
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.outfits import (
    Companion,
    Outfits,
    Recommendation,
    goes_with,
    look_of,
    parts_of,
)
from mrcnn.typing import Array

ANY = "any"
_LIKELIEST = 3  # categories that ANY stands for
_LISTED = 6  # categories that the page lists with their shares
_MOST_ATTRIBUTES = 3  # in a caption

OWN_CATEGORY = "a garment is not recommended with another one of its own category"
EXPLANATION = (
    "What goes with a garment is what people in the photos of the catalogue wear with similar "
    "garments. Which categories go together can be learned from outfits. Their attributes cannot: "
    "on 803 street photos they were predicted no better than by naming the most frequent ones. So "
    "take these garments as examples."
)


@dataclasses.dataclass
class Advice:
    """What goes with one garment.

    Attributes:
        companions: Categories that are worn with its own, the likeliest first.
        garments: `{category: garments}`.
        left_out: Categories that were asked for by name and are the garment's own.
    """

    companions: list[Companion] = dataclasses.field(default_factory=list)
    garments: dict[str, list[Recommendation]] = dataclasses.field(default_factory=dict)
    left_out: list[str] = dataclasses.field(default_factory=list)


class OutfitAdvice:
    """Finds what goes with garments of one catalogue.

    Args:
        index: The catalogue; all its garments are read once.
        categories: Names of categories; "any" stands for the three likeliest ones.
        k: Garments of each category.

    Raises:
        ValueError: The index has no such category.
    """

    def __init__(self, index: GarmentIndex, categories: Collection[str], k: int) -> None:
        self.index, self.k = index, k
        self.any = ANY in categories
        names = [index.category_named(name) for name in categories if name != ANY]
        self.categories = list(dict.fromkeys(names))
        self.outfits = Outfits(index.garments(), parts_of(index.meta["labels"]))

    def of(self, category: str, vector: Array, image: str) -> Advice:
        """Finds what goes with a garment.

        Args:
            category: Its category.
            vector: `(D,)` float32 of length 1.
            image: Its image, which is left out.

        Returns:
            Categories, and garments of those that were asked for. Its own is in `left_out`.
        """
        companions = []
        if category in self.outfits.categories:
            companions = self.outfits.companions(category)
        names = list(self.categories)
        if self.any:
            names += [each.category for each in companions[:_LIKELIEST]]
        found = {}
        for name in dict.fromkeys(names):
            if name != category:
                found[name] = goes_with(
                    self.index, vector, name, self.k, [image], self.outfits, of_category=category
                )
        return Advice(companions, found, [name for name in self.categories if name == category])


def add_advice(page: Page, index: GarmentIndex, category: str, advice: Advice) -> None:
    """Adds what goes with a garment to its chapter.

    Args:
        page: The page so far.
        index: The catalogue.
        category: Category of the garment.
        advice: From `OutfitAdvice.of`.
    """
    page.section("Goes with it")
    if advice.companions:
        listed: list[str] = []
        for each in advice.companions[:_LISTED]:
            # Said in full once: the others are read the same way.
            often = "times" if listed else "times as often as in all outfits"
            share = whole_percent(each.share)
            listed.append(f"{short_name(each.category)} {share}, {each.lift:.1f} {often}")
        page.text(f"Worn with “{short_name(category)}” in the catalogue: {'; '.join(listed)}.")
    for name in advice.left_out:
        page.text(f"No “{short_name(name)}” is recommended here: {OWN_CATEGORY}.")
    for name, found in advice.garments.items():
        if not found:
            page.text(f"No “{short_name(name)}” is worn with a similar garment.")
            continue
        pictures = []
        for worn in found:
            pictures.append((index.thumbnail(worn.garment.id), _caption(worn)))
        page.gallery(pictures, small=True)


def advice_rows(advice: Advice) -> dict[str, Any]:
    """Lists what goes with a garment.

    Args:
        advice: From `OutfitAdvice.of`.

    Returns:
        JSON-able: "companions" and, by category, "garments": number, image and category of each,
        "score", and the number of the similar garment that it is "worn_with", with the
        "similarity" of that one. "left_out" has the reason for each category left out.
    """
    garments = {}
    for name, found in advice.garments.items():
        garments[name] = [
            {
                "id": each.garment.id,
                "image": each.garment.image,
                "category": each.garment.category,
                "score": round(each.score, 6),
                "worn_with": each.beside.id,
                "similarity": round(each.similarity, 6),
            }
            for each in found
        ]
    return {
        "companions": [dataclasses.asdict(each) for each in advice.companions],
        "garments": garments,
        "left_out": dict.fromkeys(advice.left_out, OWN_CATEGORY),
    }


def _caption(found: Recommendation) -> str:
    garment = found.garment
    worn_with = f"worn with no. {found.beside.id} ({found.similarity:.2f})"
    parts = [short_name(garment.category), *_words(garment), garment.image, f"no. {garment.id}"]
    return " · ".join([*parts, worn_with])


def _words(garment: Garment) -> Sequence[str]:
    names = sorted(look_of(garment), key=lambda name: -garment.attributes[name])
    return [short_name(name) for name in names[:_MOST_ATTRIBUTES]]
