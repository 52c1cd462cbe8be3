"""QdrantIndex: an index in a collection of a Qdrant server."""

import base64
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from fashion.retrieval.garment import Garment, Match
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.qdrant_server import (
    answering,
    connect_to,
    qdrant_models,
    read_meta_point,
    scroll,
)
from mrcnn.typing import Array, override

__all__ = ["QdrantIndex", "open_collection"]

_FIELDS = ["image", "box", "category", "score", "attributes", "colors", "date"]


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
        with answering():
            meta = read_meta_point(client, collection)
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
        with answering():
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
        models = qdrant_models()
        requests = []
        for vector in vectors:
            requests.append(
                models.QueryRequest(
                    query=vector.tolist(), limit=k, filter=condition, with_payload=_FIELDS
                )
            )
        if not requests:
            return []
        with answering():
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
        return map(_garment, scroll(self.client, self.collection, with_payload=_FIELDS))

    @override
    def of_image(self, image: str) -> list[Garment]:
        models = qdrant_models()
        match = models.FieldCondition(key="image", match=models.MatchValue(value=image))
        own = models.Filter(must=[match])
        points = scroll(self.client, self.collection, own, with_payload=_FIELDS)
        return sorted(map(_garment, points), key=lambda garment: garment.id)

    def _point(self, garment_id: int, **wanted: Any) -> Any:
        with answering():
            points = self.client.retrieve(self.collection, [int(garment_id)], **wanted)
        if not points:
            raise KeyError(garment_id)
        return points[0]

    def _filter(
        self, category: str | None, attributes: Collection[str], exclude_images: Collection[str]
    ) -> Any:
        models = qdrant_models()

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
