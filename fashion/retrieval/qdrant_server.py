"""A Qdrant server: its address, its errors, and the two collections of an index.

A point of the collection is a garment: its vector, its fields, its mask and its thumbnail. A second
collection, <name>-meta, has one point with `GarmentIndex.meta`.

qdrant-client is imported when a server is named, so that all else works without it.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from mrcnn.packages import import_package

__all__ = [
    "answering",
    "connect_to",
    "meta_name",
    "qdrant_models",
    "read_meta_point",
    "scroll",
    "split_address",
    "write_meta_point",
]

# Where the key of a server is read from: a command line is visible to others.
KEY_VARIABLE = "QDRANT_API_KEY"
_PACKAGE = "qdrant-client>=1.12,<2"
_META_POINT = 0
POINTS = 256  # that are read or written at once: about 4 MB
_SECONDS = 60  # that a server may take for an answer


def connect_to(address: str) -> tuple[Any, str]:
    """Connects to a server. The environment variable QDRANT_API_KEY holds its key, if it has one.

    Args:
        address: "http://host:6333/collection".

    Returns:
        client: A `QdrantClient`. Nothing is asked of the server yet.
        collection: Name of the collection.

    Raises:
        PackageMissing: qdrant-client is not installed.
        ValueError: The address names no collection.
    """
    server, collection = split_address(address)
    qdrant = import_package("qdrant_client", "An index in a Qdrant server", _PACKAGE)
    key = os.environ.get(KEY_VARIABLE) or None
    client = qdrant.QdrantClient(
        url=server, api_key=key, timeout=_SECONDS, check_compatibility=False
    )
    return client, collection


def split_address(address: str) -> tuple[str, str]:
    """Takes the address of a collection apart.

    Args:
        address: "http://host:6333/collection".

    Returns:
        server: Its part before the collection. The port is 6333 unless it is given.
        collection: Name of the collection.

    Raises:
        ValueError: It names no collection.
    """
    parts = urlsplit(address)
    *path, collection = parts.path.rstrip("/").split("/")
    if not parts.hostname or not collection:
        raise ValueError(
            f"{address} names no collection of a Qdrant server. Expected an address such as "
            "http://localhost:6333/garments."
        )
    default = "" if parts.port or parts.scheme == "https" else ":6333"
    return f"{parts.scheme}://{parts.netloc}{default}{'/'.join(path)}", collection


def read_meta_point(client: Any, collection: str) -> dict[str, Any] | None:
    """Reads what an index was made of.

    Args:
        client: A `QdrantClient`.
        collection: Name of the collection.

    Returns:
        See `GarmentIndex.meta`; None if there is no such index.
    """
    name = meta_name(collection)
    if not client.collection_exists(name) or not client.collection_exists(collection):
        return None
    points = client.retrieve(name, [_META_POINT])
    return points[0].payload["meta"] if points else None


def write_meta_point(client: Any, collection: str, meta: dict[str, Any]) -> None:
    """Writes what an index is made of.

    Args:
        client: A `QdrantClient`.
        collection: Name of the collection.
        meta: See `GarmentIndex.meta`.
    """
    point = qdrant_models().PointStruct(id=_META_POINT, vector={}, payload={"meta": meta})
    client.upsert(meta_name(collection), [point], wait=True)


def meta_name(collection: str) -> str:
    """Names the collection with the meta data of an index.

    Args:
        collection: Name of the collection with its garments.

    Returns:
        The name.
    """
    return f"{collection}-meta"


def scroll(client: Any, collection: str, condition: Any = None, **wanted: Any) -> Iterator[Any]:
    """Reads all points of a collection, some at a time.

    Args:
        client: A `QdrantClient`.
        collection: Name of the collection.
        condition: A filter; None for all points.
        **wanted: As of `QdrantClient.scroll`: with_payload, with_vectors.

    Yields:
        The points, by id.
    """
    offset = None
    while True:
        with answering():
            points, offset = client.scroll(
                collection, scroll_filter=condition, limit=POINTS, offset=offset, **wanted
            )
        yield from points
        if offset is None:
            return


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """Turns errors of the client into ones with advice.

    Yields:
        Nothing.

    Raises:
        ConnectionError: The server does not answer, or refuses.
    """
    exceptions = import_package("qdrant_client.http.exceptions", "Qdrant", _PACKAGE)
    try:
        yield
    except exceptions.ResponseHandlingException as error:
        reason = re.sub(r"^\[Errno -?\d+\] ", "", str(error)).rstrip(".")
        raise ConnectionError(
            f"The Qdrant server does not answer: {reason}. Start it (docs/catalogue.md has a "
            "compose file), and check the address."
        ) from error
    except exceptions.UnexpectedResponse as error:
        raise ConnectionError(
            f"The Qdrant server answered {error.status_code} {error.reason_phrase}. It takes its "
            f"key from the environment variable {KEY_VARIABLE}."
        ) from error


def qdrant_models() -> Any:
    """Imports the types of requests.

    Returns:
        The module `qdrant_client.models`.

    Raises:
        PackageMissing: qdrant-client is not installed.
    """
    return import_package("qdrant_client.models", "An index in a Qdrant server", _PACKAGE)
