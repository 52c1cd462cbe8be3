"""The benchmark of similar garments: copies, neighbors by hand, and intervals."""

import numpy as np
import pytest

from benchmarks import retrieval
from fashion.retrieval.vectors import GarmentParts


def objects(images, categories, attributes):
    none = np.zeros((len(images), 0), np.float32)
    return retrieval.Objects(
        np.array(images),
        np.array(categories),
        [frozenset(each) for each in attributes],
        GarmentParts(none, none, none),
    )


def test_neighbors_of_the_same_image_do_not_count(monkeypatch):
    monkeypatch.setattr(retrieval, "NEIGHBORS", 1)
    monkeypatch.setattr(retrieval, "COPY_RANK", 1)
    # The first two are of one image and equal; the third is nearer to them than the fourth is.
    some = objects([1, 1, 2, 3], [5, 5, 5, 6], [{1, 2}, {1, 2}, {2, 3}, {1}])
    angles = np.radians([0, 0, 20, 50])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    jaccard, equal, category, copy = retrieval.judged(some, vectors, vectors)
    assert jaccard[:3].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3]) and np.isnan(jaccard[3])
    assert equal[:3].tolist() == [0, 0, 0]
    assert category.tolist() == [1, 1, 1, 0]
    assert copy.tolist() == [1, 1, 1, 1]  # no other object is more similar


def test_random_neighbors_agree_as_often_as_chance():
    count = 200
    some = objects(range(count), [1, 2] * (count // 2), [{1}] * count)
    _, equal, category, copy = retrieval.judged(some, None, None)
    assert 0.4 < np.mean(category) < 0.6 and np.mean(equal) == 1 and np.mean(copy) < 0.1


def test_copies_are_mirrored_and_yellower():
    image = np.full((4, 10, 3), 100, np.uint8)
    image[:, :3] = 200
    copy, boxes = retrieval.copied(image, np.array([[0, 0, 4, 3]], np.float32))
    assert boxes.tolist() == [[0, 7, 4, 10]] and copy.dtype == np.uint8
    assert (copy[:, 7:] > copy[0, 0]).all() and copy[0, 0, 0] > copy[0, 0, 2]


def test_intervals_draw_images_as_a_whole():
    images = np.repeat([1, 2, 3, 4], 5)
    assert retrieval.interval(np.ones(20), images) == "1.000 (1.00–1.00)"
    values = np.repeat([0.0, 0.0, 1.0, 1.0], 5)
    assert retrieval.interval(values, images) == "0.500 (0.00–1.00)"
    values[0] = np.nan
    assert retrieval.interval(values, images).startswith("0.526")


def test_speed_is_printed(capsys):
    pytest.importorskip("faiss", reason="the extra [catalogue] is not installed")
    retrieval.main(["--speed", "--garments", "500", "--dimension", "16"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all("500 garments, 16 numbers" in line for line in lines)
    assert "structured" in lines[1] and "recall 1.000" in lines[1]


def test_true_attributes_are_vectors_of_length_1():
    vectors = retrieval.true_vectors([frozenset({7}), frozenset({3, 7}), frozenset()])
    half = np.sqrt(0.5)
    np.testing.assert_allclose(vectors, [[0, 1], [half, half], [0, 0]], rtol=1e-6)
