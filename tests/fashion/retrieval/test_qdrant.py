"""The copy of an index in Qdrant: what is sent, what is deleted, and addresses."""

import numpy as np
import pytest
from PIL import Image

from fashion.retrieval.folder import FolderIndex
from fashion.retrieval.index import GarmentIndex
from fashion.retrieval.qdrant import QdrantIndex
from fashion.retrieval.qdrant_copy import publish
from fashion.retrieval.qdrant_server import split_address
from fashion.retrieval.schema import connect, write_meta

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")
qdrant = pytest.importorskip("qdrant_client", reason="the extra [qdrant] is not installed")


def published(folder, client, collection="garments"):
    sent = []
    with FolderIndex(folder) as index:
        counts = publish(index, client, collection, sent.append)
    assert sum(sent) == counts[0]
    return counts


def same(folder, client):
    with FolderIndex(folder) as one:
        other = QdrantIndex(client, "garments")
        assert list(one.garments()) == list(other.garments())
        assert one.meta == other.meta
        for garment in one.garments():
            np.testing.assert_array_equal(one.vector(garment.id), other.vector(garment.id))
            assert one.thumbnail(garment.id) == other.thumbnail(garment.id)


def test_only_changes_are_sent(made, photos, fill, draw_image):
    client = qdrant.QdrantClient(":memory:")
    assert published(made, client) == (9, 0)
    assert published(made, client) == (0, 0)
    (photos / "1.png").unlink()
    Image.fromarray(draw_image((9, 9, 9), (200, 0, 0))).save(photos / "5.png")
    fill(made, sorted(photos.rglob("*.png")), photos)
    assert published(made, client) == (2, 2)
    same(made, client)


def test_other_vectors_are_all_sent_again(made, photos, fill, draw_image):
    client = qdrant.QdrantClient(":memory:")
    published(made, client)
    rng = np.random.default_rng(1)
    for i in range(5, 15):  # the index grows to more than twice its size, and is centred again
        Image.fromarray(draw_image(*rng.integers(0, 256, (2, 3)))).save(photos / f"{i}.png")
    fill(made, sorted(photos.rglob("*.png")), photos)
    assert published(made, client) == (29, 0)
    same(made, client)


def test_what_was_interrupted_is_continued(made):
    class Killed(Exception):
        pass

    class Client:
        """Fails at its second change of points."""

        def __init__(self, client):
            self.client, self.left = client, 1

        def __getattr__(self, name):
            if name == "upsert":
                self.left -= 1
                if self.left < 0:
                    raise Killed
            return getattr(self.client, name)

    client = qdrant.QdrantClient(":memory:")
    with pytest.raises(Killed):
        published(made, Client(client))
    assert published(made, client) == (9, 0)
    same(made, client)


def test_the_collection_of_another_index_is_not_overwritten(made):
    client = qdrant.QdrantClient(":memory:")
    published(made, client)
    connection = connect(made)
    write_meta(connection, created="later")
    connection.close()
    with pytest.raises(ValueError, match="belongs to another index, made at now"):
        published(made, client)


def test_there_is_no_collection():
    with pytest.raises(FileNotFoundError, match="no index garments"):
        QdrantIndex(qdrant.QdrantClient(":memory:"), "garments")


def test_a_server_that_does_not_answer_is_named():
    with pytest.raises(ConnectionError, match="does not answer: Connection refused. Start it"):
        GarmentIndex.open("http://127.0.0.1:9/garments")


@pytest.mark.parametrize(
    ("address", "server", "collection"),
    [
        ("http://host/garments", "http://host:6333", "garments"),
        ("http://host:99/garments/", "http://host:99", "garments"),
        ("https://host/qdrant/garments", "https://host/qdrant", "garments"),
    ],
)
def test_addresses(address, server, collection):
    assert split_address(address) == (server, collection)


@pytest.mark.parametrize("address", ["http://host:6333", "http://host/", "http:///garments"])
def test_addresses_without_a_collection_are_refused(address):
    with pytest.raises(ValueError, match="names no collection"):
        split_address(address)
