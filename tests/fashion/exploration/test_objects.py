"""The columns say what the masks of the data set say."""

import numpy as np

from fashion.exploration import objects as module
from fashion.exploration.objects import measure_objects


def test_columns_agree_with_the_masks(make_dataset, wardrobe, monkeypatch):
    dataset = make_dataset(wardrobe)
    told = []
    for block in (1, 1 << 20):  # a row at a time, and all at once
        monkeypatch.setattr(module, "_BLOCK_BYTES", block)
        found = measure_objects(dataset, told.append)
        assert (
            found.areas.tolist() == [50, 50, 600, 200, 4, 100] and found.parts.tolist() == [1] * 6
        )
        assert found.image.tolist() == [0, 0, 0, 1, 1, 2] and found.class_ids.tolist() == [
            2,
            2,
            1,
            1,
            3,
            2,
        ]
        assert found.sides_hw.tolist() == [[10, 5], [10, 5], [20, 30], [20, 10], [2, 2], [10, 10]]
        assert found.labelled.tolist() == [0, 1, 1, 2] and found.attributes.tolist() == [0, 0, 2, 1]
    assert sum(told) == 12 and max(told) == 6
    assert set(found.photo_pixels.tolist()) == {1200} and len(found) == 6


def test_labels_can_be_left_out(make_objects, wardrobe):
    some = make_objects(wardrobe).with_labels(np.array([True, False, False, True]))
    assert some.labelled.tolist() == [0, 2] and some.attributes.tolist() == [0, 1]


def test_run_lengths_with_two_blanks_between_them_are_read(make_objects, box):
    found = make_objects([("a", "1  3 41 3", 0, []), ("a", box(0, 0, 2, 2), 0, [])])
    assert found.areas.tolist() == [6, 4] and found.boxes[0].tolist() == [0, 0, 3, 2]
