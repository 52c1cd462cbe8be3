import copy
import json
from pathlib import Path

import numpy as np
import pytest

from fashion.evaluation.io.predictions import checked_results
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.fashionpedia import evaluate_fashionpedia, macro_f1
from fashion.evaluation.scoring import score_predictions
from fashion.labels.ontology import official
from mrcnn.evaluation.coco import evaluate_coco

SAMPLE = Path(__file__).resolve().parents[4] / "shared" / "reference" / "fashionpedia_sample"
DRESS, SHOE = 10, 23  # carries attributes; does not


@pytest.fixture(scope="module")
def sample():
    if not SAMPLE.is_dir():
        pytest.skip(
            "the official sample is not beside this repository "
            "(../shared/reference/fashionpedia_sample)"
        )
    return [
        json.loads((SAMPLE / name).read_text(encoding="utf-8")) for name in ("gt.json", "dt.json")
    ]


@pytest.fixture
def official_numbers(monkeypatch, capsys):
    """official_numbers(ground_truth, detections, iou_type) -> what the package `fashionpedia`
    computes, under our keys.
    """
    monkeypatch.setattr(np, "float", float, raising=False)  # the package uses NumPy's old name
    pytest.importorskip("sklearn.metrics")
    evaluator = pytest.importorskip("fashionpedia.fp_eval")

    def numbers(ground_truth, detections, iou_type):
        truth = evaluator.Fashionpedia()
        truth.dataset = copy.deepcopy(ground_truth)
        truth.createIndex()
        evaluation = evaluator.FPEval(truth, truth.loadRes(copy.deepcopy(detections)), iou_type)
        evaluation.run()
        capsys.readouterr()
        tables = {
            "iou_f1": evaluation.results,
            "iou": evaluation.resultDet,
            "f1": evaluation.resultF1,
        }
        return {
            f"{table}/{key}": float(value)
            for table, row in tables.items()
            for key, value in row.items()
        }

    return numbers


def scene(objects, found):
    """One image of 100 x 100; objects: (category, box, attributes); found: (score, category, box,
    attributes).
    """
    return (
        {
            "images": [{"id": 1, "width": 100, "height": 100}],
            "annotations": [
                {
                    "id": 1 + i,
                    "image_id": 1,
                    "category_id": c,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "attribute_ids": ids,
                }
                for i, (c, box, ids) in enumerate(objects)
            ],
            "categories": [{"id": i, "name": str(i)} for i in range(46)],
            "attributes": [{"id": i, "name": str(i)} for i in range(10)],
        },
        [
            {"image_id": 1, "score": score, "category_id": c, "bbox": box, "attribute_ids": ids}
            for score, c, box, ids in found
        ],
    )


# By hand


def test_f1_is_the_mean_over_present_and_absent_attributes():
    # 10 attributes, 4 true, 2 predicted, 1 of them right: present 2*1/6; absent on both sides
    # 10-4-2+1 = 5, so 2*5/(6+8)
    assert macro_f1(np.array([[1.0]]), np.array([[2.0]]), np.array([[4.0]]), 10) == pytest.approx(
        (2 / 6 + 10 / 14) / 2
    )


@pytest.mark.parametrize(
    ("said", "real", "f1"),
    [(0, 0, 1.0), (10, 10, 1.0), (1, 0, (0 + 18 / 19) / 2), (0, 1, (0 + 18 / 19) / 2)],
)
def test_f1_without_attributes_on_a_side(said, real, f1):
    shared = np.array([[float(min(said, real))]])
    assert macro_f1(
        shared, np.array([[float(said)]]), np.array([[float(real)]]), 10
    ) == pytest.approx(f1)


def test_a_dress_with_half_its_attributes_passes_the_lower_f1_thresholds_only():
    # 2 true, 1 of them predicted of 10: present 2/3, absent 2*8/(8+9) = 16/17, mean .804: passes
    # .50 .55 ... .80, seven of ten.
    numbers = evaluate_fashionpedia(
        *scene([(DRESS, [0, 0, 50, 50], [1, 2])], [(0.9, DRESS, [0, 0, 50, 50], [1])]), "bbox"
    )
    assert numbers["iou_f1/AP"] == pytest.approx(0.7)
    assert numbers["iou_f1/AP_F175"] == pytest.approx(1) and numbers["iou/AP"] == pytest.approx(1)


def test_a_category_with_attributes_weighs_ten_times_as_much():
    # A dress found with all attributes, a shoe missed: 10 slices of 1 and 1 slice of 0.
    case = scene(
        [(DRESS, [0, 0, 50, 50], [1, 2]), (SHOE, [60, 60, 20, 20], [])],
        [(0.9, DRESS, [0, 0, 50, 50], [1, 2])],
    )
    numbers = evaluate_fashionpedia(*case, "bbox")
    assert numbers["iou_f1/AP"] == pytest.approx(10 / 11)
    assert numbers["iou_f1/AP_F150"] == numbers["iou/AP"] == pytest.approx(1 / 2)
    assert (
        numbers["iou/APa"] == 0
        and numbers["iou_f1/APo"] == pytest.approx(1)
        and numbers["iou_f1/APp"] == -1
    )


def test_an_object_without_attributes_is_lost_by_predicting_one():
    def ap(ids):
        return evaluate_fashionpedia(
            *scene([(DRESS, [0, 0, 50, 50], [])], [(0.9, DRESS, [0, 0, 50, 50], ids)]), "bbox"
        )["iou_f1/AP"]

    assert ap([]) == pytest.approx(1) and ap([3]) == 0


def test_only_the_official_metric_depends_on_the_order_of_objects():
    # The first detection lies exactly on the first dress and has the second one's attributes. The
    # official rule keeps whichever dress comes first, as the other is worse in one respect. The
    # second detection can only be the first dress (IoU .8; .6 with the other).
    objects = [(DRESS, [0, 0, 50, 50], [1, 2, 3, 4]), (DRESS, [0, 0, 50, 40], [5, 6, 7, 8])]
    truth, found = scene(
        objects,
        [(0.9, DRESS, [0, 0, 50, 50], [5, 6, 7, 8]), (0.8, DRESS, [0, 10, 50, 40], [1, 2, 3, 4])],
    )
    turned = truth | {"annotations": truth["annotations"][::-1]}
    there, back = (evaluate_fashionpedia(t, found, "bbox") for t in (truth, turned))
    assert there["iou/AP_IOU75"] == pytest.approx(51 / 101) and back[
        "iou/AP_IOU75"
    ] == pytest.approx(1)
    assert evaluate_fashionpedia(truth, found, "bbox", fixed=True) == evaluate_fashionpedia(
        turned, found, "bbox", fixed=True
    )


def test_there_are_20_and_15_and_14_numbers():
    keys = [key.split("/")[0] for key in evaluate_fashionpedia(*scene([], []))]
    assert [keys.count(table) for table in ("iou_f1", "iou", "f1")] == [20, 15, 14]


def test_the_categories_with_attributes_are_the_evaluators():
    assert set(official(2020).attribute_category_ids) == {*range(13), 28, 29, 31, 32, 33}


# Against other people's arithmetic


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_the_official_sample_has_its_published_numbers(sample, iou_type):
    numbers = evaluate_fashionpedia(*sample, iou_type)
    expected = {
        "iou_f1/AP": 0.58967,
        "iou/AP": 0.53156,
        "f1/AP": 0.69905,
        "iou_f1/AP_F150": 0.53156,
        "iou_f1/APs": 0.50495,
        "iou_f1/APm": 0,
        "iou_f1/APl": 0.75610,
        "iou_f1/AR@1": 0.58491,
        "iou_f1/AR@100": 0.59434,
    }
    assert {key: numbers[key] for key in expected} == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_the_official_sample_equals_the_official_package(sample, official_numbers, iou_type):
    assert evaluate_fashionpedia(*sample, iou_type) == pytest.approx(
        official_numbers(*sample, iou_type), abs=1e-9
    )


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize(
    "seed",
    # The official package takes two seconds for each.
    [pytest.param(seed, marks=pytest.mark.full if seed else pytest.mark.slow) for seed in range(3)],
)
def test_random_images_equal_the_official_package(
    random_case, official_numbers, iou_type, boxes, seed
):
    case = random_case(seed, boxes=boxes)
    assert evaluate_fashionpedia(*case, iou_type) == pytest.approx(
        official_numbers(*case, iou_type), abs=1e-9
    )


def test_few_random_images_equal_the_official_package(random_case, official_numbers):
    truth, detections = random_case(7, images=4, predictions=10)
    detections = [d for d in detections if d["image_id"] > 0]
    assert evaluate_fashionpedia(truth, detections) == pytest.approx(
        official_numbers(truth, detections, "segm"), abs=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("boxes", [False, True])
def test_stored_detections_equal_the_official_package(
    striped_case, official_numbers, iou_type, boxes
):
    truth, detections = striped_case(1, boxes=boxes)
    scores = score_predictions(truth, checked_results(detections, truth))["fashionpedia"][iou_type]
    assert (
        scores == pytest.approx(official_numbers(truth, detections, iou_type), abs=1e-9)
        and 0 < scores["iou/APs"] < 1
    )


@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("boxes", [False, True])
def test_the_fixed_variant_without_f1_is_coco(random_case, iou_type, boxes):
    truth, detections = random_case(3, boxes=boxes, crowds=0.1)
    truth["annotations"].sort(key=lambda annotation: annotation["id"])
    ours, coco = (
        evaluate_fashionpedia(truth, detections, iou_type, fixed=True),
        evaluate_coco(truth, detections, iou_type),
    )
    names = {
        "AP": "AP",
        "AP50": "AP_IOU50",
        "AP75": "AP_IOU75",
        "APs": "APs",
        "APm": "APm",
        "APl": "APl",
        "AR1": "AR@1",
        "AR10": "AR@10",
        "AR100": "AR@100",
        "ARs": "ARs@100",
        "ARm": "ARm@100",
        "ARl": "ARl@100",
    }
    assert {name: ours[f"iou/{theirs}"] for name, theirs in names.items()} == pytest.approx(
        {name: coco[name] for name in names}, abs=1e-12
    )


def test_the_fixed_variant_does_not_depend_on_the_order_of_objects(random_case):
    truth, detections = random_case(4)
    turned = truth | {
        "annotations": truth["annotations"][::-1],
        "images": truth["images"][::-1],
        "categories": truth["categories"][::-1],
    }
    assert evaluate_fashionpedia(truth, detections, fixed=True) == evaluate_fashionpedia(
        turned, detections, fixed=True
    )


# Edges


def test_nothing_detected_is_0_and_nothing_to_detect_is_minus_1():
    objects, found = [(DRESS, [0, 0, 50, 50], [1])], [(0.9, DRESS, [0, 0, 50, 50], [1])]
    nothing = evaluate_fashionpedia(*scene(objects, []), "bbox")
    assert (
        nothing["iou_f1/AP"] == nothing["iou/AR@100"] == nothing["f1/AP"] == 0
        and nothing["iou/APa"] == -1
    )
    assert set(evaluate_fashionpedia(*scene([], found), "bbox").values()) == {-1}
    assert set(
        evaluate_fashionpedia(
            {"images": [], "annotations": [], "categories": scene([], [])[0]["categories"]}, []
        ).values()
    ) == {-1}


def test_arguments_are_not_changed(random_case):
    case = random_case(5, images=3)
    before = copy.deepcopy(case)
    evaluate_fashionpedia(*case)
    assert case == before


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("detections", {"image_id": 77}, "list of detections has 1 image .*77"),
        ("annotations", {"image_id": 77}, "list of annotations has 1 image .*77"),
        ("detections", {"category_id": 60}, "list of detections has 1 category .*60"),
        ("annotations", {"category_id": 60}, "list of annotations has 1 category .*60"),
        ("detections", {"attribute_ids": [1, 99]}, "list of detections has 1 attribute .*99"),
        ("annotations", {"attribute_ids": [99]}, "list of annotations has 1 attribute .*99"),
        ("annotations", {"id": 2}, "more than once.*2"),
        ("annotations", {"id": 0}, "start at 1"),
    ],
)
def test_an_id_that_is_unknown_or_not_unique_is_named(part, change, message):
    box = [0, 0, 50, 50]
    truth, detections = scene([(DRESS, box, [1]), (DRESS, box, [1])], [(0.9, DRESS, box, [1])])
    (detections if part == "detections" else truth[part])[0].update(change)
    with pytest.raises(ValueError, match=message):
        evaluate_fashionpedia(truth, detections, "bbox")


def test_other_category_lists_are_for_the_fixed_variant():
    truth, detections = scene([(DRESS, [0, 0, 50, 50], [1])], [(0.9, DRESS, [0, 0, 50, 50], [1])])
    truth["categories"] = truth["categories"][DRESS : DRESS + 1]
    truth["annotations"][0]["id"] = 0
    with pytest.raises(ValueError, match="fixed=True"):
        evaluate_fashionpedia(truth, detections, "bbox")
    assert evaluate_fashionpedia(truth, detections, "bbox", fixed=True)[
        "iou_f1/AP"
    ] == pytest.approx(1)


@pytest.mark.parametrize(
    ("category", "said", "ap"),
    [(100, [3], 0), (100, [1, 2], 1), (100, [1], 0.7), (DRESS, [3], 0), (SHOE, [3], 0)],
)
def test_attributes_count_in_every_category_of_which_an_object_has_some(category, said, ap):
    # 2 true of 10: with one of them .804 of the F1, seven thresholds of ten; with another one (0 +
    # 14/17)/2, none.
    truth, detections = scene(
        [(category, [0, 0, 50, 50], [1, 2])], [(0.9, category, [0, 0, 50, 50], said)]
    )
    truth["categories"] = [{"id": category, "name": "only"}]
    numbers = evaluate_fashionpedia(truth, detections, "bbox", fixed=True)
    assert numbers["iou_f1/AP"] == pytest.approx(ap) and numbers["iou/AP"] == pytest.approx(1)


@pytest.mark.parametrize("crowd", [0, 1])
def test_a_category_whose_objects_have_no_attributes_is_asked_for_none(crowd):
    truth, detections = scene(
        [(DRESS, [0, 0, 50, 50], []), (DRESS, [60, 60, 20, 20], [1] * crowd)],
        [(0.9, DRESS, [0, 0, 50, 50], [3])],
    )
    truth["annotations"][1]["iscrowd"] = 1
    assert evaluate_fashionpedia(truth, detections, "bbox", fixed=True)[
        "iou_f1/AP"
    ] == pytest.approx(1)


def test_in_a_mixed_list_only_those_with_a_box_are_as_large_as_it():
    truth, _ = scene([(DRESS, [0, 0, 40, 40], [1])], [])
    mask = {"size": [100, 100], "counts": [0, 4, 9996]}
    found = [
        {
            "image_id": 1,
            "category_id": DRESS,
            "score": 0.9,
            "segmentation": mask,
            "bbox": [0, 0, 40, 40],
            "attribute_ids": [1],
        },
        {
            "image_id": 1,
            "category_id": DRESS,
            "score": 0.8,
            "segmentation": mask,
            "attribute_ids": [1],
        },
    ]
    table = MatchTable.build(truth, found, "bbox").sized_by("boxes")
    assert table.pred_area.tolist() == [1600, 4]


def test_missing_geometry_is_named():
    truth, detections = scene([(DRESS, [0, 0, 50, 50], [1])], [(0.9, DRESS, [0, 0, 50, 50], [1])])
    with pytest.raises(ValueError, match='image 1 has no "segmentation"'):
        evaluate_fashionpedia(truth, detections, "segm")
    with pytest.raises(ValueError, match="iou_type"):
        evaluate_fashionpedia(truth, detections, "mask")
