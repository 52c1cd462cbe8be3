"""GarmentStore: writes an index, one image in one transaction.

SQLite's database is the index. The file of vectors is written from it when all images are done, so
a command that is killed loses the image that it was working on.
"""

import dataclasses
import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion.retrieval.colors import HISTOGRAM_SIZE
from fashion.retrieval.found import FoundGarment
from fashion.retrieval.nearest import write_vectors
from fashion.retrieval.photos import FileState, Photo, digest_of_image, image_name
from fashion.retrieval.schema import (
    DATABASE,
    VECTORS,
    Transaction,
    connect,
    read_meta,
    unreadable,
    write_meta,
)
from fashion.retrieval.vectors import MOST_FITTED, GarmentParts, VectorSpace, fit_space
from mrcnn.typing import Array

__all__ = ["GarmentStore", "Plan"]

# The space of vectors is measured again when an index has grown by this factor. Otherwise it stays,
# so that vectors of garments stay as well.
_GROWTH = 2
_PAGE = 2000  # garments that are read at once
_PARTS = "SELECT garment_id, features, attribute_scores, color_histogram FROM garment_data"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        files: All images that were asked for, each once.
        todo: Those that are new or have changed.
        removed: Paths, as the index has them, of images whose files are gone.
    """

    files: list[Path]
    todo: list[Path]
    removed: list[str]

    @property
    def unchanged(self) -> int:
        """Number of images that are in the index as they are."""
        return len(self.files) - len(self.todo)


class GarmentStore:
    """An index that is written to. One process at a time may do so, see `mrcnn.locks`.

    Args:
        folder: Of the index; made if there is none. A new index needs `begin`.

    Attributes:
        meta: What the index was made of, see `GarmentIndex.meta`; {} for a new one.

    Raises:
        OSError: It cannot be written.
        ValueError: It is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = connect(folder, create=True)
        self.meta = read_meta(self._connection)

    def begin(self, about: Mapping[str, Any]) -> None:
        """Says what a new index is made of.

        Args:
            about: `GarmentIndex.meta` without "vector", and more entries; JSON-able.
        """
        with self._transaction():
            write_meta(self._connection, **about, changes=0)
        self.meta = read_meta(self._connection)

    def close(self) -> None:
        """Closes the database."""
        self._connection.close()

    def plan(self, files: Sequence[Path]) -> Plan:
        """Compares files with the index: by size and time of change, where these differ by content.

        Args:
            files: Images.

        Returns:
            What is to do. Images whose content is the same count as unchanged from now on.

        Raises:
            OSError: The root of the index is not there.
        """
        known = {}
        for path, size, mtime_ns, digest in self._rows(
            "SELECT path, size, mtime_ns, digest FROM images"
        ):
            known[path] = (FileState(size, mtime_ns), digest)
        by_name: dict[str, Path] = {}
        for file in files:
            by_name.setdefault(self.name_of(file), file)
        todo, touched = [], []
        for name, file in by_name.items():
            if name not in known:
                todo.append(file)
                continue
            before, digest = known[name]
            state = FileState.of(file)
            if state == before:
                continue
            if digest and digest_of_image(file) == digest:
                touched.append((state.size, state.mtime_ns, name))
            else:
                todo.append(file)
        removed = [
            name for name in known if name not in by_name and not self.file_of(name).exists()
        ]
        if removed and not Path(self.meta["root"]).is_dir():
            raise OSError(
                f"The folder of the images, {self.meta['root']}, is not there, so all images would "
                "be removed from the index. Attach its disk, or make the index again with "
                "--restart."
            )
        with self._transaction():
            query = "UPDATE images SET size = ?, mtime_ns = ? WHERE path = ?"
            self._connection.executemany(query, touched)
        return Plan(list(by_name.values()), todo, removed)

    def name_of(self, file: Path) -> str:
        """Names an image as the index does.

        Args:
            file: The image.

        Returns:
            Its path below the root of the index, with slashes; `..` leads out of it.
        """
        return image_name(file, self.meta["root"])

    def file_of(self, name: str) -> Path:
        """Finds the file of an image.

        Args:
            name: As `name_of` gives it.

        Returns:
            The file.
        """
        return Path(self.meta["root"]) / name

    def replace_image(
        self, photo: Photo, garments: Sequence[FoundGarment], parts: GarmentParts | None
    ) -> None:
        """Writes the garments of an image, instead of those that the index has of it.

        Args:
            photo: The image.
            garments: Its n garments; none for an image that could not be read.
            parts: Of the n garments; None without garments.
        """
        name = self.name_of(photo.path)
        height, width = (None, None) if photo.image is None else photo.image.shape[:2]
        row = (
            name,
            photo.state.size,
            photo.state.mtime_ns,
            photo.digest,
            height,
            width,
            photo.date,
            photo.problem,
        )
        with self._transaction():
            self._connection.execute("DELETE FROM images WHERE path = ?", (name,))
            image_id = self._insert(
                "images (path, size, mtime_ns, digest, height, width, date, problem)", row
            )
            for i, garment in enumerate(garments):
                assert parts is not None
                self._add(image_id, garment, parts, i)
            self._count_change()

    def remove_images(self, names: Collection[str]) -> None:
        """Removes images and their garments.

        Args:
            names: As `name_of` gives them.
        """
        if not names:
            return
        with self._transaction():
            rows = [(name,) for name in names]
            self._connection.executemany("DELETE FROM images WHERE path = ?", rows)
            self._count_change()

    def finish(self) -> bool:
        """Writes the file of vectors, if anything has changed since it was written.

        Returns:
            Whether it was written.
        """
        meta = read_meta(self._connection)
        name = VECTORS.format(meta["changes"])
        path = self.folder / name
        if meta.get("file") == name and path.is_file():
            return False
        count = self._rows("SELECT count(*) FROM garments")[0][0]
        space = self._space(meta.get("vector"), count)
        about = space.to_meta(len(meta["labels"]["attributes"]), HISTOGRAM_SIZE)
        ids = np.zeros(count, np.int64)
        # One array for all: a list of parts would need twice the memory.
        vectors = np.zeros((count, about["dimension"]), np.float32)
        for start, some_ids, parts in self._parts():
            ids[start : start + len(some_ids)] = some_ids
            vectors[start : start + len(some_ids)] = space.combine(parts)
        write_vectors(path, ids, vectors)
        with self._transaction():
            write_meta(self._connection, vector=about, file=name)
        for other in self.folder.glob(VECTORS.format("*")):
            if other != path:
                other.unlink(missing_ok=True)
        self.meta = read_meta(self._connection)
        return True

    def counts(self) -> tuple[int, int]:
        """Counts what is in the index.

        Returns:
            garments: Number of garments.
            images: Number of images that could be read.
        """
        garments = self._rows("SELECT count(*) FROM garments")[0][0]
        images = self._rows("SELECT count(*) FROM images WHERE problem IS NULL")[0][0]
        return garments, images

    def problems(self, files: Sequence[Path]) -> list[str]:
        """Lists why images could not be used.

        Args:
            files: Images.

        Returns:
            A message for each of these images that could not be used.
        """
        rows = dict(self._rows("SELECT path, problem FROM images WHERE problem IS NOT NULL"))
        return [rows[name] for name in map(self.name_of, files) if name in rows]

    def _space(self, before: Any, count: int) -> VectorSpace:
        """The space of the vectors: that of the index, unless it has grown a lot."""
        if before is not None:
            space = VectorSpace.from_meta(before)
            if count < _GROWTH * space.count:
                return space
        step = -(-count // MOST_FITTED)
        some = [np.zeros((0, self._features()), np.float32)]
        for start, _, parts in self._parts():
            some.append(parts.features[-start % step :: step])
        return fit_space(np.concatenate(some), count)

    def _features(self) -> int:
        """Number of box features of a garment."""
        rows = self._rows("SELECT length(features) FROM garment_data LIMIT 1")
        return rows[0][0] // 4 if rows else 0

    def _parts(self) -> Iterator[tuple[int, Array, GarmentParts]]:
        """(number of garments before, their ids, their parts), some at a time, by id."""
        last, start = -1, 0
        while True:
            query = f"{_PARTS} WHERE garment_id > ? ORDER BY garment_id LIMIT {_PAGE}"
            rows = self._rows(query, (last,))
            if not rows:
                return
            ids, *columns = zip(*rows, strict=True)
            arrays = []
            for column in columns:
                joined = np.frombuffer(b"".join(column), "<f4").astype(np.float32)
                arrays.append(joined.reshape(len(rows), -1))
            yield start, np.array(ids, np.int64), GarmentParts(*arrays)
            last, start = ids[-1], start + len(rows)

    def _add(self, image_id: int, garment: FoundGarment, parts: GarmentParts, i: int) -> None:
        row = (
            image_id,
            *garment.box,
            garment.category,
            garment.score,
            json.dumps(dict(garment.attributes)),
            json.dumps(list(garment.colors)),
        )
        garment_id = self._insert(
            "garments (image_id, y1, x1, y2, x2, category, score, attributes, colors)", row
        )
        named = [(name, garment_id) for name in garment.attributes]
        self._connection.executemany("INSERT INTO garment_attributes VALUES (?, ?)", named)
        vectors = (parts.features[i], parts.attributes[i], parts.colors[i])
        blobs = [np.asarray(vector, "<f4").tobytes() for vector in vectors]
        self._insert("garment_data", (garment_id, garment.mask, garment.thumbnail, *blobs))

    def _insert(self, table: str, row: Sequence[Any]) -> int:
        marks = ", ".join("?" * len(row))
        cursor = self._connection.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def _count_change(self) -> None:
        self._connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'changes'")

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise unreadable(self.folder / DATABASE, error) from error

    def _transaction(self) -> Transaction:
        return Transaction(self._connection, self.folder / DATABASE)
