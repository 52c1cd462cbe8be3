"""The sentences of the chapters carry the numbers of the data."""

import shlex

import numpy as np

from fashion.exploration.chapters import anchors, co_occurrence, comparison, images, labels
from fashion.exploration.frequencies import compare_splits
from fashion.exploration.sizes import image_sizes


def rows(*counts):
    return [
        {"name": f"name {i}", "objects": n, "photos": n, "share_of_photos": n / 200}
        for i, n in enumerate(counts)
    ]


def test_images_by_size():
    sizes = image_sizes(np.array([[2000, 1000]] * 3 + [[400, 1000]]))
    assert images._sizes(sizes) == (
        "The median image has 2 megapixels; 90 % have 0.64 to 2. The most common of 2 sizes is "
        "1000 x 2000 (75 %)."
    )
    assert images._aspects(sizes).startswith(
        "75 % of the images are higher than wide. The median height / width is 2.00;"
    )


def test_objects_per_image():
    assert images._contents({"objects": [0, 1, 3, 0, 4], "classes": [0, 5, 3]}) == (
        "The median image has 2 objects of 1 class; the maximum is 4 objects. 12 % of the "
        "images have a single object."
    )


def test_the_long_tail():
    assert labels._long_tail(rows(100, 60, 41, 1, 0), "class", "classes") == (
        "The most frequent class is “name 0”: 100 objects, in 50 % of the images. The top 2 of 4 "
        "classes account for half of the objects. Fewer than 50 objects: 2 classes. Without "
        "objects: 1 of the label list."
    )
    text = labels._long_tail(rows(90, 60), "attribute", "attributes")
    assert "The top 1 of 2 attributes" in text and "The rarest is “name 1” with 60." in text
    assert labels._long_tail(rows(0), "class", "classes") == "No class occurs."


def test_pairs_above_and_below_chance():
    pairs = [("tie", "shirt", 40, 25.0), ("skirt", "pants", 5, 25.0)]
    assert co_occurrence._pairs_summary(pairs) == (
        "Together more often than by chance: “tie” and “shirt” in 40 images, expected 25. "
        "Together less often: “skirt” and “pants” in 5 images, expected 25."
    )
    assert "frequent enough" in co_occurrence._pairs_summary([])


def test_attributes_of_one_class_alone():
    counts = {"objects": [[30, 10], [0, 10], [0, 0]], "carrying": [1.0, 0.5, 0.0]}
    text = co_occurrence._attributes_summary(counts, rows(40, 20, 9), rows(30, 20))
    assert text == (
        "2 of 3 classes have attributes (without: name 2). Of 2 frequent attributes, 1 occur on "
        "one class in more than 90 % of the cases, for example “name 0” on “name 0” (100 %)."
    )
    nothing = {"objects": [[0]], "carrying": [0.0]}
    assert co_occurrence._attributes_summary(nothing, rows(3), rows(0)) == (
        "No object has an attribute."
    )


def fit(mean, fair, good, **more):
    return {"objects": 10, "mean": mean, "fair": fair, "good": good} | more


def test_what_better_anchors_change_and_which_classes_they_fit_less_well():
    given = {
        "all": fit(0.6, 0.9, 0.2),
        "classes": [fit(0.6, 0.9, 0.2, name="shoe"), fit(0.5, 0.9, 0.2, name="watch")],
    }
    better = {
        "all": fit(0.7, 0.95, 0.5),
        "classes": [fit(0.8, 1, 0.6, name="shoe"), fit(0.4, 0.5, 0.1, name="watch")],
    }
    first, second = anchors._summary({"given": given, "suggested": better, "changed": True}, False)
    assert first.startswith("90 % of the boxes have an anchor with IoU ≥ 0.5, and 20 % one with")
    assert "95 % reach 0.5 and 50 % reach 0.7; the mean is 0.700 (+0.100)" in second
    assert second.endswith("They fit 1 class less well, most of all “watch” (0.50 to 0.40).")
    same = anchors._summary({"given": given, "suggested": given, "changed": False}, False)
    assert same[-1] == "No better scales and ratios were found."


def test_train_and_val(make_objects, small_ontology, box):
    names = [f"p{i}" for i in range(30)]
    train = make_objects([(name, box(0, 0, 5, 5), 0, []) for name in names])
    val = make_objects(
        [(name, box(0, 0, 5, 5), i % 2, []) for i, name in enumerate(names)], "val.csv"
    )
    compared = compare_splits(train, val, small_ontology)["classes"]
    text = comparison._differences(compared, "classes")
    assert text.startswith("2 of 2 classes differ by more than 2 standard errors; by chance")
    assert text.endswith("In validation only: sock (1).")
    assert comparison._differences([], "attributes") == "Neither file has any attributes."


def test_anchors_that_cover_fewer_boxes_are_not_offered():
    """As with street photographs: the mean rises and the share of boxes with 0.5 falls."""

    def fit(mean, fair, good):
        return {"all": {"objects": 500, "mean": mean, "fair": fair, "good": good}, "classes": []}

    given, lower = fit(0.649, 0.952, 0.4), fit(0.672, 0.949, 0.5)
    better = fit(0.672, 0.955, 0.5)
    assert anchors.is_improvement({"given": given, "suggested": better, "changed": True})
    assert not anchors.is_improvement({"given": given, "suggested": lower, "changed": True})
    assert not anchors.is_improvement({"given": given, "suggested": given, "changed": False})
    fits = {"given": given, "suggested": lower, "changed": False}
    assert "so they are not suggested" in " ".join(anchors._summary(fits, True))


def test_settings_to_copy_are_quoted_for_shells():
    line = anchors.settings_line({"scales": [19, 35], "ratios": [0.5, 1]})
    assert shlex.split(line) == [
        "--set",
        "RPN_ANCHOR_SCALES=[19,35]",
        "--set",
        "RPN_ANCHOR_RATIOS=[0.5,1]",
    ]
    assert "'RPN_ANCHOR_SCALES=[19,35]'" in line
