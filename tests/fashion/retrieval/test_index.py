"""GarmentIndex: one contract for a folder and for a collection of Qdrant, against a search by
hand."""

import io
import sqlite3
import threading

import numpy as np
import pytest
from PIL import Image

from fashion.retrieval.folder import FolderIndex
from fashion.retrieval.index import GarmentIndex, _named, is_address
from fashion.retrieval.store import GarmentStore

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")


@pytest.fixture(params=["folder", "qdrant"])
def index(request, made):
    if request.param == "folder":
        with GarmentIndex.open(made) as opened:
            yield opened
        return
    qdrant = pytest.importorskip("qdrant_client", reason="the extra [qdrant] is not installed")
    from fashion.retrieval.qdrant import QdrantIndex
    from fashion.retrieval.qdrant_copy import publish

    client = qdrant.QdrantClient(":memory:")
    with FolderIndex(made) as folder:
        assert publish(folder, client, "garments") == (9, 0)
    with QdrantIndex(client, "garments") as opened:
        yield opened


def test_all_garments_are_there(index, photos):
    garments = list(index.garments())
    assert len(index) == len(garments) == 9
    assert [garment.id for garment in garments] == list(range(1, 10))
    assert {garment.image for garment in garments} == {
        *("0.png", "1.png", "2.png", "more/3.png", "more/4.png")
    }
    assert index.meta["root"] == str(photos)
    assert index.meta["vector"]["dimension"] == 8 + 2 + 144
    first = garments[0]
    assert first == index.garment(1) and first.box == (0, 0, 40, 40) and first.date is None
    assert first.category in ("top, t-shirt", "dress", "shoe")
    assert first.score == pytest.approx(0.9) and len(first.colors) == 1
    assert index.of_image("1.png") == garments[1:3] and index.of_image("no.png") == []


def test_attributes_are_those_above_the_threshold_the_surest_first(index, photos):
    for garment in index.garments():
        image = np.asarray(Image.open(photos / garment.image))
        scores = image[int(garment.box[0]) + 20, 20, 1:] / 255
        named = dict(zip(("sleeveless", "striped"), scores.tolist(), strict=True))
        expected = {name: score for name, score in named.items() if score >= 0.5}
        assert garment.attributes == pytest.approx(expected, abs=1e-4)
        assert list(garment.attributes) == sorted(expected, key=lambda name: -expected[name])


def test_a_search_equals_one_by_hand(index):
    garments = list(index.garments())
    vectors = np.stack([index.vector(garment.id) for garment in garments])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for query, matches in zip(vectors, index.search(vectors, 4), strict=True):
        order = np.argsort(-vectors @ query)[:4]
        assert [match.garment for match in matches] == [garments[i] for i in order]
        similarities = [match.similarity for match in matches]
        np.testing.assert_allclose(similarities, (vectors @ query)[order], atol=1e-5)


def test_a_garment_finds_itself_first(index):
    for garment in index.garments():
        ((match,),) = index.search(index.vector(garment.id)[None], 1)
        assert match.garment == garment and match.similarity == pytest.approx(1, abs=1e-5)


def test_filters(index):
    garments = list(index.garments())
    query = index.vector(1)[None]

    def ids(**filters):
        (matches,) = index.search(query, 99, **filters)
        return sorted(match.garment.id for match in matches)

    def expected(condition):
        return [garment.id for garment in garments if condition(garment)]

    for category in ("dress", "shoe", "top, t-shirt"):
        assert ids(category=category) == expected(lambda g, c=category: g.category == c)
    assert ids(category="TOP") == ids(category="top, t-shirt")  # the part before the comma
    assert ids(attributes=["striped"]) == expected(lambda g: "striped" in g.attributes)
    both = ["striped", "sleeveless"]
    assert ids(attributes=both) == expected(lambda g: len(g.attributes) == 2)
    assert ids(exclude_images=["0.png", "no.png"]) == expected(lambda g: g.image != "0.png")
    mixed = ids(category="dress", attributes=["striped"], exclude_images=["1.png"])
    assert mixed == expected(
        lambda g: g.category == "dress" and "striped" in g.attributes and g.image != "1.png"
    )
    assert ids() == list(range(1, 10))


def test_unknown_names_are_refused_with_a_suggestion(index):
    query = index.vector(1)[None]
    with pytest.raises(ValueError, match="no category 'dres'. Did you mean dress?"):
        index.search(query, category="dres")
    with pytest.raises(ValueError, match="no attribute 'x'. It has sleeveless; striped"):
        index.search(query, attributes=["x"])
    with pytest.raises(ValueError, match=r"shape \(1, 5\) were searched, and .* are \(n, 154\)"):
        index.search(np.zeros((1, 5)))
    for look_up in (index.garment, index.vector, index.thumbnail):
        with pytest.raises(KeyError):
            look_up(77)


def test_no_vectors_find_nothing(index):
    assert index.search(np.zeros((0, 154))) == []


def test_thumbnails_show_the_garment(index):
    for garment in index.garments():
        with Image.open(io.BytesIO(index.thumbnail(garment.id))) as opened:
            height, width = opened.height, opened.width
            color = np.asarray(opened)[height // 2, width // 2]
        expected = np.array([int(garment.colors[0][i : i + 2], 16) for i in (1, 3, 5)])
        assert np.abs(color.astype(int) - expected).max() < 12


def test_threads_may_search_at_once(index):
    vectors = np.stack([index.vector(i) for i in range(1, 10)])
    failed = []

    def work():
        for i in range(9):
            if index.search(vectors[i][None], 1)[0][0].garment.id != i + 1:
                failed.append(i)
            list(index.garments())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_there_is_no_index(tmp_path):
    with pytest.raises(FileNotFoundError, match="fashion catalogue IMAGES --out"):
        GarmentIndex.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_was_only_begun(tmp_path, photos):
    store = GarmentStore(tmp_path / "index")
    with pytest.raises(ValueError, match="holds no index yet"):
        GarmentIndex.open(tmp_path / "index")
    labels = {"categories": [[1, "dress", ""]], "attributes": []}
    store.begin({"labels": labels, "root": str(photos)})
    store.close()
    with GarmentIndex.open(tmp_path / "index") as index:
        assert len(index) == 0 and list(index.garments()) == []
        with pytest.raises(ValueError, match="no vectors yet"):
            index.search(np.zeros((1, 3)))


def test_damaged_indexes_are_named(made, tmp_path):
    (vectors,) = made.glob("*.faiss")
    with GarmentIndex.open(made) as index:
        query = index.vector(1)[None]
    vectors.unlink()
    with GarmentIndex.open(made) as index, pytest.raises(ValueError, match="There is no .*faiss"):
        index.search(query)
    (made / "garments.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ValueError, match="garments.sqlite is damaged, or no database. Make"):
        GarmentIndex.open(made)


def test_indexes_of_later_versions_are_refused(made):
    connection = sqlite3.connect(made / "garments.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="format version 99"):
        GarmentIndex.open(made)


def test_an_open_index_survives_an_update(made, photos, fill, draw_image):
    with GarmentIndex.open(made) as index:
        query = index.vector(1)[None]
        (photos / "0.png").unlink()
        Image.fromarray(draw_image((9, 9, 9))).save(photos / "5.png")
        fill(made, sorted(photos.rglob("*.png")), photos)
        # The vectors are those from before, which the file no longer holds.
        (matches,) = index.search(query, 99)
        assert sorted(match.garment.id for match in matches) == list(range(2, 10))
    with GarmentIndex.open(made) as index:
        (matches,) = index.search(query, 99)
        assert sorted(match.garment.id for match in matches) == list(range(2, 11))


def test_an_index_that_is_opened_during_an_update_finds_its_vectors(made, photos, fill):
    with GarmentIndex.open(made) as index:
        (photos / "1.png").unlink()
        fill(made, sorted(photos.rglob("*.png")), photos)  # replaces the file of vectors
        (matches,) = index.search(index.vector(1)[None], 99)
        assert len(matches) == 7


def test_addresses_are_told_from_folders():
    assert is_address("https://host/x") and not is_address("http") and not is_address("C:/x")


LABELS = ["red (dominant color)", "red (pattern)", "blue (dominant color)", "shirt, blouse"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("blue", "blue (dominant color)"), ("BLUE (dominant color)", "blue (dominant color)")],
)
def test_a_label_is_named_without_its_note(name, meant):
    assert _named(name, LABELS, "attribute") == meant


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("red", r"Did you mean red \(dominant color\); red \(pattern\)\?$"),
        ("bleu", r"Did you mean blue \(dominant color\)\?$"),
        ("dominant", r"Did you mean red \(dominant color\); blue \(dominant color\)\?$"),
        ("zzz", r"It has red \(dominant color\); .*shirt, blouse\.$"),
    ],
)
def test_an_unclear_label_is_answered_with_those_that_may_be_meant(name, hint):
    with pytest.raises(ValueError, match=hint):
        _named(name, LABELS, "attribute")


def test_a_long_list_of_labels_is_cut():
    with pytest.raises(ValueError, match=r"It has a0; .*; a9; and 5 more\.$"):
        _named("zzz", [f"a{i}" for i in range(15)], "attribute")
