"""The table of thresholds: what it leaves, its file, its faults."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.thresholds.files import read_thresholds, read_tuning, write_thresholds
from fashion.evaluation.thresholds.table import (
    NEVER,
    CategoryThresholds,
    Thresholds,
    attribute_scores_of,
    mask_at,
)
from fashion.labels.ontology import Ontology

TABLE = Thresholds(
    0.5,
    0.5,
    0.4,
    3,
    {"colour": 0.3},
    {
        0: CategoryThresholds("shirt", score=0.2, mask=0.6, attributes={30: 0.9}),
        5: CategoryThresholds("shoe", on=False),
        7: CategoryThresholds("hat", attribute=0.7),
    },
    {30: "red"},
)


def test_the_nearest_threshold_counts():
    assert [TABLE.of("score", c) for c in (0, 5, 9)] == [0.2, 0.5, 0.5]
    assert [TABLE.of("mask", c) for c in (0, 7)] == [0.6, 0.5]
    assert TABLE.attributes_of(0, [10, 30, 31], ["length", "colour", "colour"]).tolist() == [
        0.4,
        0.9,
        0.3,
    ]
    assert TABLE.attributes_of(7, [10, 30], ["length", "colour"]).tolist() == [0.7, 0.7]
    assert TABLE.attributes_of(9, [10], [""]).tolist() == [0.4]


def test_detections_that_count_are_the_surest_first():
    assert TABLE.kept([0, 0, 5, 7, 9, 9], [0.2, 0.19, 0.99, 0.5, 0.8, 0.9]).tolist() == [
        5,
        4,
        3,
    ]  # at most three
    assert TABLE.kept([], []).tolist() == []
    assert Thresholds().kept([1, 1], [0.5, 0.4]).tolist() == [0]


def test_the_min_score_is_of_a_category_that_is_on():
    assert TABLE.min_score() == 0.2
    assert (
        Thresholds(0.5, categories={1: CategoryThresholds(on=False, score=0.1)}).min_score() == 0.5
    )


def test_a_table_comes_back_from_its_file(tmp_path):
    write_thresholds(tmp_path / "thresholds.json", TABLE, tuning={"metric": "kaggle_2020"})
    assert read_thresholds(tmp_path / "thresholds.json") == TABLE
    assert json.loads((tmp_path / "thresholds.json").read_text())["categories"]["5"] == {
        "name": "shoe",
        "on": False,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ({"score": 2}, "score must be a threshold from 0 to"),
        ({"score": True}, "score must be a threshold"),
        ({"categories": {"x": {}}}, "there is no category 'x'"),
        ({"categories": {"1": {"scores": 1}}}, "A category may have name, on, score"),
        ({"categories": {"1": {"attributes": {"4": "high"}}}}, "attribute 4 of category 1 must be"),
        ({"categories": {"1": {"on": "no"}}}, "on must be true or false. Got 'no'"),
        ({"detections_per_photo": 0}, "a whole number from 1"),
        ({"detections_per_photo": True}, "a whole number from 1"),
        ({"supercategories": [1]}, '"supercategories" must be an object'),
        ({"supercategories": {"length": 7}}, "super-category length must be a threshold"),
    ],
)
def test_what_is_wrong_in_a_table_is_refused(tmp_path, text, reason):
    check_refused(
        tmp_path, json.dumps({"score": 0.5, "mask": 0.5, "attribute": 0.5} | text), reason
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "Expected an object"),
        ('{"score": 0.5, "coco": 1}', "Expected an object"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, text, reason):
    check_refused(tmp_path, text, reason)


@pytest.mark.parametrize(
    "text",
    [
        {"categories": {"9" * 5000: {}}},
        {"categories": {"1": 5}},
        {"categories": {"1": {"name": 5}}},
        {"categories": {"1": {"attributes": []}}},
        {"categories": {"1": {"attributes": {"a": 0.5}}}},
        {"attribute_names": {"x": "red"}},
        {"attribute_names": {"1": []}},
        {"score": float("nan")},
        {"detections_per_photo": float("inf")},
    ],
)
def test_no_entry_of_a_table_is_told_in_pythons_words(tmp_path, text):
    (tmp_path / "t.json").write_text(
        json.dumps({"score": 0.5, "mask": 0.5, "attribute": 0.5} | text)
    )
    with pytest.raises(ValueError, match="t.json holds no thresholds") as caught:
        read_thresholds(tmp_path / "t.json")
    assert not any(
        words in str(caught.value)
        for words in ("invalid literal", "Exceeds the limit", "object", "argument")
    ) or "must be an object" in str(caught.value)


@pytest.mark.parametrize("tuning", [None, [], [[1]], float("nan"), "x", 5])
def test_what_is_no_tuning_says_nothing(tmp_path, tuning):
    write_thresholds(tmp_path / "t.json", TABLE, tuning=tuning)
    assert read_thresholds(tmp_path / "t.json") == TABLE and read_tuning(tmp_path / "t.json") == {}
    write_thresholds(tmp_path / "t.json", TABLE, tuning={"rescored": True})
    assert read_tuning(tmp_path / "t.json") == {"rescored": True}


def check_refused(tmp_path, text, reason):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ValueError, match=f"t.json holds no thresholds: .*{reason}.*--tune` writes"):
        read_thresholds(tmp_path / "t.json")


def test_a_table_belongs_to_a_label_list():
    TABLE._check(
        {0: "shirt", 5: "shoe", 7: "hat", 8: "bag"}, {30: "red", 31: "blue"}, ["length", "colour"]
    )
    with pytest.raises(ValueError, match=r"category 5 \(shoe\), which here is bag"):
        TABLE._check({0: "shirt", 5: "bag", 7: "hat"}, {30: "red"}, ["length"])
    with pytest.raises(ValueError, match=r"category 7 \(hat\), which here is unknown"):
        TABLE._check({0: "shirt", 5: "shoe"}, {30: "red"}, ["length"], "t.json")
    with pytest.raises(ValueError, match=r"attribute 30 \(red\), which here is knee"):
        TABLE._check({0: "shirt", 5: "shoe", 7: "hat"}, {30: "knee"}, ["length"])
    with pytest.raises(ValueError, match=r"attribute 30 \(red\), which here is unknown"):
        TABLE._check({0: "shirt", 5: "shoe", 7: "hat"}, {}, ["length"])
    with pytest.raises(
        ValueError, match=r"super-category 'colour'; here attributes have \['length'\]"
    ):
        TABLE._check({0: "shirt", 5: "shoe", 7: "hat"}, {30: "red"}, ["length"])


def test_a_label_list_may_be_an_ontology_or_the_truths():
    ontology = Ontology(
        (0, 5, 7), ("shirt", "shoe", "hat"), ("", "", ""), (30,), ("red",), ("colour",), (0,)
    )
    TABLE.check_ontology(ontology)
    truth = {
        kind: [
            {"id": i, "name": name, "supercategory": above}
            for i, name, above in ontology.to_dict()[kind]
        ]
        for kind in ("categories", "attributes")
    }
    TABLE.check_ground_truth(truth)
    truth["categories"][1]["name"] = "bag"
    with pytest.raises(
        ValueError, match=r"t.json has thresholds of category 5 \(shoe\), which here is bag"
    ):
        TABLE.check_ground_truth(truth, "t.json")
    with pytest.raises(
        ValueError, match=r"t.json has thresholds of category 7 \(hat\), which here is unknown"
    ):
        TABLE.check_ontology(
            Ontology((0, 5), ("shirt", "shoe"), ("", ""), (30,), ("red",), ("colour",), (0,)),
            "t.json",
        )


def test_a_mask_at_another_threshold_is_another_mask():
    """Columns of 0.2, 0.4, 0.6, 0.8 in a box of 40 pixels, read bilinearly.

    0.5 is reached in the middle, 0.7 at three quarters.
    """
    mask = np.tile(np.array([51, 102, 153, 204], np.uint8), (4, 1))
    row = {"bbox": [10.0, 20.0, 40.0, 30.0], "mask_probabilities": mask}
    assert [coco_mask.toBbox(mask_at(row, t, (100, 100))).tolist() for t in (0.5, 0.7)] == [
        [30, 20, 20, 30],
        [40, 20, 10, 30],
    ]


def test_a_stored_mask_is_what_it_is_at_its_own_threshold(truth, found):
    """Its probabilities are rounded to 8 bits, so to paste them again would move its edge."""
    (row,) = found((0, 0, (0, 0, 20, 20), 0.9, (0, 0)), mask=np.zeros((4, 4), np.uint8))
    assert Thresholds().apply_to_coco([row], truth())[0]["area"] == 400
    assert Thresholds(mask=0.6).apply_to_coco([row], truth())[0]["area"] == 0


def test_a_score_in_single_precision_reaches_its_threshold():
    for score in (0.6, 0.7):  # of these one is larger in single precision, and one smaller
        assert Thresholds(score=score).kept([1, 1], np.float32([score, score - 0.01])).tolist() == [
            0
        ]
        assert Thresholds(score=score).kept([1, 1], [score, score - 0.01]).tolist() == [0]


def test_results_of_a_model_and_stored_ones_are_decided_alike(truth, found):
    mask = np.full((4, 4), 140, np.uint8)  # 0.549: covers its box at 0.5, nothing at 0.6
    rows = found(
        (0, 0, (0, 0, 20, 20), 0.3, (0.45, 0.8)),
        (0, 5, (0, 0, 20, 20), 0.9, (1, 1)),
        (0, 7, (50, 50, 20, 20), 0.6, (0.6, 0.7)),
        mask=mask,
    )
    ground_truth = truth()
    decided = TABLE.apply_to_coco(rows, ground_truth)
    assert [(row["category_id"], row["attribute_ids"]) for row in decided] == [(7, [30]), (0, [10])]
    assert [int(coco_mask.area(row["segmentation"])) for row in decided] == [400, 0]
    assert rows[0]["attribute_ids"] == [30]  # the argument is as it was

    ontology = Ontology(
        (0, 5, 7),
        ("shirt", "shoe", "hat"),
        ("", "", ""),
        (10, 30),
        ("long", "red"),
        ("", ""),
        (0, 5, 7),
    )
    result = {
        "class_ids": np.array([1, 2, 3]),
        "scores": np.array([0.3, 0.9, 0.6]),
        "boxes": np.zeros((3, 4)),
        "image_hw": (100, 100),
        "attribute_scores": np.array([row["attribute_scores"] for row in rows]),
        "mask_probabilities": np.zeros((3, 4, 4)),
    }
    applied = TABLE.apply_to_result(result, ontology)
    assert applied["class_ids"].tolist() == [3, 1] and applied["attributes"] == [[30], [10]]
    assert (
        applied["mask_thresholds"].tolist() == [0.5, 0.6]
        and len(applied["boxes"]) == 2
        and applied["image_hw"] == (100, 100)
    )


def test_attributes_without_scores_are_certain_or_were_never_said(truth, found):
    scored, listed, bare = found(*[(0, 0, (0, 0, 9, 9), 0.9, (0.45, 0.75))] * 3)
    del listed["attribute_scores"], bare["attribute_scores"], bare["attribute_ids"]  # listed: 30
    assert [attribute_scores_of(row, (10, 30)).tolist() for row in (listed, bare)] == [
        [-1, 1],
        [-1, -1],
    ]
    assert attribute_scores_of(scored, (10, 30)).tolist() == pytest.approx([0.45, 0.75])
    for threshold, expected in (
        (0.0, [[10, 30], [30], []]),
        (0.5, [[30], [30], []]),
        (1.0, [[], [30], []]),
        (NEVER, [[], [], []]),
    ):
        decided = Thresholds(attribute=threshold).apply_to_coco([scored, listed, bare], truth())
        assert [row["attribute_ids"] for row in decided] == expected, threshold
    assert Thresholds(attribute=NEVER).apply_to_coco([listed], truth() | {"attributes": []})[0][
        "attribute_ids"
    ] == [30]  # of an unknown one


def test_categories_without_attributes_get_none():
    ontology = Ontology((0, 5), ("shirt", "shoe"), ("", ""), (10,), ("long",), ("",), (0,))
    result = {
        "class_ids": np.array([1, 2]),
        "scores": np.array([0.9, 0.8]),
        "attribute_scores": np.ones((2, 1)),
        "image_hw": (9, 9),
    }
    assert Thresholds().apply_to_result(result, ontology)["attributes"] == [[10], []]
