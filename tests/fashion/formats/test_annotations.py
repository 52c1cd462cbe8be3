import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from fashion.formats.annotations import Annotations, file_stamp, offsets
from fashion.formats.index_cache import open_index, write_index


@pytest.fixture
def annotations(tmp_path):
    """Images x (rows 0, 1), y (row 2) and z (rows 3, 4); row r has r attributes, all numbered r."""
    path = tmp_path / "a.csv"
    path.write_text("1 1|22 2|3 3|4 44|5 5")
    with open(path) as file:
        stamp = file_stamp(file)
    return Annotations(
        path,
        2020,
        ["x", "y", "z"],
        np.array([[4, 3], [5, 6], [9, 8]], np.int32),
        np.array([2, 4, 5]),
        offsets([2, 1, 2]),
        np.arange(2, 7),
        np.arange(1, 6, dtype=np.int32),
        offsets(range(5)),
        np.repeat(np.arange(5, dtype=np.int32), range(5)),
        np.array([0, 4, 9, 13, 18]),
        np.array([3, 4, 3, 4, 3]),
        stamp,
    )


def test_offsets_are_the_running_sum():
    assert offsets([2, 0, 3]).tolist() == [0, 2, 2, 5] and offsets([]).tolist() == [0]


def test_rows_of_an_image_and_images_of_the_rows(annotations):
    assert [list(annotations.rows_of(i)) for i in range(3)] == [[0, 1], [2], [3, 4]]
    assert annotations.image_of_rows().tolist() == [0, 0, 1, 2, 2]


def test_runs_are_read_from_the_file(annotations):
    assert annotations.runs_of([3, 1]) == ["4 44", "22 2"] and annotations.runs_of([]) == []


def test_some_of_the_images_stay_together(annotations):
    kept = annotations.of_images([True, False, True])
    assert kept.image_ids == ["x", "z"] and kept.image_hw.tolist() == [[4, 3], [9, 8]]
    assert kept.first_row.tolist() == [0, 2, 4] and kept.line.tolist() == [2, 3, 5, 6]
    assert kept.first_attribute.tolist() == [0, 0, 1, 4, 8]
    assert kept.attributes.tolist() == [1, 3, 3, 3, 4, 4, 4, 4]
    assert kept.runs_of(kept.rows_of(1)) == ["4 44", "5 5"]
    assert kept.of_images([False, True]).runs_of([0]) == ["4 44"]


def test_lines_of_an_image_are_those_of_its_rows_or_of_the_row_that_says_there_are_none(
    annotations,
):
    empty = replace(annotations, first_row=offsets([2, 0, 3]))
    assert [empty.lines_of(i) for i in range(3)] == [[2, 3], [4], [4, 5, 6]]
    assert empty.of_images([False, True, False]).lines_of(0) == [4]


def test_no_images_is_no_rows(annotations):
    none = annotations.of_images(np.zeros(3, bool))
    assert none.image_ids == [] and len(none.line) == 0 and len(none.image_of_rows()) == 0
    assert none.of_images([]).image_ids == []


def same(a, b):
    for field in fields(a):
        mine, theirs = getattr(a, field.name), getattr(b, field.name)
        assert (
            np.array_equal(mine, theirs) and type(mine) is type(theirs) or mine is theirs is None
        ), field.name
    return True


@pytest.fixture
def indexed(annotations):
    """`annotations` from an index file, 2000 images instead of three."""
    path, times = annotations.csv_path.with_suffix(".index"), 2000
    arrays = {
        name: np.tile(
            getattr(annotations, name)[: 1 if name == "image_hw" else 2],
            (times, 1) if name == "image_hw" else times,
        )
        for name in ("image_hw", "line", "class_ids", "rle_offset", "rle_bytes")
    }
    arrays |= {
        "image_line": np.arange(2, 2 + times),
        "first_row": offsets([2] * times),
        "first_attribute": offsets([0, 1] * times),
        "attributes": np.arange(times, dtype=np.int32),
    }
    facts = {
        "year": 2020,
        "image_ids": [f"image {i}" for i in range(times)],
        "file_stamp": annotations.file_stamp,
    }
    write_index(path, facts, arrays)
    return Annotations.from_index(annotations.csv_path, open_index(path))


def test_annotations_with_an_index_are_sent_as_a_few_bytes(indexed):
    some = indexed.of_images(np.arange(2000) % 3 > 0)
    for sent in (indexed, some, some.of_images(np.arange(1333) % 7 > 0)):
        message = pickle.dumps(sent)
        assert len(message) < 1000 and same(pickle.loads(message), sent)


def test_annotations_without_an_index_are_sent_whole(annotations, indexed):
    assert same(pickle.loads(pickle.dumps(annotations)), annotations)
    indexed.index[0].unlink()
    assert same(pickle.loads(pickle.dumps(indexed)), indexed)


def test_a_receiver_notices_an_index_that_was_made_anew(indexed):
    message = pickle.dumps(indexed)
    write_index(indexed.index[0], {"year": 2020, "image_ids": [], "file_stamp": (0, 0)}, {})
    with pytest.raises(RuntimeError, match="Load the dataset again"):
        pickle.loads(message)


def test_a_changed_file_is_noticed(annotations):
    with pytest.raises(RuntimeError, match="has changed since"):
        replace(annotations, file_stamp=(0, 0)).runs_of([0])
