"""Sentences carry the numbers of the data."""

import numpy as np

from fashion.exploration import sentences
from fashion.exploration.comparison import compare
from fashion.exploration.sizes import photo_sizes


def rows(*counts):
    return [
        {"name": f"name {i}", "objects": n, "photos": n, "share_of_photos": n / 200}
        for i, n in enumerate(counts)
    ]


def test_photos_by_size():
    sizes = photo_sizes(np.array([[2000, 1000]] * 3 + [[400, 1000]]))
    assert sentences.photos(sizes) == (
        "The median photo has 2 megapixels, nine in ten have 0.64 to 2; the commonest of 2 sizes is "
        "1000 x 2000 (75 %)."
    )
    assert sentences.shapes_of_photos(sizes).startswith(
        "75 % of the photos are upright; the median is 2.00 times as high as wide"
    )


def test_objects_per_photo():
    assert sentences.number_per_photo({"objects": [0, 1, 3, 0, 4], "classes": [0, 5, 3]}) == (
        "A photo has 2 objects in the median and 4 at most, of 1 different classes; 12 % of the photos have one object only."
    )


def test_the_long_tail():
    assert sentences.long_tail(rows(100, 60, 41, 1, 0), "class") == (
        "“name 0” is the most frequent class (100 objects, in 50 % of the photos); the 2 commonest of 4 classes make up half of all. "
        "2 classes have fewer than 50 objects, and 1 of the label list never occurs."
    )
    assert sentences.long_tail(rows(90, 60), "attribute").endswith(
        "; it alone makes up half of all. The rarest, “name 1”, has 60."
    )
    assert sentences.long_tail(rows(0), "class") == "No class occurs."


def test_company_and_avoidance():
    pairs = [("tie", "shirt", 40, 25.0), ("skirt", "pants", 5, 25.0)]
    text = sentences.meetings({"pairs": pairs}, [])
    assert (
        "“tie” and “shirt” are together in 40 photos, where chance would bring them together in 25"
        in text
    )
    assert "“skirt” and “pants” are together in 5 photos" in text
    assert "frequent enough" in sentences.meetings({"pairs": []}, [])


def test_attributes_of_one_class_alone():
    counts = {"objects": [[30, 10], [0, 10], [0, 0]], "carrying": [1.0, 0.5, 0.0]}
    text = sentences.belongings(counts, rows(40, 20, 9), rows(30, 20))
    assert text == (
        "2 of 3 classes carry attributes (none: name 2); of the 2 more frequent attributes, 1 belongs to one class by more "
        "than 90 %, for example “name 0” to “name 0” (100 %)."
    )
    assert (
        sentences.belongings({"objects": [[0]], "carrying": [0.0]}, rows(3), rows(0))
        == "No object has an attribute."
    )


def fit(mean, fair, good, **more):
    return {"objects": 10, "mean": mean, "fair": fair, "good": good} | more


def test_what_better_anchors_change_and_whom_they_harm():
    given = {
        "all": fit(0.6, 0.9, 0.2),
        "classes": [fit(0.6, 0.9, 0.2, name="shoe"), fit(0.5, 0.9, 0.2, name="watch")],
    }
    better = {
        "all": fit(0.7, 0.95, 0.5),
        "classes": [fit(0.8, 1, 0.6, name="shoe"), fit(0.4, 0.5, 0.1, name="watch")],
    }
    text = sentences.anchors_fit({"given": given, "suggested": better, "changed": True})
    assert "90 % of the boxes have an anchor with IoU 0.5 or more, and 20 % one with 0.7" in text
    assert "95 % reach 0.5 and 50 % reach 0.7; the mean is 0.700 (+0.100)" in text
    assert text.endswith(
        "They fit 1 class less well than before, most of all “watch” (0.50 to 0.40)."
    )
    assert sentences.anchors_fit({"given": given, "suggested": given, "changed": False}).endswith(
        "No better scales and ratios were found."
    )


def test_train_and_val(make_objects, small_ontology, box):
    names = [f"p{i}" for i in range(30)]
    train = make_objects([(name, box(0, 0, 5, 5), 0, []) for name in names])
    val = make_objects(
        [(name, box(0, 0, 5, 5), i % 2, []) for i, name in enumerate(names)], "val.csv"
    )
    text = sentences.differences(compare(train, val, small_ontology)["classes"], "classes")
    assert text.startswith(
        "2 of 2 classes differ by more than 2 standard errors, where chance alone would make about 0"
    )
    assert text.endswith("1 occur in validation only: sock.")
    assert sentences.differences([], "attributes") == "Neither file has any attributes."
