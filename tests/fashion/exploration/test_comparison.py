"""Shares of photos, and whether they differ by more than chance."""

import numpy as np
import pytest

from fashion.exploration.comparison import compare


def test_without_validation_photos_nothing_is_compared(make_objects, wardrobe, small_ontology):
    assert compare(make_objects(wardrobe), None, small_ontology) is None


def test_a_difference_in_standard_errors(make_objects, small_ontology, box):
    # Socks in 1 of 4 photos and in 3 of 4: pooled 1/2, error sqrt(1/4 * (1/4 + 1/4)), difference 1/2.
    rows = [(name, box(0, 0, 5, 5), 0, []) for name in "abcd"]
    train = make_objects([*rows, ("a", box(9, 9, 5, 5), 1, [5])])
    val = make_objects([*rows, *((name, box(9, 9, 5, 5), 1, []) for name in "abc")], "val.csv")
    found = compare(train, val, small_ontology)
    shirt, sock, button = found["classes"]
    assert (sock["train"], sock["val"], sock["difference"]) == (0.25, 0.75, 0.5) and sock[
        "z"
    ] == pytest.approx(np.sqrt(2))
    assert shirt["z"] is None and button["z"] is None  # in all photos, and in none
    assert found["attributes"][0]["train_photos"] == 1 and found["attributes"][0]["val_photos"] == 0
    assert found["photos"] == [4, 4] and found["objects"] == [5, 7]
