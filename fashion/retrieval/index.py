"""GarmentIndex: garments with their vectors, in a folder or in a Qdrant server."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import Any

from fashion.retrieval.garment import Garment, Match
from mrcnn.typing import Array, PathLike

__all__ = ["Garment", "GarmentIndex", "Match"]


class GarmentIndex(ABC):
    """Garments of many images, searched by similarity. It is read only, and safe for threads.

    `GarmentIndex.open` makes one.

    Attributes:
        meta: What the index was made of. JSON-able: "model" {"name", "digest", "weights"},
            "vector" {"dimension", "parts": [{"name", "size", "weight"}, …], "mean"}, "labels" (see
            `Ontology.to_dict`), "created" (ISO), "root" (folder that image paths start from).
    """

    meta: dict[str, Any]

    @staticmethod
    def open(location: PathLike) -> "GarmentIndex":
        """Opens an index.

        Args:
            location: Folder that `fashion catalogue` wrote, or the address of a collection in a
                Qdrant server, "http://host:6333/collection".

        Returns:
            The index.

        Raises:
            FileNotFoundError: There is no index.
            PackageMissing: A package is not installed; the message says how to get it.
            ValueError: It is damaged.
        """
        raise NotImplementedError

    @abstractmethod
    def __len__(self) -> int:
        """Number of garments."""

    @abstractmethod
    def search(
        self,
        vectors: Array,
        k: int = 20,
        *,
        category: str | None = None,
        attributes: Collection[str] = (),
        exclude_images: Collection[str] = (),
    ) -> list[list[Match]]:
        """Finds the most similar garments.

        Args:
            vectors: `(n, D)` float32 of length 1, see `GarmentEmbedder.describe`.
            k: Number of garments for each vector.
            category: Name of the only category that is searched; None for all.
            attributes: Names of attributes that garments must have, all of them.
            exclude_images: Images whose garments are left out, as `Garment.image` names them.

        Returns:
            For each vector at most k matches, the most similar first.

        Raises:
            ValueError: The vectors have another dimension, or the index knows no such category or
                attribute.
        """

    @abstractmethod
    def garment(self, garment_id: int) -> Garment:
        """Looks up a garment.

        Args:
            garment_id: Its number.

        Returns:
            The garment.

        Raises:
            KeyError: There is no such garment.
        """

    @abstractmethod
    def vector(self, garment_id: int) -> Array:
        """Looks up the vector of a garment.

        Args:
            garment_id: Its number.

        Returns:
            `(D,)` float32 of length 1.

        Raises:
            KeyError: There is no such garment.
        """

    @abstractmethod
    def thumbnail(self, garment_id: int) -> bytes:
        """Looks up a small picture of a garment.

        Args:
            garment_id: Its number.

        Returns:
            A JPEG of the garment's box with a margin; without EXIF data.

        Raises:
            KeyError: There is no such garment.
        """

    @abstractmethod
    def garments(self) -> Iterator[Garment]:
        """Lists all garments.

        Yields:
            Each garment, by number. Not all of them are in memory at once.
        """

    @abstractmethod
    def of_image(self, image: str) -> list[Garment]:
        """Lists the garments of an image.

        Args:
            image: As `Garment.image` names it.

        Returns:
            The garments, by number; none for an image that is not in the index.
        """
