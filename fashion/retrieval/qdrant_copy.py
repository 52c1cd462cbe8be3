"""The copy of an index in a folder into a collection of a Qdrant server."""

import base64
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fashion.retrieval.folder import FolderIndex
from fashion.retrieval.garment import Garment
from fashion.retrieval.qdrant_server import (
    POINTS,
    answering,
    meta_name,
    qdrant_models,
    read_meta_point,
    scroll,
    write_meta_point,
)

__all__ = ["publish"]

# What a search filters by.
_INDEXED = ("category", "attribute_names", "image")


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
    with answering():
        before = read_meta_point(client, collection)
        _check_same_index(before, index, collection)
        if before is None or before["vector"] != index.meta["vector"]:
            # Vectors of two kinds cannot be compared, so all are sent again.
            _make_collections(client, collection, index.meta["vector"]["dimension"])
            write_meta_point(client, collection, index.meta)
        there = {point.id for point in scroll(client, collection, with_payload=False)}
        removed = there - {garment.id for garment in index.garments()}
        if removed:
            client.delete(collection, sorted(removed), wait=True)
        new = (garment for garment in index.garments() if garment.id not in there)
        sent = 0
        for batch in _batches(new):
            client.upsert(collection, [_new_point(index, garment) for garment in batch], wait=True)
            sent += len(batch)
            on_progress(len(batch))
        write_meta_point(client, collection, index.meta)
    return sent, len(removed)


def _check_same_index(before: Any, index: FolderIndex, collection: str) -> None:
    if before is not None and before.get("created") != index.meta["created"]:
        raise ValueError(
            f"The collection {collection} belongs to another index, made at "
            f"{before.get('created')} and this one at {index.meta['created']}. Name another "
            "collection, or delete that one in Qdrant."
        )


def _make_collections(client: Any, collection: str, dimension: int) -> None:
    models = qdrant_models()
    for name in (collection, meta_name(collection)):
        if client.collection_exists(name):
            client.delete_collection(name)
    vectors = models.VectorParams(size=dimension, distance=models.Distance.DOT)
    client.create_collection(collection, vectors_config=vectors)
    client.create_collection(meta_name(collection), vectors_config={})
    with warnings.catch_warnings():
        # Without a server there are no indexes of fields, and it warns that they have no effect.
        warnings.simplefilter("ignore")
        for field in _INDEXED:
            client.create_payload_index(collection, field, models.PayloadSchemaType.KEYWORD)


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
    return qdrant_models().PointStruct(id=garment.id, vector=vector, payload=payload)


def _batches(items: Iterator[Garment]) -> Iterator[Sequence[Garment]]:
    while batch := list(itertools.islice(items, POINTS)):
        yield batch
