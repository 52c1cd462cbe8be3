from dataclasses import replace

import numpy as np
import pytest

from fashion.datasets.annotations import Annotations, file_stamp, offsets


@pytest.fixture
def annotations(tmp_path):
    """Images x (rows 0, 1), y (row 2) and z (rows 3, 4); row r has r attributes, all numbered r."""
    path = tmp_path / "a.csv"
    path.write_text("1 1|22 2|3 3|4 44|5 5")
    with open(path) as file:
        stamp = file_stamp(file)
    return Annotations(path, 2020, ["x", "y", "z"], np.array([[4, 3], [5, 6], [9, 8]], np.int32),
                       offsets([2, 1, 2]), np.arange(2, 7), np.arange(1, 6, dtype=np.int32),
                       offsets(range(5)),
                       np.repeat(np.arange(5, dtype=np.int32), range(5)), np.array([0, 4, 9, 13, 18]),
                       np.array([3, 4, 3, 4, 3]), stamp)


def test_offsets_are_the_running_sum():
    assert offsets([2, 0, 3]).tolist() == [0, 2, 2, 5] and offsets([]).tolist() == [0]


def test_rows_of_an_image_and_images_of_the_rows(annotations):
    assert [list(annotations.rows_of(i)) for i in range(3)] == [[0, 1], [2], [3, 4]]
    assert annotations.image_of_rows().tolist() == [0, 0, 1, 2, 2]


def test_runs_are_read_from_the_file(annotations):
    assert annotations.runs_of([3, 1]) == ["4 44", "22 2"] and annotations.runs_of([]) == []


def test_images_without_rows_are_dropped_and_the_rest_stays_together(annotations):
    kept = annotations.keep(np.array([False, True, False, True, True]))
    assert kept.image_ids == ["x", "z"] and kept.image_hw.tolist() == [[4, 3], [9, 8]]
    assert kept.first_row.tolist() == [0, 1, 3] and kept.line.tolist() == [3, 5, 6]
    assert kept.first_attribute.tolist() == [0, 1, 4, 8]
    assert kept.attributes.tolist() == [1, 3, 3, 3, 4, 4, 4, 4]
    assert kept.runs_of(kept.rows_of(1)) == ["4 44", "5 5"]


def test_no_rows_is_no_images(annotations):
    none = annotations.keep(np.zeros(5, bool))
    assert none.image_ids == [] and len(none.line) == 0 and len(none.image_of_rows()) == 0


def test_a_changed_file_is_noticed(annotations):
    with pytest.raises(RuntimeError, match="has changed since"):
        replace(annotations, file_stamp=(0, 0)).runs_of([0])
