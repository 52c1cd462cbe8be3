import pytest

from fashion.evaluation.metrics.f1_ap import evaluate_f1_ap
from mrcnn.evaluation.coco import evaluate_coco

COCO = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def scene(objects, found):
    """One image; objects: (box, attributes); found: (score, box, attributes)."""
    return (
        {
            "images": [{"id": 1, "width": 100, "height": 100}],
            "categories": [{"id": 7, "name": "dress"}],
            "attributes": [{"id": i} for i in range(10)],
            "annotations": [
                {
                    "id": 1 + i,
                    "image_id": 1,
                    "category_id": 7,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "attribute_ids": ids,
                }
                for i, (box, ids) in enumerate(objects)
            ],
        },
        [
            {"image_id": 1, "category_id": 7, "score": score, "bbox": box, "attribute_ids": ids}
            for score, box, ids in found
        ],
    )


def test_two_boxes_found_and_one_with_its_attributes():
    # The second detection says 1 of 4 attributes: F1 2 * 1 / (1 + 4) = .4. It is one false alarm
    # below the true one: precision 1 up to recall .5, which is 51 of 101 places.
    numbers = evaluate_f1_ap(
        *scene(
            [([0, 0, 40, 40], [1]), ([50, 50, 40, 40], [1, 2, 3, 4])],
            [(0.9, [0, 0, 40, 40], [1]), (0.8, [50, 50, 40, 40], [1])],
        ),
        "bbox",
    )
    assert numbers["AP"] == numbers["AP75"] == pytest.approx(1)
    assert (
        numbers["f1AP"]
        == numbers["f1AP50"]
        == numbers["f1AP75"]
        == numbers["f1APm"]
        == pytest.approx(51 / 101)
    )
    assert numbers["f1AR100"] == pytest.approx(0.5) and numbers["f1APs"] == numbers["f1APl"] == -1


def test_an_object_without_attributes_asks_for_none():
    numbers = evaluate_f1_ap(
        *scene([([0, 0, 40, 40], [])], [(0.9, [0, 0, 40, 40], [3])]), "bbox", f1_threshold=1
    )
    assert numbers["f1AP"] == numbers["AP"] == pytest.approx(1)


def test_reaching_the_threshold_is_enough():
    case = scene([([0, 0, 40, 40], [1, 2, 3])], [(0.9, [0, 0, 40, 40], [1])])  # F1 2 * 1 / 4
    assert evaluate_f1_ap(*case, "bbox", f1_threshold=0.5)["f1AP"] == pytest.approx(1)
    assert evaluate_f1_ap(*case, "bbox", f1_threshold=0.51)["f1AP"] == 0


def test_a_detection_may_take_a_farther_object_that_has_its_attributes():
    numbers = evaluate_f1_ap(
        *scene([([0, 0, 40, 40], [1]), ([0, 0, 40, 36], [2])], [(0.9, [0, 0, 40, 40], [2])]), "bbox"
    )
    assert numbers["f1AP50"] == pytest.approx(51 / 101)
    assert numbers["f1AR100"] == pytest.approx(
        9 / 10 / 2
    )  # IoU .9: nine of ten thresholds, one object of two


@pytest.mark.slow
@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_coco_numbers_are_pycocotools(random_case, iou_type, boxes, seed):
    truth, detections = random_case(seed, boxes=boxes, crowds=0.1)
    truth["annotations"].sort(key=lambda annotation: annotation["id"])
    ours, coco = (
        evaluate_f1_ap(truth, detections, iou_type),
        evaluate_coco(truth, detections, iou_type),
    )
    assert {name: ours[name] for name in COCO} == pytest.approx(
        {name: coco[name] for name in COCO}, abs=1e-12
    )
    assert all(ours[f"f1{name}"] <= ours[name] + 1e-12 for name in ("AR100", "AP", "AP50"))


def test_f1_threshold_0_is_coco(random_case):
    numbers = evaluate_f1_ap(*random_case(6), f1_threshold=0)
    assert {name: numbers[f"f1{name}"] for name in COCO} == {name: numbers[name] for name in COCO}


def test_f1_1_is_coco_with_a_category_for_every_set_of_attributes(random_case):
    """All objects are of one category, and each has one of three attributes; then each attribute
    becomes a category, so that COCO itself
    asks for the right one. Of all objects, as many must be found."""
    truth, detections = random_case(8, images=6, crowds=0)
    detections = [
        d for d in detections if d["image_id"] > 0
    ]  # image 0 has more than COCO reads of a category
    for i, item in enumerate((*truth["annotations"], *detections)):
        item["category_id"], item["attribute_ids"] = 0, [i % 3]
    found = evaluate_f1_ap(truth, detections, f1_threshold=1)["f1AR100"] * len(truth["annotations"])
    found_of_each = []
    for attribute in range(3):
        objects, mine = (
            [
                item | {"category_id": attribute}
                for item in items
                if item["attribute_ids"] == [attribute]
            ]
            for items in (truth["annotations"], detections)
        )
        found_of_each.append(
            evaluate_coco(truth | {"annotations": objects}, mine)["AR100"] * len(objects)
        )
    assert found == pytest.approx(sum(found_of_each)) and found > 0


def test_nothing_detected_is_0_and_nothing_to_detect_is_minus_1():
    assert set(evaluate_f1_ap(*scene([], [(0.9, [0, 0, 40, 40], [3])]), "bbox").values()) == {-1}
    numbers = evaluate_f1_ap(*scene([([0, 0, 40, 40], [])], []), "bbox")
    assert numbers["AP"] == numbers["f1AP"] == numbers["f1AR100"] == 0


def test_an_unknown_id_is_named_and_id_0_is_an_id_like_others():
    truth, detections = scene([([0, 0, 40, 40], [1])], [(0.9, [0, 0, 40, 40], [1])])
    truth["annotations"][0]["id"] = 0
    assert evaluate_f1_ap(truth, detections, "bbox")["f1AP"] == pytest.approx(1)
    with pytest.raises(ValueError, match="1 attribute that the ground truth does not list: 99"):
        evaluate_f1_ap(truth, [detections[0] | {"attribute_ids": [99]}], "bbox")
    with pytest.raises(ValueError, match="from 0 to 1"):
        evaluate_f1_ap(truth, detections, "bbox", f1_threshold=50)
