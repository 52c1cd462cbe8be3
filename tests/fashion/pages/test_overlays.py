"""Pictures: who is drawn, and what is said beside it."""

import numpy as np

from fashion.labels.ontology import Ontology
from fashion.pages.overlays import OverlayRenderer

ONTOLOGY = Ontology.from_dict(
    {
        "categories": [[0, "shirt, blouse", "upperbody"], [7, "shoe", "legs"]],
        "attributes": [
            [1, "no waistline", "waist"],
            [4, "floral", "pattern"],
            [9, "mini", "length"],
            [12, "denim", "cloth"],
            [30, "dotted", "pattern"],
            [31, "symmetrical", "silhouette"],
        ],
    }
)
RESULT = {
    "boxes": np.float32([[2, 3, 50, 40], [60, 10, 90, 60]]),
    "class_ids": np.int32([1, 2]),
    "scores": np.float32([0.9, 0.4]),
    "mask_probabilities": np.ones((2, 28, 28), np.float32),
    "image_hw": (120, 80),
    "attribute_scores": np.float32([[0.99, 0.6, 0.8, 0.7, 0.55, 0.9], [0] * 6]),
    "attributes": [[1, 4, 9, 12, 30, 31], []],
}
PHOTO = np.full((120, 80, 3), 128, np.uint8)


def test_a_label_names_the_class_and_the_three_surest_attributes_worth_saying():
    draw = OverlayRenderer(ONTOLOGY)
    assert draw._label(RESULT, 0) == ["shirt 0.90", "mini", "denim", "floral"]
    assert draw._label(RESULT, 1) == ["shoe 0.40"]


def test_a_truth_has_no_scores_and_is_drawn_whole():
    truth = {name: value for name, value in RESULT.items() if name != "scores"}
    draw = OverlayRenderer(ONTOLOGY)
    assert draw._label(truth, 1) == ["shoe"]
    assert (
        draw(PHOTO, truth) == OverlayRenderer(ONTOLOGY, min_confidence=0)(PHOTO, truth)
    ).all() and (draw(PHOTO, truth) != 128).any()


def test_unsure_objects_are_not_drawn_and_the_photo_is_not_touched():
    before = PHOTO.copy()
    all_drawn, one_drawn = (
        OverlayRenderer(ONTOLOGY, min_confidence=c)(PHOTO, RESULT) for c in (0.1, 0.5)
    )
    none_drawn = OverlayRenderer(ONTOLOGY, min_confidence=1)(PHOTO, RESULT)
    assert all_drawn.dtype == np.uint8 and all_drawn.shape[2] == 3
    assert (
        (all_drawn != one_drawn).any()
        and (one_drawn != none_drawn).any()
        and (none_drawn == 128).all()
    )
    assert (PHOTO == before).all()


def test_a_result_without_objects_is_the_photo():
    nothing = {name: value[:0] for name, value in RESULT.items() if name != "image_hw"} | {
        "image_hw": (120, 80)
    }
    assert (OverlayRenderer(ONTOLOGY)(PHOTO, nothing) == 128).all()


def test_a_model_without_attributes_is_drawn_too():
    plain = Ontology.from_dict({"categories": [[0, "shirt", ""], [7, "shoe", ""]]})
    result = RESULT | {"attribute_scores": np.zeros((2, 0), np.float32), "attributes": [[], []]}
    assert OverlayRenderer(plain)._label(result, 0) == ["shirt 0.90"]


def test_objects_of_one_category_have_colors_of_their_own():
    two_shirts = RESULT | {"class_ids": np.int32([1, 1]), "attributes": [[], []]}
    overlay = OverlayRenderer(ONTOLOGY, min_confidence=0.1)(
        np.full((120, 80, 3), 128, np.uint8), two_shirts
    )
    factor = overlay.shape[0] // 120  # small images are enlarged
    first, second = overlay[30 * factor, 12 * factor], overlay[80 * factor, 35 * factor]
    assert np.abs(first.astype(int) - second).max() > 20


def test_only_the_most_confident_objects_have_labels_where_their_number_is_limited():
    limited, one_left = OverlayRenderer(ONTOLOGY, 0.1, max_labels=1), dict(RESULT)
    labels = []
    limited._label = lambda result, i: labels.append(i) or ["shoe"]
    drawn = limited(PHOTO, one_left)
    assert labels == [0, 1]
    every = OverlayRenderer(ONTOLOGY, 0.1, max_labels=2)
    every._label = limited._label
    bottom_left = every(PHOTO, one_left)[-12:, :40]
    assert (drawn[-12:, :40] != bottom_left).any()  # "1 of 2 objects labeled"
