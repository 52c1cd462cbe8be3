"""Labels of two lists: which have a partner, and what is scored of the others."""

import json

import pytest

from fashion.evaluation.io.label_partners import (
    check_label_map,
    described_categories,
    partners_of,
    read_label_map,
    renamed_truth,
    scored_predictions,
    shared_truth,
)
from fashion.labels.ontology import Ontology, official

MODEL = Ontology(
    (0, 1, 2), ("shirt", "skirt", "hat"), ("",) * 3, (5, 6), ("long", "red"), ("",) * 2, (0, 1)
)
DATA = Ontology(
    (10, 11, 12),
    ("short shirt", "long shirt", "Skirt"),
    ("",) * 3,
    (50, 51),
    ("long", "sheer"),
    ("",) * 2,
    (10,),
)
MAP = {"short shirt": "shirt", "long shirt": "shirt"}


def truth(*rows):
    """(category, attribute ids), … -> ground truth of DATA."""
    return {
        "images": [{"id": 1}],
        "annotations": [
            {"id": i, "category_id": category, "attribute_ids": list(attributes)}
            for i, (category, attributes) in enumerate(rows, 1)
        ],
        **DATA.to_coco(),
    }


def predictions(*categories):
    return {
        "annotations": [
            {"category_id": i, "attribute_scores": [0.9, 0.1], "score": 1.0} for i in categories
        ],
        **MODEL.to_coco(),
    }


def test_the_years_of_the_contest_share_all_categories_and_92_attributes():
    partners = partners_of(official(2020), official(2019), {})
    assert len(partners.shared["categories"]) == 46 and not partners.only_model["categories"]
    assert len(partners.shared["attributes"]) == 92 and not partners.only_data["attributes"]
    assert len(partners.only_model["attributes"]) == 202
    back = partners_of(official(2019), official(2020), {})
    assert len(back.only_data["attributes"]) == 202


def test_names_decide_whatever_their_case():
    partners = partners_of(MODEL, DATA, {})
    assert partners.shared == {"categories": ["Skirt"], "attributes": ["long"]}
    assert partners.only_model == {"categories": ["shirt", "hat"], "attributes": ["red"]}
    assert partners.only_data == {
        "categories": ["short shirt", "long shirt"],
        "attributes": ["sheer"],
    }


def test_a_map_joins_finer_labels():
    partners = partners_of(MODEL, DATA, MAP)
    assert partners.shared["categories"] == ["shirt", "Skirt"]
    assert partners.only_data["categories"] == []
    renamed = renamed_truth(truth((10, [51, 50]), (11, []), (12, [])), MAP)
    assert [row["category_id"] for row in renamed["annotations"]] == [10, 10, 12]
    assert [row["name"] for row in renamed["categories"]] == ["shirt", "Skirt"]
    assert renamed["annotations"][0]["attribute_ids"] == [50, 51]


def test_what_has_no_partner_is_named():
    partners = partners_of(MODEL, DATA, {})
    assert partners.sentences(False) == [
        "The model has 1 of the 3 categories of the data.",
        "The model has 1 of the 2 attributes of the data.",
        "Without a partner in the model, counted as missed (--shared-labels leaves them out): 2 "
        "categories, 'short shirt', 'long shirt'.",
        "Without a partner in the data, left out of the predictions that are scored: 2 categories, "
        "'shirt', 'hat'.",
        "Without a partner in the model, counted as missed (--shared-labels leaves them out): 1 "
        "attribute, 'sheer'.",
        "Without a partner in the data, left out of the predictions that are scored: 1 attribute, "
        "'red'.",
    ]
    assert "left out of the ground truth" in partners.sentences(True)[2]


def test_only_shared_labels_are_scored_where_that_is_asked_for():
    partners = partners_of(MODEL, DATA, MAP)
    described = described_categories(MODEL, DATA, MAP)
    assert described == {"shirt"}  # of hat and skirt only one side has attributes
    kept = shared_truth(renamed_truth(truth((10, [50, 51]), (12, [50])), MAP), partners, described)
    assert [row["attribute_ids"] for row in kept["annotations"]] == [[50], []]
    assert [row["name"] for row in kept["attributes"]] == ["long"]


def test_predictions_without_a_partner_are_left_out():
    partners = partners_of(MODEL, DATA, MAP)
    stored = predictions(0, 1, 2)
    scored = scored_predictions(stored, MAP, partners)
    assert [row["category_id"] for row in scored["annotations"]] == [0, 1]
    assert all("attribute_scores" in row for row in scored["annotations"])
    scored = scored_predictions(stored, MAP, partners, {"shirt"})
    assert [row.get("attribute_ids") for row in scored["annotations"]] == [None, []]
    assert len(stored["annotations"]) == 3 and "attribute_scores" in stored["annotations"][1]


def test_a_map_that_means_nothing_is_refused(tmp_path):
    (tmp_path / "map.json").write_text(json.dumps({"short shirt": 3}))
    with pytest.raises(ValueError, match="the label 'short shirt' must be given a name"):
        read_label_map(tmp_path / "map.json")
    with pytest.raises(ValueError, match="renames 'shrt', which .* have. Did you mean 'shirt'?"):
        check_label_map({"shrt": "shirt"}, MODEL, DATA)
    check_label_map(MAP, MODEL, DATA)
