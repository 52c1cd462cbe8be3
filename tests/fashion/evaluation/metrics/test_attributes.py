"""Attribute F1: cases counted by hand, and by plain loops."""

import json
from collections import defaultdict

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.attributes import (
    attribute_curves,
    attribute_f1,
    attribute_f1_on_truth,
    attributes,
    matched_dicts,
)
from fashion.evaluation.metrics.registry import Inputs


def rle_of(y1, x1, y2, x2):
    mask = np.zeros((20, 20), np.uint8, order="F")
    mask[y1:y2, x1:x2] = 1
    return coco_mask.encode(mask)


LEFT, RIGHT, LEFT_HALF = rle_of(0, 0, 10, 10), rle_of(0, 10, 10, 20), rle_of(0, 0, 10, 5)


def truth(*objects):
    return {
        "images": [{"id": 1, "height": 20, "width": 20}, {"id": 2, "height": 20, "width": 20}],
        "categories": [{"id": i, "name": str(i)} for i in (0, 5)],
        "attributes": [{"id": i} for i in range(1, 10)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": image,
                "category_id": category,
                "segmentation": rle,
                "attribute_ids": ids,
            }
            for i, (image, category, rle, ids) in enumerate(objects)
        ],
    }


def found(image, category, rle, score, ids):
    return {
        "image_id": image,
        "category_id": category,
        "segmentation": rle,
        "score": score,
        "attribute_ids": ids,
    }


def test_counts_are_pooled_for_micro_and_averaged_for_macro():
    result = attribute_f1(
        truth((1, 0, LEFT, [1, 2, 3]), (1, 0, RIGHT, [1])),
        [found(1, 0, LEFT, 0.9, [1, 2, 9]), found(1, 0, RIGHT, 0.8, [2])],
    )
    # Right: 1, 2 on the left. Said: 1, 2, 9, 2. Real: 1, 2, 3, 1.
    assert (
        result["precision"] == 2 / 4 and result["recall"] == 2 / 4 and result["micro_f1"] == 4 / 8
    )
    # F1 of 1: 2/(1+2); of 2: 2/(2+1); of 3 and 9: 0.
    assert result["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 4)
    assert (
        result["counts"] == {"true_positive": 2, "false_positive": 2, "false_negative": 2}
        and result["exact"] == 0
    )
    assert result["per_attribute"][1] == {
        "name": "1",
        "supercategory": "",
        "ap": -1.0,
        "f1": pytest.approx(2 / 3),
        "precision": 1.0,
        "recall": 0.5,
        "instances": 2,
        "predicted": 1,
    }
    assert (result["matched"], result["ground_truth"]) == (2, 2)


@pytest.mark.parametrize(
    "detection",
    [found(1, 5, LEFT, 0.9, [1]), found(2, 0, LEFT, 0.9, [1]), found(1, 0, RIGHT, 0.9, [1])],
)
def test_another_category_image_or_place_does_not_match(detection):
    result = attribute_f1(truth((1, 0, LEFT, [1])), [detection])
    assert (result["matched"], result["ground_truth"], result["micro_f1"]) == (0, 1, 0.0)


def test_an_iou_of_exactly_the_threshold_matches():
    assert (
        attribute_f1(truth((1, 0, LEFT, [1])), [found(1, 0, LEFT_HALF, 0.9, [1])])["matched"] == 1
    )
    assert (
        attribute_f1(
            truth((1, 0, LEFT, [1])), [found(1, 0, LEFT_HALF, 0.9, [1])], iou_threshold=0.6
        )["matched"]
        == 0
    )


def test_the_most_certain_detection_takes_the_object():
    result = attribute_f1(
        truth((1, 0, LEFT, [1])), [found(1, 0, LEFT, 0.5, [2]), found(1, 0, LEFT_HALF, 0.9, [1])]
    )
    assert (result["matched"], result["micro_f1"]) == (1, 1.0)


def test_a_detection_takes_the_object_it_overlaps_most():
    wide = rle_of(0, 0, 10, 9)
    result = attribute_f1(
        truth((1, 0, LEFT_HALF, [1]), (1, 0, LEFT, [2])), [found(1, 0, wide, 0.9, [2])]
    )
    assert result["micro_f1"] == 1.0


def test_uncertain_detections_are_left_out():
    inputs = Inputs(truth((1, 0, LEFT, [1])), [found(1, 0, LEFT, 0.3, [1])], score_threshold=0.5)
    assert attributes(inputs)["matched"] == 0


def test_the_other_forms_of_a_mask_are_read():
    polygon = [[0, 0, 10, 0, 10, 10, 0, 10]]
    result = attribute_f1(
        truth((1, 0, polygon, [1])),
        [found(1, 0, {"size": [20, 20], "counts": [0] + [10, 10] * 9 + [10, 210]}, 0.9, [1])],
    )
    assert result["matched"] == 1


def test_garments_without_attributes_are_matched_and_add_no_counts():
    result = attribute_f1(truth((1, 0, LEFT, [])), [found(1, 0, LEFT, 0.9, [])])
    assert (result["matched"], result["micro_f1"], result["per_attribute"]) == (1, 0.0, {})


def test_nothing_detected_scores_zero():
    assert attribute_f1(truth((1, 0, LEFT, [1])), [])["micro_f1"] == 0.0
    assert attribute_f1(truth(), [])["ground_truth"] == 0


# By attribute, super-category and category

LABELS = {
    "categories": [
        {"id": 0, "name": "dress"},
        {"id": 6, "name": "pants"},
        {"id": 23, "name": "shoe"},
    ],
    "attributes": [
        {"id": 2, "name": "short", "supercategory": "length"},
        {"id": 1, "name": "long", "supercategory": "length"},
        {"id": 7, "name": "dotted", "supercategory": "pattern"},
    ],
}
SMALL, LOW = rle_of(12, 0, 20, 8), rle_of(12, 10, 20, 20)


def labelled_case():
    """Two dresses, one pair of trousers and a shoe, all found; scores in the order of the list: 2,
    1, 7.
    """
    gt = (
        truth((1, 0, LEFT, [2, 7]), (1, 0, RIGHT, [1]), (1, 6, SMALL, [1]), (1, 23, LOW, []))
        | LABELS
    )
    said = [
        found(1, 0, LEFT, 0.9, [2]) | {"attribute_scores": np.float32([0.9, 0.1, 0.4])},
        found(1, 0, RIGHT, 0.8, [1, 2]) | {"attribute_scores": np.float32([0.6, 0.7, 0.4])},
        found(1, 6, SMALL, 0.7, [1]) | {"attribute_scores": np.float32([0.1, 0.6, 0.45])},
        found(1, 23, LOW, 0.6, []) | {"attribute_scores": np.float32([1, 1, 1])},
    ]  # a shoe has no attributes: this ranks nothing
    return gt, said


def test_the_tables_of_a_small_case():
    result = attribute_f1(*labelled_case())
    # Said: 2; 1, 2; 1. Real: 2, 7; 1; 1. Right: 3.
    assert result["counts"] == {"true_positive": 3, "false_positive": 1, "false_negative": 1}
    assert (result["micro_f1"], result["exact"]) == (
        0.75,
        1 / 3,
    )  # of two dresses and trousers, the trousers are all right
    # The dress with 2 has the best score for it, the two with 1 have the two best, and for 7 all
    # score as high as the one that has it.
    assert [result["per_attribute"][i]["ap"] for i in (1, 2, 7)] == [1, 1, 1 / 3] and result[
        "map"
    ] == pytest.approx(7 / 9)
    assert list(result["per_attribute"]) == [1, 2, 7]
    assert result["per_attribute"][2] == {
        "name": "short",
        "supercategory": "length",
        "f1": pytest.approx(2 / 3),
        "precision": 0.5,
        "recall": 1.0,
        "ap": 1.0,
        "instances": 1,
        "predicted": 2,
    }
    assert result["per_supercategory"] == {
        "length": {
            "f1": pytest.approx(6 / 7),
            "macro_f1": pytest.approx(5 / 6),
            "ap": 1.0,
            "instances": 3,
            "predicted": 4,
        },
        "pattern": {"f1": 0.0, "macro_f1": 0.0, "ap": 1 / 3, "instances": 1, "predicted": 0},
    }
    assert result["per_category"] == {
        0: {
            "name": "dress",
            "micro_f1": pytest.approx(2 / 3),
            "macro_f1": pytest.approx((1 + 2 / 3 + 0) / 3),
            "precision": 2 / 3,
            "recall": 2 / 3,
            "map": pytest.approx((1 + 1 + 1 / 2) / 3),
            "matched": 2,
            "instances": 2,
        },
        6: {
            "name": "pants",
            "micro_f1": 1.0,
            "macro_f1": 1.0,
            "precision": 1.0,
            "recall": 1.0,
            "map": 1.0,
            "matched": 1,
            "instances": 1,
        },
    }


def test_a_category_whose_objects_were_missed_keeps_its_row():
    gt, said = labelled_case()
    assert attribute_f1(gt, said[:2])["per_category"][6] == {
        "name": "pants",
        "micro_f1": 0.0,
        "macro_f1": 0.0,
        "precision": 0.0,
        "recall": 0.0,
        "map": -1.0,
        "matched": 0,
        "instances": 1,
    }


def test_attributes_said_of_a_category_that_carries_none_are_wrong():
    gt, said = labelled_case()
    said[3]["attribute_ids"] = [7]
    result = attribute_f1(gt, said)
    assert result["counts"]["false_positive"] == 2 and result["per_category"][23]["precision"] == 0
    assert result["map"] == attribute_f1(*labelled_case())["map"]


def test_scores_that_lack_on_one_object_rank_nothing():
    gt, said = labelled_case()
    del said[3]["attribute_scores"]  # the shoe's are not missed
    assert attribute_f1(gt, said)["map"] == pytest.approx(7 / 9)
    del said[1]["attribute_scores"]
    result = attribute_f1(gt, said)
    assert result["map"] == -1 and {row["ap"] for row in result["per_attribute"].values()} == {-1}
    assert result["micro_f1"] == 0.75 and attribute_curves(gt, said) == {}


def test_scores_of_another_list_are_told():
    gt, said = labelled_case()
    said[0]["attribute_scores"] = np.zeros(4, np.float32)
    with pytest.raises(
        ValueError, match="4 attribute_scores, but the ground truth lists 3 attributes"
    ):
        attribute_f1(gt, said)


def test_the_tables_survive_json():
    result = attribute_f1(*labelled_case())
    again = json.loads(
        json.dumps(result),
        object_hook=lambda row: {int(k) if k.isdigit() else k: v for k, v in row.items()},
    )
    assert again == result


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_agree_with_plain_loops(random_case, seed):
    gt, said = random_case(seed)
    counts = defaultdict(lambda: np.zeros(3, int))  # right, said, real
    said = [row for row in said if row["score"] >= 0.3]
    for detection, annotation in matched_dicts(MatchTable.build(gt, said)):
        # Some are predicted twice.
        said_here, real_here = {*detection["attribute_ids"]}, {*annotation["attribute_ids"]}
        for place, ids in enumerate((said_here & real_here, said_here, real_here)):
            for i in ids:
                for name in ("all", ("attribute", i), ("category", annotation["category_id"])):
                    counts[name][place] += 1
    result = attribute_f1(gt, said)

    def of(name):
        right, predicted, present = counts[name]
        return (
            right / max(predicted, 1),
            right / max(present, 1),
            2 * right / max(predicted + present, 1),
        )

    assert counts["all"][0] > 20
    assert (result["precision"], result["recall"], result["micro_f1"]) == pytest.approx(of("all"))
    assert {("attribute", i) for i in result["per_attribute"]} == {
        name for name in counts if name[0] == "attribute"
    }
    for kind, f1 in (("attribute", "f1"), ("category", "micro_f1")):
        for i, row in result["per_" + kind].items():
            assert (row["precision"], row["recall"], row[f1]) == pytest.approx(of((kind, i)))
    assert result["macro_f1"] == pytest.approx(
        np.mean([of(name)[2] for name in counts if name[0] == "attribute"])
    )


# Curves


def test_the_curves_of_a_small_case():
    gt, said = labelled_case()
    result = attribute_curves(gt, said, thresholds=(0.05, 0.4, 0.65, 0.95))
    # Without the shoe, of nine scores 9, 7, 2 and 0 reach the thresholds; the real ones have 0.9,
    # 0.4, 0.7, 0.6.
    assert result["thresholds"] == [0.05, 0.4, 0.65, 0.95]
    assert result["precision"] == pytest.approx([4 / 9, 4 / 7, 1, 0]) and result["recall"] == [
        1,
        1,
        0.5,
        0,
    ]
    assert result["f1"] == pytest.approx([8 / 13, 8 / 11, 4 / 6, 0])


def test_the_curves_pass_through_the_f1_of_a_threshold():
    gt, said = labelled_case()
    result, curves = (
        attribute_f1(gt, said),
        attribute_curves(gt, said),
    )  # what was said scores at least 0.5
    assert len(curves["thresholds"]) == 19 and curves["thresholds"][9] == 0.5
    assert [curves[name][9] for name in ("precision", "recall", "f1")] == [
        result[name] for name in ("precision", "recall", "micro_f1")
    ]


# At the boxes of the truth


def test_what_is_said_at_the_boxes_of_the_truth_is_joined_by_id():
    gt, said = labelled_case()
    gt["annotations"].append({**gt["annotations"][0], "id": 9, "iscrowd": 1})
    described = [
        {"annotation_id": i + 1, **{key: row[key] for key in ("attribute_ids", "attribute_scores")}}
        for i, row in enumerate(said)
    ]
    result = attribute_f1_on_truth(gt, described[::-1])
    assert result == attribute_f1(gt, said) and (result["matched"], result["ground_truth"]) == (
        4,
        4,
    )


def test_the_truth_said_of_itself_is_all_right(random_case):
    gt, _ = random_case(0)
    place = {row["id"]: t for t, row in enumerate(gt["attributes"])}
    described = []
    for row in (row for row in gt["annotations"] if not row["iscrowd"]):
        scores = np.zeros(len(place), np.float32)
        scores[[place[i] for i in row["attribute_ids"]]] = 1
        described.append(
            {
                "annotation_id": row["id"],
                "attribute_ids": row["attribute_ids"],
                "attribute_scores": scores,
            }
        )
    result = attribute_f1_on_truth(gt, described)
    assert result["micro_f1"] == result["macro_f1"] == result["map"] == result["exact"] == 1


def test_descriptions_that_are_not_one_for_each_object_are_told():
    gt, said = labelled_case()
    described = [{"annotation_id": i, "attribute_ids": []} for i in (1, 2, 3, 4)]
    with pytest.raises(
        ValueError, match="2 objects of the ground truth are not described: 1, 3. Expected one"
    ):
        attribute_f1_on_truth(gt, described[1::2])
    with pytest.raises(
        ValueError,
        match="1 annotation ids are described that the ground truth does not have: 5",
    ):
        attribute_f1_on_truth(gt, [*described, {"annotation_id": 5, "attribute_ids": []}])
    with pytest.raises(ValueError, match="1 objects are described more than once: 2"):
        attribute_f1_on_truth(gt, [*described, described[1]])
    assert attribute_f1_on_truth(gt | {"annotations": []}, [])["matched"] == 0
