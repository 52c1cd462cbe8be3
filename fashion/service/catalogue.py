"""Catalogue: questions to an index of garments, and their answers."""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from fashion.retrieval.index import GarmentIndex
from fashion.service.answers import garment_answer, match_answers
from fashion.service.photos import without_metadata
from fashion.service.refusals import Refusal
from mrcnn.typing import Array

log = logging.getLogger("fashion.service")

ANY, SAME = "any", "same"


class Catalogue:
    """An index of garments, asked by clients.

    Args:
        index: The index.
        dates: `{image: ISO date}` for trends; None takes those of the garments, from EXIF.
    """

    def __init__(self, index: GarmentIndex, dates: Mapping[str, str] | None = None) -> None:
        self.index, self.dates = index, dates
        self._trends: dict[tuple[Any, ...], dict[str, Any]] = {}

    def similar(
        self, vector: Array, k: int, category: str, attributes: Collection[str], without: str = ""
    ) -> list[dict[str, Any]]:
        """Finds garments that are similar to one.

        Args:
            vector: `(D,)` float32 of the garment.
            k: Number of garments.
            category: Name of the only category that is searched, or "any".
            attributes: Names of attributes that garments must have.
            without: Image whose garments are left out.

        Returns:
            As of `match_answers`.

        Raises:
            Refusal: The index knows no such category or attribute.
        """
        only = self._category(category)
        (matches,) = self.index.search(
            vector[None],
            k,
            category=only,
            attributes=[self._named(self.index.attribute_named, name) for name in attributes],
            exclude_images=[without] if without else (),
        )
        return match_answers(matches)

    def similar_to(
        self, garment_id: int, k: int, category: str, attributes: Collection[str], same_image: bool
    ) -> dict[str, Any]:
        """Finds garments that are similar to one of the index.

        Args:
            garment_id: Its number.
            k: Number of garments.
            category: Name of the only category that is searched, "any", or "same".
            attributes: Names of attributes that garments must have.
            same_image: Whether garments of the same image count.

        Returns:
            "garment" and "matches".

        Raises:
            Refusal: There is no such garment, category or attribute.
        """
        try:
            garment, vector = self.index.garment(garment_id), self.index.vector(garment_id)
        except KeyError:
            raise Refusal(404, f"The index has no garment {garment_id}.") from None
        category = garment.category if category == SAME else category
        without = "" if same_image else garment.image
        # Itself is always found first.
        matches = self.similar(vector, k + same_image, category, attributes, without)
        matches = [match for match in matches if match["id"] != garment_id][:k]
        return {"garment": garment_answer(garment), "matches": matches}

    def thumbnail(self, garment_id: int) -> bytes:
        """Looks up the picture of a garment.

        Args:
            garment_id: Its number.

        Returns:
            A JPEG without metadata.

        Raises:
            Refusal: There is no such garment.
        """
        try:
            return without_metadata(self.index.thumbnail(garment_id))
        except KeyError:
            raise Refusal(404, f"The index has no garment {garment_id}.") from None

    def trends(self, category: str, **options: Any) -> dict[str, Any]:
        """Describes how shares of categories and attributes change over time.

        Args:
            category: Name of the only category that counts, or "any".
            **options: "period", "seasonal" and "shoots" of `trends_of`.

        Returns:
            As of `trends_of`; computed once for the same question, since the index does not change.

        Raises:
            Refusal: The index knows no such category, or has no dates to compare.
        """
        only = self._category(category)
        asked = (only, *sorted(options.items()))
        if asked not in self._trends:
            try:
                # Not at the top: it needs SciPy, which the light install leaves out.
                from fashion.retrieval.trend_counts import NothingToCompare
                from fashion.retrieval.trends import trends_of
            except ModuleNotFoundError:
                raise Refusal(501, "This service computes no trends: SciPy is missing.") from None
            try:
                garments = self.index.garments()
                self._trends[asked] = trends_of(garments, self.dates, category=only, **options)
            except NothingToCompare as error:  # its text is about the question
                raise Refusal(422, str(error)) from error
            except ValueError as error:
                log.warning("no trends", extra={"fields": {"reason": str(error)}})
                raise Refusal(
                    422, "The photos of the index give no trends of this kind."
                ) from error
        return self._trends[asked]

    def _category(self, name: str) -> str | None:
        return None if name == ANY else self._named(self.index.category_named, name)

    @staticmethod
    def _named(look_up: Callable[[str], str], name: str) -> str:
        try:
            return look_up(name)
        except ValueError as error:  # says which names are alike
            raise Refusal(422, str(error)) from error

    def about(self) -> dict[str, Any]:
        """Describes the index for the page.

        Returns:
            JSON-able.
        """
        labels = self.index.meta["labels"]
        categories = [row[1] for row in labels["categories"]]
        return {"garments": len(self.index), "categories": categories}
