"""COCO numbers: pencil cases, pycocotools called directly, and the traps of its interface."""

import copy

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mrcnn.evaluation.coco import NUMBERS, evaluate_coco


def rle_of(box, size_hw=(100, 100)):
    y1, x1, y2, x2 = box
    mask = np.zeros(size_hw, np.uint8, order="F")
    mask[y1:y2, x1:x2] = 1
    rle = coco_mask.encode(mask)
    return {"size": rle["size"], "counts": rle["counts"].decode()}


def annotation(number, image_id, category_id, box, **more):
    y1, x1, y2, x2 = box
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (y2 - y1) * (x2 - x1),
        "iscrowd": 0,
        "segmentation": rle_of(box),
    } | more


def detection(image_id, category_id, box, score):
    y1, x1, y2, x2 = box
    return {
        "image_id": image_id,
        "category_id": category_id,
        "score": score,
        "segmentation": rle_of(box),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
    }


def truth(annotations, images=(1, 2, 3)):
    return {
        "images": [{"id": i, "height": 100, "width": 100} for i in images],
        "categories": [
            {"id": 0, "name": "shirt"},
            {"id": 7, "name": "skirt"},
            {"id": 9, "name": "never"},
        ],
        "annotations": annotations,
    }


BOXES = [(10, 10, 30, 40), (50, 50, 90, 90)]


@pytest.fixture
def two_objects():
    return truth([annotation(1, 1, 0, BOXES[0]), annotation(2, 2, 7, BOXES[1])])


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_perfect_detections_score_one(two_objects, iou_type):
    numbers = evaluate_coco(
        two_objects, [detection(1, 0, BOXES[0], 0.9), detection(2, 7, BOXES[1], 0.8)], iou_type
    )
    assert numbers["AP"] == pytest.approx(1) and numbers["AR100"] == 1
    assert numbers["APl"] == -1  # no object is large


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_no_detections_score_zero(two_objects, iou_type):
    numbers = evaluate_coco(two_objects, [], iou_type)
    assert numbers["AP"] == numbers["AP50"] == numbers["AR100"] == 0
    assert numbers["per_category"][0]["AP"] == 0


def test_half_the_objects_found_is_half_the_score(two_objects):
    numbers = evaluate_coco(two_objects, [detection(1, 0, BOXES[0], 0.9)])
    assert numbers["AP"] == pytest.approx(0.5)
    assert numbers["per_category"] == {
        0: {"name": "shirt", "AP": pytest.approx(1), "AP50": pytest.approx(1), "instances": 1},
        7: {"name": "skirt", "AP": 0, "AP50": 0, "instances": 1},
        9: {"name": "never", "AP": -1, "AP50": -1, "instances": 0},
    }


def test_an_iou_of_two_thirds_counts_for_four_thresholds(two_objects):
    # 20 of 30 columns: IoU 2/3 reaches .50, .55, .60 and .65.
    numbers = evaluate_coco(
        truth([annotation(1, 1, 0, BOXES[0])]), [detection(1, 0, (10, 10, 30, 30), 0.9)]
    )
    assert (
        numbers["AP"] == pytest.approx(0.4)
        and numbers["AP50"] == pytest.approx(1)
        and numbers["AP75"] == 0
    )


def random_case(seed):
    rng = np.random.default_rng(seed)
    annotations, detections = [], []
    for image_id in (1, 2, 3):
        for _ in range(4):
            low = rng.integers(0, 50, 2)
            high = low + rng.integers(5, 50, 2)
            category = int(rng.choice([0, 7]))
            annotations.append(annotation(len(annotations) + 1, image_id, category, (*low, *high)))
            shift = rng.integers(0, 8, 2)
            detections.append(
                detection(
                    image_id, category, (*(low + shift), *(high + shift)), float(rng.random())
                )
            )
    return truth(annotations), detections


@pytest.mark.parametrize("seed", range(3))
def test_the_numbers_are_those_of_pycocotools(seed):
    ground_truth, detections = random_case(seed)
    reference = COCO()
    reference.dataset = copy.deepcopy(ground_truth)
    reference.createIndex()
    masks_only = [{k: v for k, v in d.items() if k != "bbox"} for d in detections]
    evaluation = COCOeval(reference, reference.loadRes(copy.deepcopy(masks_only)), "segm")
    evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    numbers = evaluate_coco(ground_truth, detections)
    np.testing.assert_allclose([numbers[name] for name in NUMBERS], evaluation.stats)


def test_the_overall_score_is_the_mean_over_categories():
    numbers = evaluate_coco(*random_case(5))
    known = [row["AP"] for row in numbers["per_category"].values() if row["AP"] > -1]
    assert numbers["AP"] == pytest.approx(np.mean(known))


def test_a_box_beside_a_mask_does_not_change_its_size_class(two_objects):
    # A thin diagonal: few pixels in a large box. By its mask it is small.
    mask = np.asfortranarray(np.eye(100, dtype=np.uint8))
    rle = coco_mask.encode(mask)
    thin = annotation(1, 1, 0, (0, 0, 100, 100), segmentation=rle, area=100)
    found = {
        "image_id": 1,
        "category_id": 0,
        "score": 0.9,
        "segmentation": rle,
        "bbox": [0, 0, 100, 100],
    }
    assert evaluate_coco(truth([thin]), [found])["APs"] == pytest.approx(1)


def test_only_the_wanted_images_count(two_objects):
    numbers = evaluate_coco(two_objects, [detection(1, 0, BOXES[0], 0.9)], image_ids=[1])
    assert numbers["AP"] == pytest.approx(1)
    assert numbers["per_category"][7]["instances"] == 0


def test_boxes_are_found_from_masks_where_there_are_none(two_objects):
    only_mask = {k: v for k, v in detection(1, 0, BOXES[0], 0.9).items() if k != "bbox"}
    assert evaluate_coco(two_objects, [only_mask], "bbox", image_ids=[1])["AP"] == pytest.approx(1)


def test_nothing_is_printed_and_nothing_is_changed(two_objects, capsys):
    detections = [detection(1, 0, BOXES[0], 0.9)]
    before = copy.deepcopy((two_objects, detections))
    evaluate_coco(two_objects, detections)
    assert capsys.readouterr() == ("", "")
    assert (two_objects, detections) == before


def test_annotation_id_zero_is_refused(two_objects):
    two_objects["annotations"][0]["id"] = 0
    with pytest.raises(ValueError, match="start at 1"):
        evaluate_coco(two_objects, [])


def test_a_detection_of_an_unknown_image_is_refused(two_objects):
    with pytest.raises(ValueError, match="1 image that the ground truth does not list: 77"):
        evaluate_coco(two_objects, [detection(77, 0, BOXES[0], 0.9)])


def test_a_detection_without_a_mask_is_refused(two_objects):
    with pytest.raises(ValueError, match="segmentation"):
        evaluate_coco(
            two_objects, [{"image_id": 1, "category_id": 0, "score": 1.0, "bbox": [0, 0, 1, 1]}]
        )


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize(
    "missing",
    [["iscrowd"], ["area"], ["bbox"], ["iscrowd", "area", "bbox"], ["segmentation"], ["id"]],
)
def test_fields_that_are_missing_are_filled_in(two_objects, missing, iou_type):
    found = [detection(1, 0, BOXES[0], 0.9), detection(2, 7, BOXES[1], 0.8)]
    whole = evaluate_coco(two_objects, found, iou_type)
    bare = two_objects | {
        "annotations": [
            {k: v for k, v in row.items() if k not in missing} for row in two_objects["annotations"]
        ]
    }
    null = two_objects | {
        "annotations": [row | dict.fromkeys(missing) for row in two_objects["annotations"]]
    }
    for truth_ in (bare,) if missing == ["id"] else (bare, null):
        assert evaluate_coco(truth_, found, iou_type) == whole


def test_a_crowd_forgives_what_lies_in_it(two_objects):
    crowd = two_objects["annotations"][0] | {"id": 3, "image_id": 3, "iscrowd": True}
    two_objects["annotations"].append(crowd)
    found = [
        detection(1, 0, BOXES[0], 0.9),
        detection(2, 7, BOXES[1], 0.8),
        *[detection(3, 0, (12, 12, 25, 30), 0.95)] * 3,
    ]
    assert evaluate_coco(two_objects, found)["AP"] == pytest.approx(1)
    two_objects["annotations"][-1] = crowd | {"iscrowd": 0}
    assert evaluate_coco(two_objects, found)["AP"] < 0.9


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"category_id": 4}, "1 category that the ground truth does not list: 4"),
        ({"score": float("nan")}, "has the score nan"),
        ({"score": None}, "detection number 0 .from 0. has the score null"),
        ({"image_id": []}, r"has the image_id \[\]"),
        ({"category_id": {}}, "has the category_id {}"),
    ],
)
def test_detections_that_cannot_count_are_refused(two_objects, change, message, iou_type):
    with pytest.raises(ValueError, match=message):
        evaluate_coco(two_objects, [detection(1, 0, BOXES[0], 0.9) | change], iou_type)


def test_masks_that_would_crash_pycocotools_are_refused(two_objects):
    for wrong in ([[1, 1, 3e8, 3e8, 5, 7]], {"size": [100, 100], "counts": "0"}, {"counts": [1]}):
        with pytest.raises(ValueError, match="detection number 0 .from 0. has"):
            evaluate_coco(two_objects, [detection(1, 0, BOXES[0], 0.9) | {"segmentation": wrong}])
        broken = two_objects | {
            "annotations": [two_objects["annotations"][0] | {"segmentation": wrong}]
        }
        with pytest.raises(ValueError, match="Annotation 1 of The ground truth has"):
            evaluate_coco(broken, [])


def test_boxes_need_no_size_of_the_image_and_ids_may_be_text(two_objects):
    two_objects["images"] = [{"id": name} for name in ("a", "b", "c")]
    names = {1: "a", 2: "b", 3: "c"}
    two_objects["annotations"] = [
        row | {"image_id": names[row["image_id"]]} for row in two_objects["annotations"]
    ]
    found = [detection("a", 0, BOXES[0], 0.9), detection("b", 7, BOXES[1], 0.8)]
    assert evaluate_coco(two_objects, found, "bbox")["AP"] == pytest.approx(1)


def test_some_detections_may_have_boxes_and_others_masks(two_objects):
    first, second = detection(1, 0, BOXES[0], 0.9), detection(2, 7, BOXES[1], 0.8)
    del second["bbox"]
    for found in ([first, second], [second, first]):
        assert evaluate_coco(two_objects, found, "bbox")["AP"] == pytest.approx(1)
