"""Tables of garments.sqlite, and how its rows become garments."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fashion.retrieval.garment import Garment

# The number in the name of the vectors counts the changes of the database.
DATABASE, VECTORS = "garments.sqlite", "garments-{}.faiss"
# Format of the folder. A reader refuses a later one.
FORMAT_VERSION = 1

# Numbers of garments are never given twice: a search may still hold one that was removed.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    height INTEGER,
    width INTEGER,
    date TEXT,
    problem TEXT
);

CREATE TABLE garments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    y1 REAL NOT NULL, x1 REAL NOT NULL, y2 REAL NOT NULL, x2 REAL NOT NULL,
    category TEXT NOT NULL,
    score REAL NOT NULL,
    attributes TEXT NOT NULL,
    colors TEXT NOT NULL
);
CREATE INDEX garments_of_image ON garments (image_id);
CREATE INDEX garments_of_category ON garments (category);

CREATE TABLE garment_attributes (
    attribute TEXT NOT NULL,
    garment_id INTEGER NOT NULL REFERENCES garments (id) ON DELETE CASCADE,
    PRIMARY KEY (attribute, garment_id)
) WITHOUT ROWID;
CREATE INDEX attributes_of_garment ON garment_attributes (garment_id);

CREATE TABLE garment_data (
    garment_id INTEGER PRIMARY KEY REFERENCES garments (id) ON DELETE CASCADE,
    mask TEXT NOT NULL,
    thumbnail BLOB NOT NULL,
    features BLOB NOT NULL,
    attribute_scores BLOB NOT NULL,
    color_histogram BLOB NOT NULL
);
"""

_GARMENT = """
SELECT garments.id, images.path, y1, x1, y2, x2, category, score, attributes, colors, images.date
FROM garments JOIN images ON images.id = garments.image_id
"""
# Rows that are read at once: a reader holds up the command that writes only for as long.
_PAGE = 1000


def connect(folder: Path, *, create: bool = False) -> sqlite3.Connection:
    """Opens the database of an index.

    Args:
        folder: Of the index.
        create: Whether to make it if there is none.

    Returns:
        The connection, which threads may share one after the other.

    Raises:
        FileNotFoundError: There is none.
        ValueError: The file is not a database of an index.
    """
    if not create:
        check_is_index(folder)
    path = folder / DATABASE
    # Writers wait for readers, and readers for writers, for up to half a minute.
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        is_empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if is_empty and create:
            connection.executescript(
                f"BEGIN; {TABLES} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
            )
        elif is_empty or not 1 <= version <= FORMAT_VERSION:
            raise ValueError(
                f"{path} has the format version {version}, and this program knows {FORMAT_VERSION}."
                " Install a newer version of it, or make the index again with --restart."
            )
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unreadable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def check_is_index(folder: Path) -> None:
    """Checks that a folder holds an index.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: It holds none.
        NotADirectoryError: It is a file.
    """
    if folder.is_file():
        raise NotADirectoryError(
            f"{folder} is a file. An index is a folder that `fashion catalogue IMAGES --out DIR` "
            "makes."
        )
    if not (folder / DATABASE).is_file():
        raise FileNotFoundError(
            f"There is no index in {folder}. `fashion catalogue IMAGES --out {folder}` makes one."
        )


def unreadable(path: Path, error: sqlite3.Error) -> Exception:
    """Makes the error of a database that cannot be used.

    Args:
        path: Of the database.
        error: SQLite's.

    Returns:
        An OSError if other programs or the disk are to blame, else a ValueError.
    """
    if isinstance(error, sqlite3.OperationalError):
        return OSError(
            f"{path} cannot be used: {error}. Another program may be using it, or the disk may be "
            "full or read-only."
        )
    return ValueError(
        f"{path} is damaged, or no database. Make the index again with `fashion catalogue … "
        "--restart`."
    )


class Transaction:
    """Writes all of a block or nothing of it.

    Args:
        connection: To the database.
        path: Of the database, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection, self.path = connection, path

    def __enter__(self) -> None:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise unreadable(self.path, error) from error

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self.connection.execute("COMMIT" if error is None else "ROLLBACK")
        except sqlite3.Error as failure:
            raise unreadable(self.path, failure) from failure
        if isinstance(error, sqlite3.Error):
            raise unreadable(self.path, error) from error


def read_meta(connection: sqlite3.Connection) -> dict[str, Any]:
    """Reads what an index was made of.

    Args:
        connection: To its database.

    Returns:
        See `GarmentIndex.meta`, with more entries of the writer.
    """
    rows = connection.execute("SELECT key, value FROM meta").fetchall()
    return {key: json.loads(value) for key, value in rows}


def write_meta(connection: sqlite3.Connection, **entries: Any) -> None:
    """Replaces entries of the meta data.

    Args:
        connection: To the database.
        **entries: JSON-able.
    """
    rows = [(key, json.dumps(value)) for key, value in entries.items()]
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)


def read_garments(
    connection: sqlite3.Connection, condition: str = "1", values: Sequence[Any] = ()
) -> list[Garment]:
    """Reads garments.

    Args:
        connection: To the database.
        condition: Of SQL.
        values: Of its question marks.

    Returns:
        The garments, by number.
    """
    query = f"{_GARMENT} WHERE {condition} ORDER BY garments.id"
    return [garment_of(row) for row in connection.execute(query, values)]


def read_in_pages(connection: sqlite3.Connection) -> Iterator[list[Garment]]:
    """Reads all garments, some at a time.

    Args:
        connection: To the database.

    Yields:
        Lists of garments, by number.
    """
    last = -1
    while True:
        page = f"garments.id > ? ORDER BY garments.id LIMIT {_PAGE}"
        rows = connection.execute(f"{_GARMENT} WHERE {page}", (last,)).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield [garment_of(row) for row in rows]


def garment_of(row: Sequence[Any]) -> Garment:
    """Makes a garment of a row.

    Args:
        row: Of the tables garments and images.

    Returns:
        The garment.
    """
    garment_id, image, y1, x1, y2, x2, category, score, attributes, colors, date = row
    box = (y1, x1, y2, x2)
    return Garment(
        garment_id, image, box, category, score, json.loads(attributes), json.loads(colors), date
    )
