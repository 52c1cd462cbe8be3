"""QdrantIndex: an index in a collection of a Qdrant server, and the copy of a folder into one.

A point of the collection is a garment: its vector, its fields, its mask and its thumbnail. A second
collection, <name>-meta, has one point with `GarmentIndex.meta`.

qdrant-client is imported when a server is named, so that all else works without it.
"""

import base64
import contextlib
import itertools
import os
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from fashion.retrieval.folder import FolderIndex
from fashion.retrieval.garment import Garment, Match
from fashion.retrieval.index import GarmentIndex
from mrcnn.packages import import_package
from mrcnn.typing import Array, override

__all__ = ["QdrantIndex", "connect_to", "open_collection", "publish"]

# Where the key of a server is read from: a command line is visible to others.
KEY_VARIABLE = "QDRANT_API_KEY"
_PACKAGE = "qdrant-client>=1.12,<2"
_META_POINT = 0
_PAGE = 256  # points that are read or written at once: about 4 MB
_FIELDS = ["image", "box", "category", "score", "attributes", "colors", "date"]
_SECONDS = 60  # that a server may take for an answer
# What a search filters by.
_INDEXED = ("category", "attribute_names", "image")


class QdrantIndex(GarmentIndex):
    """An index in a Qdrant server.

    Args:
        client: A `qdrant_client.QdrantClient`.
        collection: Name of the collection.

    Raises:
        FileNotFoundError: There is no such collection.
        ConnectionError: The server does not answer.
    """

    def __init__(self, client: Any, collection: str) -> None:
        self.client, self.collection = client, collection
        with _answering():
            meta = _read_meta(client, collection)
        if meta is None:
            raise FileNotFoundError(
                f"The Qdrant server has no index {collection}. `fashion catalogue IMAGES --qdrant "
                f"http://HOST:6333/{collection}` makes one."
            )
        self.meta = meta

    @override
    def close(self) -> None:
        self.client.close()

    def __len__(self) -> int:
        with _answering():
            return self.client.count(self.collection, exact=True).count

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
        condition = self._filter(category, attributes, exclude_images)
        models = _models()
        requests = []
        for vector in vectors:
            requests.append(
                models.QueryRequest(
                    query=vector.tolist(), limit=k, filter=condition, with_payload=_FIELDS
                )
            )
        if not requests:
            return []
        with _answering():
            answers = self.client.query_batch_points(self.collection, requests)
        found = []
        for answer in answers:
            found.append([Match(_garment(point), float(point.score)) for point in answer.points])
        return found

    @override
    def garment(self, garment_id: int) -> Garment:
        return _garment(self._point(garment_id, with_payload=_FIELDS))

    @override
    def vector(self, garment_id: int) -> Array:
        point = self._point(garment_id, with_payload=False, with_vectors=True)
        return np.array(point.vector, np.float32)

    @override
    def thumbnail(self, garment_id: int) -> bytes:
        point = self._point(garment_id, with_payload=["thumbnail"])
        return base64.b64decode(point.payload["thumbnail"])

    @override
    def garments(self) -> Iterator[Garment]:
        return map(_garment, _scroll(self.client, self.collection, with_payload=_FIELDS))

    @override
    def of_image(self, image: str) -> list[Garment]:
        models = _models()
        match = models.FieldCondition(key="image", match=models.MatchValue(value=image))
        own = models.Filter(must=[match])
        points = _scroll(self.client, self.collection, own, with_payload=_FIELDS)
        return sorted(map(_garment, points), key=lambda garment: garment.id)

    def _point(self, garment_id: int, **wanted: Any) -> Any:
        with _answering():
            points = self.client.retrieve(self.collection, [int(garment_id)], **wanted)
        if not points:
            raise KeyError(garment_id)
        return points[0]

    def _filter(
        self, category: str | None, attributes: Collection[str], exclude_images: Collection[str]
    ) -> Any:
        models = _models()

        def equals(key: str, value: str) -> Any:
            return models.FieldCondition(key=key, match=models.MatchValue(value=value))

        must = [] if category is None else [equals("category", self.category_named(category))]
        must += [equals("attribute_names", self.attribute_named(name)) for name in attributes]
        must_not = [equals("image", image) for image in exclude_images]
        return models.Filter(must=must, must_not=must_not) if must or must_not else None


def open_collection(address: str) -> QdrantIndex:
    """Opens the index of a server.

    Args:
        address: "http://host:6333/collection".

    Returns:
        The index.

    Raises:
        FileNotFoundError: There is no such collection.
        PackageMissing: qdrant-client is not installed.
        ConnectionError: The server does not answer.
        ValueError: The address names no collection.
    """
    client, collection = connect_to(address)
    try:
        return QdrantIndex(client, collection)
    except BaseException:
        client.close()
        raise


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


def publish(
    index: FolderIndex,
    client: Any,
    collection: str,
    on_progress: Callable[[int], Any] = lambda count: None,
) -> tuple[int, int]:
    """Makes a collection equal to an index in a folder.

    Garments never change, so only new ones are sent and removed ones deleted, unless the vectors of
    all have changed. Interrupted, it is continued by another call.

    Args:
        index: The index, with vectors.
        client: A `QdrantClient`.
        collection: Name of the collection; made if there is none.
        on_progress: Called with the number of garments that were sent.

    Returns:
        sent: Number of garments that were sent.
        deleted: Number of garments that were deleted.

    Raises:
        ConnectionError: The server does not answer.
        ValueError: The collection belongs to another index.
    """
    with _answering():
        before = _read_meta(client, collection)
        _check_same_index(before, index, collection)
        if before is None or before["vector"] != index.meta["vector"]:
            # Vectors of two kinds cannot be compared, so all are sent again.
            _make_collections(client, collection, index.meta["vector"]["dimension"])
            _write_meta(client, collection, index.meta)
        there = {point.id for point in _scroll(client, collection, with_payload=False)}
        removed = there - {garment.id for garment in index.garments()}
        if removed:
            client.delete(collection, sorted(removed), wait=True)
        new = (garment for garment in index.garments() if garment.id not in there)
        sent = 0
        for batch in _batches(new):
            client.upsert(collection, [_new_point(index, garment) for garment in batch], wait=True)
            sent += len(batch)
            on_progress(len(batch))
        _write_meta(client, collection, index.meta)
    return sent, len(removed)


def _check_same_index(before: Any, index: FolderIndex, collection: str) -> None:
    if before is not None and before.get("created") != index.meta["created"]:
        raise ValueError(
            f"The collection {collection} belongs to another index, made at "
            f"{before.get('created')} and this one at {index.meta['created']}. Name another "
            "collection, or delete that one in Qdrant."
        )


def _make_collections(client: Any, collection: str, dimension: int) -> None:
    models = _models()
    for name in (collection, _meta_name(collection)):
        if client.collection_exists(name):
            client.delete_collection(name)
    vectors = models.VectorParams(size=dimension, distance=models.Distance.DOT)
    client.create_collection(collection, vectors_config=vectors)
    client.create_collection(_meta_name(collection), vectors_config={})
    with warnings.catch_warnings():
        # Without a server there are no indexes of fields, and it warns that they have no effect.
        warnings.simplefilter("ignore")
        for field in _INDEXED:
            client.create_payload_index(collection, field, models.PayloadSchemaType.KEYWORD)


def _read_meta(client: Any, collection: str) -> dict[str, Any] | None:
    name = _meta_name(collection)
    if not client.collection_exists(name) or not client.collection_exists(collection):
        return None
    points = client.retrieve(name, [_META_POINT])
    return points[0].payload["meta"] if points else None


def _write_meta(client: Any, collection: str, meta: dict[str, Any]) -> None:
    point = _models().PointStruct(id=_META_POINT, vector={}, payload={"meta": meta})
    client.upsert(_meta_name(collection), [point], wait=True)


def _meta_name(collection: str) -> str:
    return f"{collection}-meta"


def _new_point(index: FolderIndex, garment: Garment) -> Any:
    payload = {
        "image": garment.image,
        "box": list(garment.box),
        "category": garment.category,
        "score": garment.score,
        "attributes": garment.attributes,
        "attribute_names": list(garment.attributes),
        "colors": garment.colors,
        "date": garment.date,
        "mask": index.mask(garment.id),
        "thumbnail": base64.b64encode(index.thumbnail(garment.id)).decode("ascii"),
    }
    vector = index.vector(garment.id).tolist()
    return _models().PointStruct(id=garment.id, vector=vector, payload=payload)


def _garment(point: Any) -> Garment:
    fields = point.payload
    y1, x1, y2, x2 = fields["box"]
    return Garment(
        int(point.id),
        fields["image"],
        (y1, x1, y2, x2),
        fields["category"],
        fields["score"],
        dict(fields["attributes"]),
        list(fields["colors"]),
        fields["date"],
    )


def _scroll(client: Any, collection: str, condition: Any = None, **wanted: Any) -> Iterator[Any]:
    """All points of a collection, by id."""
    offset = None
    while True:
        with _answering():
            points, offset = client.scroll(
                collection, scroll_filter=condition, limit=_PAGE, offset=offset, **wanted
            )
        yield from points
        if offset is None:
            return


def _batches(items: Iterator[Garment]) -> Iterator[Sequence[Garment]]:
    while batch := list(itertools.islice(items, _PAGE)):
        yield batch


@contextlib.contextmanager
def _answering() -> Iterator[None]:
    """Turns errors of the client into ones with advice."""
    exceptions = import_package("qdrant_client.http.exceptions", "Qdrant", _PACKAGE)
    try:
        yield
    except exceptions.ResponseHandlingException as error:
        raise ConnectionError(
            f"The Qdrant server does not answer: {error}. Start it (docs/catalogue.md has a "
            "compose file), and check the address."
        ) from error
    except exceptions.UnexpectedResponse as error:
        raise ConnectionError(
            f"The Qdrant server answered {error.status_code} {error.reason_phrase}. It takes its "
            f"key from the environment variable {KEY_VARIABLE}."
        ) from error


def _models() -> Any:
    return import_package("qdrant_client.models", "An index in a Qdrant server", _PACKAGE)
