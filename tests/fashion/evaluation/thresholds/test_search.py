"""The search finds the best thresholds where they are obvious; values equal the metrics."""

import numpy as np
import pytest

from fashion.evaluation.scoring import score_predictions
from fashion.evaluation.thresholds.attribute_search import matched_attributes
from fashion.evaluation.thresholds.candidate import NO_LIMIT, Candidate
from fashion.evaluation.thresholds.files import parse_thresholds, thresholds_to_dict
from fashion.evaluation.thresholds.level_search import LEVELS, _key
from fashion.evaluation.thresholds.objectives import OBJECTIVES
from fashion.evaluation.thresholds.search import grid, search, value_of
from fashion.evaluation.thresholds.tuning_data import MASKS, read_tuning_data

BOX, ELSEWHERE = (10, 10, 40, 40), (60, 60, 30, 30)


def with_scores(detections, attributes, seed=0):
    """Detections of the `random_case` with attribute scores that say the same at 0.5."""
    rng = np.random.default_rng(seed)
    place = {row["id"]: t for t, row in enumerate(attributes)}
    for row in detections:
        scores = rng.uniform(0, 0.5, len(attributes))
        scores[[place[i] for i in row["attribute_ids"]]] = rng.uniform(
            0.5, 1, len(row["attribute_ids"])
        )
        row["attribute_scores"] = scores.astype(np.float32)
    return detections


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("kaggle_2020", lambda s: s["kaggle_2020"]["score"]),
        ("kaggle_2019", lambda s: s["kaggle_2019"]["mean_over_images_and_classes"]),
        ("kaggle_2019_pooled", lambda s: s["kaggle_2019"]["pooled"]),
        ("attributes", lambda s: s["attributes"]["micro_f1"]),
        ("f1_ap", lambda s: s["f1_ap"]["segm"]["f1AP"]),
        ("fashionpedia", lambda s: s["fashionpedia_fixed"]["segm"]["iou_f1/AP"]),
    ],
)
@pytest.mark.parametrize("crowds", [0, 0.3])
def test_a_value_is_the_measure_itself(random_case, name, where, crowds):
    ground_truth, detections = random_case(3, images=6, crowds=crowds, boxes=True)
    for image in ground_truth["images"]:
        image["file_name"] = f"{image['id']}.jpg"
    for row in detections:
        row["area"] = row["bbox"][2] * row["bbox"][3]
    with_scores(detections, ground_truth["attributes"])
    data = read_tuning_data(ground_truth, detections)
    assert any(photo.crowd.any() for photo in data.images) == bool(crowds)
    score = 0.0 if OBJECTIVES[name].ranked else 0.4
    value = value_of(data, OBJECTIVES[name], [Candidate.uniform(data, score, 0.5)] * 6)
    measured = where(score_predictions(ground_truth, detections, fixed=True, score_threshold=0.4))
    assert value == pytest.approx(max(measured, 0), abs=1e-12) and value > 0


@pytest.mark.parametrize("name", ["kaggle_2020", "kaggle_2019", "attributes"])
def test_what_is_told_of_attributes_without_scores_is_what_the_table_gives(truth, found, name):
    """As in a submission: "long" is always right, "red" never; a threshold above 1 drops it."""
    photos = 12
    ground_truth = truth(*((i, 0, BOX, [10]) for i in range(photos)), photos=photos)
    detections = found(*((i, 0, BOX, 1.0, (1, 1)) for i in range(photos)))
    for row in detections:
        del row["attribute_scores"]
    tuned = search(data := read_tuning_data(ground_truth, detections), OBJECTIVES[name], folds=3)
    values = {}
    for level, choice in tuned.candidates.items():
        scores = score_predictions(
            ground_truth,
            choice.to_table(data).apply_to_coco(detections, ground_truth),
            score_threshold=0.0,
        )
        values[level] = {
            "kaggle_2020": scores["kaggle_2020"]["score"],
            "attributes": scores["attributes"]["micro_f1"],
            "kaggle_2019": scores["kaggle_2019"]["mean_over_images_and_classes"],
        }[name]
    assert (
        values == pytest.approx(tuned.on_same)
        and tuned.on_same["given"] < tuned.on_same["attribute"] == 1
    )


def test_kaggles_crowds_are_objects_and_other_measures_leave_them_out(truth, found):
    ground_truth = truth((0, 0, BOX, [10]), (1, 0, BOX, [10]))
    ground_truth["annotations"][0]["iscrowd"] = 1
    data = read_tuning_data(
        ground_truth, found((0, 0, BOX, 0.9, (0.9, 0)), (1, 0, BOX, 0.9, (0.9, 0)))
    )
    choice = Candidate.uniform(data, 0.5, 0.5)
    assert [
        len(matched_attributes(data.images, choice, OBJECTIVES[name])[0].gt)
        for name in ("kaggle_2020", "attributes")
    ] == [2, 1]


def test_a_decision_is_remembered_in_sixteen_bytes():
    kept, masks, said = np.arange(50), np.zeros(50, int), np.zeros((50, 294), bool)
    key = _key(3, kept, masks, said)
    other = said.copy()
    other[49, 293] = True
    assert key[0] == 3 and len(key[1]) == 16 and key == _key(3, kept.copy(), masks, said)
    assert (
        len(
            {
                key,
                _key(4, kept, masks, said),
                _key(3, kept[::-1], masks, said),
                _key(3, kept, masks + 1, said),
                _key(3, kept, masks, other),
                _key(3, kept[:0], masks[:0], said[:0]),
            }
        )
        == 6
    )


def test_decisions_of_the_search_are_those_of_the_table(random_case):
    ground_truth, detections = random_case(4, images=5, crowds=0, boxes=True)
    with_scores(detections, ground_truth["attributes"])
    for row in ground_truth["attributes"]:
        row["supercategory"] = f"kind {row['id'] % 3}"
    data = read_tuning_data(ground_truth, detections)
    rng = np.random.default_rng(0)
    k, t = len(data.category_ids), len(data.attribute_ids)
    attribute = rng.choice([0.4, 0.5, 0.9], (k, t))
    attribute[:3] = attribute[3]  # some that are as usual, some of one level
    attribute[5] = 0.9
    choice = Candidate(
        rng.random(k) < 0.7,
        rng.choice([0.2, 0.5], k),
        np.zeros(k, int),
        attribute,
        9,
        (0.5, 0.5, 0.4),
        {"kind 1": 0.5},
    )
    decided = choice.to_table(data).apply_to_coco(detections, ground_truth)
    expected = []
    for photo in data.images:
        for d in choice.kept(photo):
            ids = [
                data.attribute_ids[a] for a in np.flatnonzero(choice.predicted_attributes(photo)[d])
            ]
            expected.append(
                (photo.image_id, data.category_ids[photo.category[d]], photo.score[d], ids)
            )
    got = [
        (row["image_id"], row["category_id"], row["score"], row["attribute_ids"]) for row in decided
    ]
    assert sorted(got) == sorted(expected) and len(got) > 20


def test_a_category_that_only_harms_is_switched_off_and_one_that_is_missed_gets_a_lower_score(
    truth, found
):
    """Shoes are false positives of high score everywhere; shirts are right, but score lower."""
    photos = 20
    ground_truth = truth(*((i, 0, BOX, ()) for i in range(photos)), photos=photos)
    detections = found(
        *((i, 0, BOX, 0.3 + i / 1000, (0, 0)) for i in range(photos)),
        *((i, 5, ELSEWHERE, 0.99, (0, 0)) for i in range(photos)),
    )
    data = read_tuning_data(ground_truth, detections)
    tuned = search(data, OBJECTIVES["kaggle_2019"], folds=4)
    table = tuned.candidates[tuned.level].to_table(data)
    assert (
        tuned.level == "category"
        and tuned.held_out["given"] == 0
        and tuned.held_out["category"] == pytest.approx(1)
    )
    assert not table.categories[5].on and table.of("score", 0) <= 0.3
    assert search(data, OBJECTIVES["kaggle_2020"], folds=4).held_out["category"] == pytest.approx(1)


@pytest.mark.slow
def test_an_attribute_gets_the_threshold_that_separates_it(truth, found):
    """ "long" is true from 0.7 on, "red" from 0.2 on: no single threshold is right for both."""
    photos = 40
    long, red = [i % 2 == 0 for i in range(photos)], [i % 4 < 2 for i in range(photos)]
    ground_truth = truth(
        *((i, 0, BOX, [10] * long[i] + [30] * red[i]) for i in range(photos)), photos=photos
    )
    detections = found(
        *(
            (i, 0, BOX, 0.9, (0.72 if long[i] else 0.68, 0.22 if red[i] else 0.18))
            for i in range(photos)
        )
    )
    data = read_tuning_data(ground_truth, detections)
    for name in ("kaggle_2020", "kaggle_2019", "attributes"):
        tuned = search(data, OBJECTIVES[name], folds=4)
        thresholds = (
            tuned.candidates[tuned.level].to_table(data).attributes_of(0, [10, 30], ["", ""])
        )
        assert tuned.level == "attribute" and tuned.held_out["attribute"] == pytest.approx(1), name
        assert thresholds == pytest.approx([0.7, 0.2]), name


def test_a_supercategory_gets_the_threshold_that_separates_its_attributes(truth, found):
    """As before, but "long" is a length and "red" a colour, of shirts and of shoes."""
    photos = 40
    long, red = [i % 2 == 0 for i in range(photos)], [i % 4 < 2 for i in range(photos)]
    ground_truth = truth(
        *((i, 5 * (i % 3 == 0), BOX, [10] * long[i] + [30] * red[i]) for i in range(photos)),
        photos=photos,
    )
    ground_truth["attributes"] = [
        {"id": 10, "supercategory": "length"},
        {"id": 30, "supercategory": "colour"},
    ]
    detections = found(
        *(
            (i, 5 * (i % 3 == 0), BOX, 0.9, (0.72 if long[i] else 0.68, 0.22 if red[i] else 0.18))
            for i in range(photos)
        )
    )
    tuned = search(
        data := read_tuning_data(ground_truth, detections), OBJECTIVES["kaggle_2019"], folds=4
    )
    table = tuned.candidates[tuned.level].to_table(data)
    assert (
        tuned.level == "supercategory"
        and table.categories == {}
        and tuned.held_out["supercategory"] == pytest.approx(1)
    )
    assert [
        table.supercategories.get(name, table.attribute) for name in ("length", "colour")
    ] == pytest.approx([0.7, 0.2])
    assert parse_thresholds(thresholds_to_dict(table)) == table
    assert {
        tuple(row["attribute_ids"]) for row in table.apply_to_coco(detections, ground_truth)
    } == {
        (),
        (10,),
        (30,),
        (10, 30),
    }


def test_where_every_choice_is_equal_nothing_is_changed(truth, found):
    ground_truth = truth(*((i, 0, BOX, [10]) for i in range(8)), photos=8)
    data = read_tuning_data(ground_truth, found(*((i, 0, BOX, 0.9, (0.9, 0.1)) for i in range(8))))
    tuned = search(data, OBJECTIVES["kaggle_2020"], folds=2)
    assert (
        tuned.level == "given"
        and thresholds_to_dict(tuned.candidates[tuned.level].to_table(data))["categories"] == {}
    )
    assert set(tuned.held_out.values()) == set(tuned.on_same.values()) == {1.0} and list(
        tuned.candidates
    ) == list(LEVELS)


def test_a_photo_may_keep_its_surest_detection_alone(truth, found):
    """The first is right, the second is not; no score threshold separates them in all images."""
    ground_truth = truth(*((i, 0, BOX, ()) for i in range(10)), photos=10)
    detections = found(
        *((i, 0, BOX, 0.9 - i / 20, (0, 0)) for i in range(10)),
        *((i, 0, ELSEWHERE, 0.89 - i / 20, (0, 0)) for i in range(10)),
    )
    data = read_tuning_data(ground_truth, detections)
    tuned = search(data, OBJECTIVES["kaggle_2020"], folds=5)
    assert tuned.candidates[tuned.level].limit == 1 and tuned.held_out["global"] == pytest.approx(1)
    assert tuned.candidates["given"].limit == NO_LIMIT


def test_masks_are_tried_at_several_thresholds(truth, found):
    """Columns of 0.2 to 0.8: at 0.5 the right half of the box, at 0.3 the object."""
    mask = np.tile(np.array([51, 102, 153, 204], np.uint8), (4, 1))
    ground_truth = truth(*((i, 0, (20, 10, 30, 40), ()) for i in range(6)), photos=6)
    detections = found(*((i, 0, BOX, 0.9, (0, 0)) for i in range(6)), mask=mask)
    for row in detections:
        row["segmentation"] = truth((0, 0, (30, 10, 20, 40), ()))["annotations"][0]["segmentation"]
    data = read_tuning_data(ground_truth, detections)
    assert (
        data.masks == MASKS
        and data.images[0].iou[:, 0, 0].argmax() == 0
        and data.images[0].iou[0, 0, 0] == 1
    )
    tuned = search(data, OBJECTIVES["kaggle_2020"], folds=2)
    assert tuned.candidates[tuned.level].to_table(data).mask == 0.3


def test_the_grid_has_the_value_at_every_pair(truth, found):
    ground_truth = truth((0, 0, BOX, [10]), (1, 0, BOX, [10]))
    data = read_tuning_data(
        ground_truth, found((0, 0, BOX, 0.6, (0.6, 0)), (1, 0, BOX, 0.3, (0.3, 0)))
    )
    table = grid(data, OBJECTIVES["kaggle_2020"], scores=(0.2, 0.5), attributes=(0.2, 0.5))
    assert table == {
        "metric": "Kaggle 2020",
        "score_thresholds": [0.2, 0.5],
        "attribute_thresholds": [0.2, 0.5],
        "values": [[1.0, 0.5], [0.5, 0.5]],
    }


def test_folds_need_photos(truth, found):
    data = read_tuning_data(truth((0, 0, BOX, ())), found((0, 0, BOX, 0.6, (0, 0))))
    for folds in (1, 3):
        with pytest.raises(
            ValueError, match=f"at least 2 folds and an image for each. Got {folds} folds, 2 images"
        ):
            search(data, OBJECTIVES["kaggle_2020"], folds=folds)
