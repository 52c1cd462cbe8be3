"""What goes with a garment, learned from the catalogue's own images: an image is an outfit.

Two questions are answered by counts and by neighbors, without training:

* which categories go with a category, or are missing from an outfit (`Outfits`);
* which garments of a category go with a garment (`goes_with`): those that are worn with garments
  similar to it.

On 803 street photographs the first beats popularity clearly. The second names the attributes of a
hidden garment no better than popularity does (benchmarks/RESULTS.md): it shows examples.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fashion.retrieval.garment import Garment
from fashion.retrieval.index import GarmentIndex
from mrcnn.typing import Array

# Groups of the official labels whose members are parts of a garment, not worn with it.
PARTS = ("garment parts", "closures", "decorations")
# Counts of this many outfits are added at the overall rate: a pair seen twice proves little. Values
# from 5 to 50 gave the same on 700 outfits (benchmarks/RESULTS.md).
_PRIOR = 10
# Similar garments whose companions are looked at, how fast their weight falls with similarity, and
# the weight of what is popular in any case. Chosen on the same outfits.
_NEIGHBORS, _TEMPERATURE, _POPULAR = 50, 0.2, 25
_LEAST = 0.5  # score of an attribute that counts as there

Look = frozenset[str]  # the attributes of a garment, as one thing to count


@dataclass(frozen=True)
class Companion:
    """A category that is worn with another one.

    Attributes:
        category: Its name.
        outfits: Outfits with both.
        share: Estimated share of outfits that have it, among those with the other one.
        lift: That share over its share of all outfits; above 1 if it is worn with the other one
            more often than with any.
    """

    category: str
    outfits: int
    share: float
    lift: float


@dataclass(frozen=True)
class Recommendation:
    """A garment that goes with the one asked for.

    Attributes:
        garment: The garment.
        score: Estimated share of garments with the same attributes, among those of its category
            that are worn with the one asked for.
        beside: The garment it is worn with that is most similar to the one asked for.
        similarity: Of `beside` to the one asked for, -1 to 1.
    """

    garment: Garment
    score: float
    beside: Garment
    similarity: float


class Outfits:
    """How often categories are worn together.

    Args:
        garments: Of a catalogue. Several of one category in an image, such as shoes, count once.
        leave_out: Categories that are not garments of their own, see `parts_of`.

    Attributes:
        categories: K names, the most frequent first.
        worn: `(outfits, K)` bool; images with one category only are outfits too.
        looks: `{category: {attributes: garments}}`.
    """

    def __init__(self, garments: Iterable[Garment], leave_out: Collection[str] = ()) -> None:
        seen: dict[str, set[str]] = {}
        self.looks: dict[str, Counter[Look]] = {}
        for garment in garments:
            if garment.category not in leave_out:
                seen.setdefault(garment.image, set()).add(garment.category)
                self.looks.setdefault(garment.category, Counter())[look_of(garment)] += 1
        counts: dict[str, int] = {}
        for names in seen.values():
            for name in names:
                counts[name] = counts.get(name, 0) + 1
        self.categories = sorted(counts, key=lambda name: (-counts[name], name))
        self._column = {name: i for i, name in enumerate(self.categories)}
        self.worn = np.zeros((len(seen), len(counts)), bool)
        for row, names in enumerate(seen.values()):
            self.worn[row, [self._column[name] for name in names]] = True
        worn = self.worn.astype(np.float64)
        self._together = worn.T @ worn
        self._count = worn.sum(axis=0)
        # Half an outfit more with and without each, so that no rate is 0 or 1.
        self._rate = (self._count + 0.5) / (len(worn) + 1)

    def popularity(self) -> dict[str, float]:
        """Returns the share of outfits with each category, whatever else is worn.

        Returns:
            `{category: share}`, the most frequent first.
        """
        return dict(zip(self.categories, self._rate.tolist()))

    def companions(self, category: str) -> list[Companion]:
        """Lists what goes with a category.

        Shares are estimated with 10 more outfits added at the overall share of each category.

        Args:
            category: One of `categories`.

        Returns:
            All other categories, the largest share first.

        Raises:
            ValueError: No outfit has the category.
        """
        place = self._place(category)
        together = self._together[place]
        share = (together + _PRIOR * self._rate) / (self._count[place] + _PRIOR)
        found = []
        for i in np.argsort(-share, kind="stable"):
            if i != place:
                lift = float(share[i] / self._rate[i])
                found.append(Companion(self.categories[i], int(together[i]), float(share[i]), lift))
        return found

    def missing(self, worn: Collection[str]) -> list[tuple[str, float]]:
        """Ranks what an outfit lacks, from what is worn and from what is not.

        Naive Bayes: for each category, outfits that have it are compared with those that do not, by
        presence and absence of each other category.

        Args:
            worn: Categories of the whole rest of the outfit; unknown ones are passed over.

        Returns:
            `(category, log odds)` of all categories that are not worn, the likeliest first. The
            order is what counts: log odds are too extreme where categories depend on one another.
        """
        given = np.zeros(len(self.categories), bool)
        given[[self._column[name] for name in worn if name in self._column]] = True
        outfits, prior = len(self.worn), _PRIOR * self._rate[None]
        count = self._count[:, None]
        among = (self._together + prior) / (count + _PRIOR)
        without = (self._count[None] - self._together + prior) / (outfits - count + _PRIOR)
        evidence = np.where(given, np.log(among / without), np.log((1 - among) / (1 - without)))
        np.fill_diagonal(evidence, 0)
        odds = np.log(self._rate / (1 - self._rate)) + evidence.sum(axis=1)
        order = [i for i in np.argsort(-odds, kind="stable") if not given[i]]
        return [(self.categories[i], float(odds[i])) for i in order]

    def _place(self, category: str) -> int:
        if category not in self._column:
            raise ValueError(
                f"No outfit of the catalogue has the category {category!r}. It has "
                f"{', '.join(self.categories) or 'none'}."
            )
        return self._column[category]


def parts_of(labels: Mapping[str, Any]) -> set[str]:
    """Lists the categories that are parts of garments: sleeves, pockets, zippers, ….

    Args:
        labels: "labels" of `GarmentIndex.meta`, see `Ontology.to_dict`.

    Returns:
        Names of categories.
    """
    return {name for _, name, group in labels.get("categories", ()) if group in PARTS}


def look_of(garment: Garment) -> Look:
    """Returns the attributes of a garment, as one thing to count.

    Args:
        garment: The garment.

    Returns:
        Names of its attributes with a score of 0.5 or more.
    """
    return frozenset(name for name, score in garment.attributes.items() if score >= _LEAST)


def goes_with(
    index: GarmentIndex,
    garment_or_vector: Garment | Array | Sequence[Garment],
    category: str,
    k: int = 10,
    exclude_images: Collection[str] = (),
    outfits: Outfits | None = None,
    *,
    of_category: str | None = None,
) -> list[Recommendation]:
    """Finds garments of a category that go with a garment.

    The 50 garments that are most similar to the one asked for, of its own category, are looked up
    with what they are worn with. These companions are grouped by their attributes; a set of
    attributes that many very similar garments are worn with comes first. The first garments have
    different attributes; of each set the one that is worn with the most similar garment is first.

    Args:
        index: The catalogue.
        garment_or_vector: A garment of the index; its image is left out. Or `(D,)` float32 of
            length 1, whose category is not known. Or several garments, an outfit to add to.
        category: Category of the garments to find, or its part before the first comma.
        k: Largest number of them.
        exclude_images: Images that are left out.
        outfits: Counts of the catalogue: a rare set of attributes then does not come first just
            because two similar garments are worn with it. None saves reading all garments.
        of_category: Category of the vector; None searches all.

    Returns:
        At most k, the best first, one an image. None where nothing similar is worn with the
        category.

    Raises:
        ValueError: The index has no such category.
    """
    category = index.category_named(category)
    excluded = set(exclude_images)
    queries: list[tuple[Array, str | None]] = []
    if isinstance(garment_or_vector, np.ndarray):
        queries.append((garment_or_vector, of_category))
    else:
        listed = garment_or_vector
        for garment in [listed] if isinstance(listed, Garment) else listed:
            queries.append((index.vector(garment.id), garment.category))
            excluded.add(garment.image)
    pairs: list[_Pair] = []
    for vector, own in queries:
        pairs += _companions(index, vector, own, category, excluded)
    popular = outfits.looks.get(category, Counter()) if outfits else Counter()
    return _ranked(pairs, popular, _POPULAR * len(queries))[:k]


@dataclass(frozen=True)
class _Pair:
    """A garment of the wanted category, and the similar one it is worn with."""

    found: Garment
    beside: Garment
    similarity: float
    weight: float


def _companions(
    index: GarmentIndex, vector: Array, own: str | None, category: str, excluded: set[str]
) -> list[_Pair]:
    """Similar garments that are worn with the category, with their companions."""
    pairs: list[_Pair] = []
    best = 0.0
    seen: set[str] = set()
    # Twice as many: about every second garment is worn without a given category.
    (matches,) = index.search(
        np.asarray(vector, np.float32)[None],
        2 * _NEIGHBORS,
        category=own,
        exclude_images=excluded,
    )
    for match in matches:
        image = match.garment.image
        if image in seen or len(seen) >= _NEIGHBORS or match.garment.category == category:
            continue
        beside = [each for each in index.of_image(image) if each.category == category]
        if not beside:
            continue
        best = best if seen else match.similarity
        seen.add(image)
        companion = max(beside, key=lambda each: each.score)
        weight = float(np.exp((match.similarity - best) / _TEMPERATURE))
        pairs.append(_Pair(companion, match.garment, match.similarity, weight))
    return pairs


def _ranked(
    pairs: Sequence[_Pair], popular: Counter[Look], popular_weight: float
) -> list[Recommendation]:
    """Companions: one of each look by the share of the look, then a second one of each, …."""
    shares: dict[Look, float] = {}
    total = sum(pair.weight for pair in pairs)
    everywhere = popular.total()
    if everywhere:
        total += popular_weight
    of_look: dict[Look, dict[int, _Pair]] = {}
    for pair in sorted(pairs, key=lambda each: -each.similarity):
        look = look_of(pair.found)
        if look not in shares:
            shares[look] = (
                popular_weight * popular[look] / everywhere / total if everywhere else 0.0
            )
        shares[look] += pair.weight / total
        # Of several garments asked for, the most similar one stands beside it.
        of_look.setdefault(look, {}).setdefault(pair.found.id, pair)
    ordered = []
    for look, found in of_look.items():
        for turn, pair in enumerate(found.values()):
            ordered.append((turn, -shares[look], pair))
    ordered.sort(key=lambda each: each[:2])
    return [
        Recommendation(pair.found, -share, pair.beside, pair.similarity)
        for _, share, pair in ordered
    ]
