"""Nearest vectors, against a search by hand."""

import numpy as np
import pytest

from fashion.retrieval.nearest import Nearest, write_vectors
from fashion.retrieval.vectors import unit

pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")

COUNT, SIZE = 400, 12


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(0)
    return unit(rng.standard_normal((COUNT, SIZE)).astype(np.float32))


@pytest.fixture(scope="module")
def ids():
    return np.arange(COUNT, dtype=np.int64) * 3 + 5  # with gaps, as after removals


@pytest.fixture(scope="module", params=["exact", "graph"])
def nearest(request, vectors, ids, tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "v.faiss"
    write_vectors(path, ids, vectors, exact_up_to=COUNT if request.param == "exact" else 0)
    found = Nearest(path)
    assert found.is_exact == (request.param == "exact")
    assert [file.name for file in path.parent.iterdir()] == ["v.faiss"]
    return found


def by_hand(vectors, ids, query, k, kept):
    order = np.argsort(-(vectors @ query) + 10 * ~kept, kind="stable")[: min(k, kept.sum())]
    return ids[order]


def test_all_are_searched(nearest, vectors, ids):
    found, similarities = nearest.search(vectors[:20], 5)
    for query, own, similarity in zip(vectors, found, similarities):
        expected = by_hand(vectors, ids, query, 5, np.ones(COUNT, bool))
        assert own.tolist() == expected.tolist()
        assert similarity[0] == pytest.approx(1) and (np.diff(similarity) <= 0).all()


def test_filters_and_exclusions_are_kept(nearest, vectors, ids):
    kept = np.zeros(COUNT, bool)
    kept[::7] = True
    allowed = np.append(ids[kept], 4)  # 4 is in the database, and not yet in the file
    excluded = ids[[0, 7, 14]].tolist()
    found, _ = nearest.search(vectors[:20], 100, allowed=allowed, excluded=excluded)
    kept[[0, 7, 14]] = False
    for query, own in zip(vectors, found):
        assert own.tolist() == by_hand(vectors, ids, query, 100, kept).tolist()


def test_a_graph_is_walked_with_filters_that_leave_many(nearest, vectors, ids, monkeypatch):
    monkeypatch.setattr("fashion.retrieval.nearest.FEW", 0)
    monkeypatch.setattr("fashion.retrieval.nearest.FEW_OF_ALL", 0)
    kept = np.arange(COUNT) % 2 == 0
    found, _ = nearest.search(vectors[:20], 5, allowed=ids[kept])
    hits = 0
    for query, own in zip(vectors, found):
        assert np.isin(own, ids[kept]).all()
        hits += len(set(own) & set(by_hand(vectors, ids, query, 5, kept)))
    assert hits >= 95


def test_exclusions_alone(nearest, vectors, ids):
    kept = np.ones(COUNT, bool)
    kept[:3] = False
    found, _ = nearest.search(vectors[:3], 4, excluded=ids[:3].tolist())
    for query, own in zip(vectors, found):
        assert own.tolist() == by_hand(vectors, ids, query, 4, kept).tolist()


def test_nothing_is_allowed_and_nothing_is_asked(nearest, vectors):
    none = np.zeros(0, np.int64)
    assert nearest.search(vectors[:2], 5, allowed=none)[0].shape == (2, 0)
    assert nearest.search(vectors[:0], 5)[0].shape == (0, 0)


def test_vectors_are_looked_up(nearest, vectors, ids):
    np.testing.assert_array_equal(nearest.vector(int(ids[17])), vectors[17])
    for unknown in (0, 6, 10**6):
        with pytest.raises(KeyError):
            nearest.vector(unknown)


def test_an_index_of_nothing(tmp_path):
    write_vectors(tmp_path / "v.faiss", np.zeros(0, np.int64), np.zeros((0, SIZE), np.float32))
    nearest = Nearest(tmp_path / "v.faiss")
    assert len(nearest) == 0 and nearest.dimension == SIZE
    assert nearest.search(np.ones((2, SIZE)), 5)[0].shape == (2, 0)
    with pytest.raises(KeyError):
        nearest.vector(1)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "v.faiss"
    path.write_bytes(b"no index")
    with pytest.raises(ValueError, match=r"v\.faiss is damaged"):
        Nearest(path)
