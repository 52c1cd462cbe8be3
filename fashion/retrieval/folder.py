"""FolderIndex: an index in a folder, a SQLite database and a file of vectors."""

import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.retrieval.garment import Garment, Match
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.nearest import Nearest
from fashion.retrieval.schema import (
    DATABASE,
    connect,
    read_garments,
    read_in_pages,
    read_meta,
    unreadable,
)
from mrcnn.typing import Array, override

__all__ = ["FolderIndex"]

# Question marks of one query; SQLite allows 999 at least.
_MOST_VALUES = 900


class FolderIndex(GarmentIndex):
    """An index in a folder.

    `fashion catalogue` may add images to it meanwhile. Searches find them once the index is opened
    again; garments that were removed are no longer found.

    Args:
        folder: Folder that `fashion catalogue` wrote.

    Raises:
        FileNotFoundError: There is no index.
        ValueError: It is damaged, or no `fashion catalogue` has begun to fill it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._connection = connect(folder)
        self._nearest: Nearest | None = None
        self.meta = self._read(lambda: read_meta(self._connection))
        if "labels" not in self.meta:
            self.close()
            raise ValueError(
                f"{folder} holds no index yet. Start `fashion catalogue` again with --out {folder}."
            )
        self.meta.setdefault("vector", None)

    @override
    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def __len__(self) -> int:
        return self._rows("SELECT count(*) FROM garments")[0][0]

    @override
    def search(
        self,
        vectors: Array,
        k: int = 20,
        *,
        category: str | None = None,
        attributes: Collection[str] = (),
        exclude_images: Collection[str] = (),
    ) -> list[list[Match]]:
        vectors = self._queries(vectors)
        allowed = self._allowed(category, attributes)
        excluded = [garment.id for image in exclude_images for garment in self.of_image(image)]
        ids, similarities = self._vectors().search(vectors, k, allowed=allowed, excluded=excluded)
        garments = self._garments(np.unique(ids[ids >= 0]).tolist())
        found = []
        for own_ids, own_similarities in zip(ids.tolist(), similarities.tolist(), strict=True):
            matches = []
            for garment_id, similarity in zip(own_ids, own_similarities, strict=True):
                if garment_id in garments:  # otherwise removed since the vectors were written
                    matches.append(Match(garments[garment_id], similarity))
            found.append(matches)
        return found

    @override
    def garment(self, garment_id: int) -> Garment:
        garments = self._garments([garment_id])
        if garment_id not in garments:
            raise KeyError(garment_id)
        return garments[garment_id]

    @override
    def vector(self, garment_id: int) -> Array:
        self._check_vectors()
        return self._vectors().vector(garment_id)

    @override
    def thumbnail(self, garment_id: int) -> bytes:
        return self._data(garment_id, "thumbnail")

    def mask(self, garment_id: int) -> str:
        """Looks up the mask of a garment.

        Args:
            garment_id: Its number.

        Returns:
            "counts" of COCO's compressed run lengths, of the upright original image.

        Raises:
            KeyError: There is no such garment.
        """
        return self._data(garment_id, "mask")

    @override
    def garments(self) -> Iterator[Garment]:
        pages = read_in_pages(self._connection)
        while page := self._read(lambda: next(pages, None)):
            yield from page

    @override
    def of_image(self, image: str) -> list[Garment]:
        return self._read(lambda: read_garments(self._connection, "images.path = ?", [image]))

    def images(self) -> dict[str, tuple[int, int]]:
        """Lists the images that could be read, with and without garments.

        Returns:
            Height and width of each, pixels, by its path.
        """
        rows = self._rows("SELECT path, height, width FROM images WHERE problem IS NULL")
        return {path: (height, width) for path, height, width in rows}

    def _data(self, garment_id: int, column: str) -> Any:
        query = f"SELECT {column} FROM garment_data WHERE garment_id = ?"
        rows = self._rows(query, [garment_id])
        if not rows:
            raise KeyError(garment_id)
        return rows[0][0]

    def _allowed(self, category: str | None, attributes: Collection[str]) -> Array | None:
        """Numbers of the garments of a category with attributes, None for all."""
        if category is None and not attributes:
            return None
        tables, conditions, values = "garments", ["1"], []
        if category is not None:
            conditions.append("category = ?")
            values.append(self.category_named(category))
        for number, name in enumerate(sorted(set(map(self.attribute_named, attributes)))):
            table = f"garment_attributes AS a{number}"
            tables += f" JOIN {table} ON a{number}.garment_id = garments.id"
            conditions.append(f"a{number}.attribute = ?")
            values.append(name)
        query = f"SELECT garments.id FROM {tables} WHERE {' AND '.join(conditions)}"
        return np.array(self._rows(query, values), np.int64).reshape(-1)

    def _garments(self, ids: Sequence[int]) -> dict[int, Garment]:
        """Garments by number; those that are in the database no more are missing."""
        found = {}
        for start in range(0, len(ids), _MOST_VALUES):
            some = ids[start : start + _MOST_VALUES]
            marks = ",".join("?" * len(some))
            condition = f"garments.id IN ({marks})"
            for garment in self._read(lambda c=condition, v=some: self._garments_where(c, v)):
                found[garment.id] = garment
        return found

    def _garments_where(self, condition: str, values: Sequence[Any]) -> list[Garment]:
        return read_garments(self._connection, condition, values)

    def _vectors(self) -> Nearest:
        with self._lock:
            if self._nearest is None:
                self._nearest = Nearest(self._vector_file())
        return self._nearest

    def _vector_file(self) -> Path:
        path = self.folder / self.meta["file"]
        if not path.is_file():
            # `fashion catalogue` has replaced it since the meta data were read.
            self.meta = self._read(lambda: read_meta(self._connection))
            path = self.folder / self.meta["file"]
        if not path.is_file():
            raise ValueError(
                f"There is no {path}. Start `fashion catalogue` again with the same arguments: it "
                "writes the file from the database."
            )
        return path

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._read(lambda: self._connection.execute(query, values).fetchall())

    def _read(self, read: Any) -> Any:
        """Reads while no other thread does."""
        with self._lock:
            try:
                return read()
            except sqlite3.Error as error:
                raise unreadable(self.folder / DATABASE, error) from error
