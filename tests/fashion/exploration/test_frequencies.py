"""Counts that a person can check against the six objects of the wardrobe."""

import numpy as np
import pytest

from fashion.exploration import frequencies


@pytest.fixture
def objects(make_objects, wardrobe):
    return make_objects(wardrobe)


def test_objects_and_photos_of_a_class_are_counted(objects, small_ontology):
    rows = frequencies.class_frequencies(objects, small_ontology)
    assert [(row["name"], row["group"], row["objects"], row["photos"]) for row in rows] == [
        ("shirt, blouse", "top", 2, 2),
        ("sock", "feet", 3, 2),
        ("button", "part", 1, 1),
    ]
    assert rows[1]["share_of_photos"] == 2 / 3


def test_objects_and_photos_of_an_attribute_are_counted(objects, small_ontology):
    rows = frequencies.attribute_frequencies(objects, small_ontology)
    assert [(row["name"], row["objects"], row["photos"]) for row in rows] == [
        ("red", 2, 1),
        ("blue", 1, 1),
        ("long", 1, 1),
    ]


def test_how_many_photos_have_how_many_objects_and_classes(objects):
    assert frequencies.counts_per_image(objects) == {"objects": [0, 1, 1, 1], "classes": [0, 1, 2]}


def test_classes_that_are_together(objects):
    assert frequencies.co_occurrence(objects).tolist() == [[2, 1, 1], [1, 2, 0], [1, 0, 1]]


def test_pairs_are_ordered_from_company_to_avoidance():
    # 100 photos, three classes in 50 each: chance brings every pair together in 25.
    counts = np.array([[50, 40, 25], [40, 50, 5], [25, 5, 50]])
    assert frequencies.co_occurring_pairs(counts, 100, 3) == [
        (0, 1, 40, 25.0),
        (0, 2, 25, 25.0),
        (1, 2, 5, 25.0),
    ]
    assert frequencies.co_occurring_pairs(counts, 100, 26) == []


def test_attributes_of_classes(objects):
    assert frequencies.class_attributes(objects).tolist() == [[0, 1, 0], [2, 0, 1], [0, 0, 0]]
    assert frequencies.share_with_attributes(objects).tolist() == [1 / 2, 2 / 3, 0]


def test_how_many_kinds_make_up_half():
    assert (
        frequencies.num_covering([5, 3, 1, 1], 0.5) == 1
        and frequencies.num_covering([5, 3, 1, 1], 0.9) == 3
    )
    assert frequencies.num_covering([0, 0], 0.5) == 0


def test_without_validation_photos_nothing_is_compared(make_objects, wardrobe, small_ontology):
    assert frequencies.compare_splits(make_objects(wardrobe), None, small_ontology) is None


def test_a_difference_in_standard_errors(make_objects, small_ontology, box):
    # Socks in 1 of 4 images and in 3 of 4: pooled 1/2, error sqrt(1/4 * (1/4 + 1/4)),
    # difference 1/2.
    rows = [(name, box(0, 0, 5, 5), 0, []) for name in "abcd"]
    train = make_objects([*rows, ("a", box(9, 9, 5, 5), 1, [5])])
    val = make_objects([*rows, *((name, box(9, 9, 5, 5), 1, []) for name in "abc")], "val.csv")
    found = frequencies.compare_splits(train, val, small_ontology)
    shirt, sock, button = found["classes"]
    assert (sock["train"], sock["val"], sock["difference"]) == (0.25, 0.75, 0.5) and sock[
        "z"
    ] == pytest.approx(np.sqrt(2))
    assert shirt["z"] is None and button["z"] is None  # in all photos, and in none
    assert found["attributes"][0]["train_photos"] == 1 and found["attributes"][0]["val_photos"] == 0
    assert found["photos"] == [4, 4] and found["objects"] == [5, 7]
