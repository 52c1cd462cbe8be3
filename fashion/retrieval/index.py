"""GarmentIndex: garments with their vectors, in a folder or in a Qdrant server."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from fashion.pages.text import short_name
from fashion.retrieval.garment import Garment, Match
from fashion.retrieval.schema import check_is_index
from mrcnn.setting_checks import name_meant
from mrcnn.typing import Array, PathLike

__all__ = ["Garment", "GarmentIndex", "Match", "check_index", "is_address"]

_MOST_NAMES = 10  # that an error lists


class GarmentIndex(ABC):
    """Garments of many images, searched by similarity. It is read only, and safe for threads.

    `GarmentIndex.open` makes one. It is a context manager, which closes it.

    Attributes:
        meta: What the index was made of. JSON-able: "model" {"name", "digest", "weights"},
            "vector" {"dimension", "parts": [{"name", "size", "weight"}, …], "count", "mean",
            "plane"} (see `VectorSpace.to_meta`), "labels" (see `Ontology.to_dict`), "created"
            (ISO), "root" (folder that image paths start from). "vector" is None until
            `fashion catalogue` has ended once.
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
            ConnectionError: The server does not answer.
            ValueError: It is damaged.
        """
        if is_address(location):
            from fashion.retrieval.qdrant import open_collection  # reads a package that is optional

            return open_collection(str(location))
        from fashion.retrieval.folder import FolderIndex  # it needs this class

        return FolderIndex(Path(location))

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
            category: Name of the only category that is searched, or its part before the first
                comma; None for all.
            attributes: Names of attributes that garments must have, all of them.
            exclude_images: Images whose garments are left out, as `Garment.image` names them.

        Returns:
            For each vector at most k matches, the most similar first.

        Raises:
            ValueError: The vectors have another dimension, the index knows no such category or
                attribute, or its first `fashion catalogue` has not ended.
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

    @abstractmethod
    def close(self) -> None:
        """Closes the index."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def category_named(self, name: str) -> str:
        """Finds a category by its name.

        Args:
            name: As in the labels, or the part before its first comma; in any case.

        Returns:
            The name as `Garment.category` has it.

        Raises:
            ValueError: The model has no such category. Names a similar one.
        """
        return _named(name, [row[1] for row in self.meta["labels"]["categories"]], "category")

    def attribute_named(self, name: str) -> str:
        """Finds an attribute by its name.

        Args:
            name: As in the labels, or the part before its first comma or parenthesis if only one
                attribute begins so; in any case.

        Returns:
            The name as `Garment.attributes` has it.

        Raises:
            ValueError: The model has no such attribute. Names a similar one.
        """
        return _named(name, [row[1] for row in self.meta["labels"]["attributes"]], "attribute")

    def _check_vectors(self) -> None:
        if self.meta.get("vector") is None:
            raise ValueError(
                "The index has no vectors yet, because `fashion catalogue` was interrupted. Start "
                "it again with the same arguments."
            )

    def _queries(self, vectors: Array) -> Array:
        """Checks the vectors of a search."""
        self._check_vectors()
        dimension = self.meta["vector"]["dimension"]
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != dimension:
            raise ValueError(
                f"Vectors of the shape {vectors.shape} were searched, and those of this index are "
                f"(n, {dimension}). Make them with GarmentEmbedder(model, index.meta)."
            )
        return vectors


def check_index(location: PathLike) -> None:
    """Checks that a folder holds an index. Of an address nothing is asked yet.

    Args:
        location: As of `GarmentIndex.open`.

    Raises:
        FileNotFoundError: The folder holds none.
        NotADirectoryError: It is a file.
    """
    if not is_address(location):
        check_is_index(Path(location))


def is_address(location: PathLike) -> bool:
    """Tells the address of a server from a folder.

    Args:
        location: As of `GarmentIndex.open`.

    Returns:
        Whether it is an address.
    """
    return str(location).startswith(("http://", "https://"))


def _named(name: str, known: Sequence[str], kind: str) -> str:
    wanted = name.strip().casefold()
    for read in (str, short_name):
        for each in known:
            if read(each).casefold() == wanted:
                return each
    same = [each for each in known if _without_note(each) == wanted]
    if len(same) == 1:
        return same[0]
    readings = (_without_note, lambda each: short_name(each).casefold(), str.casefold)
    by_folded = {read(each): each for read in readings for each in known}
    close = same or [each for each in known if wanted and wanted in each.casefold()]
    meant = name_meant(wanted, by_folded, 0.75)  # "redd", of short names
    if meant and not same:
        close = [by_folded[meant], *(each for each in close if each != by_folded[meant])]
    listed = close or known
    names = "; ".join(listed[:_MOST_NAMES])
    rest = len(listed) - _MOST_NAMES
    more = f"; and {rest} more" if rest > 0 else ""
    hint = f"Did you mean {names}{more}?" if close else f"It has {names}{more}."
    raise ValueError(f"The model of the index has no {kind} {name!r}. {hint}")


def _without_note(name: str) -> str:
    """A name without what is in parentheses behind it: "red" of "red (dominant color)"."""
    return name.partition(" (")[0].casefold()
