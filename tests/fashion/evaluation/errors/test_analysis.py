"""The analysis as a whole: what it holds, and what it leaves alone."""

import copy
import json

import pytest

from fashion.evaluation.errors.analysis import analyse

KEYS = {
    "photos",
    "objects",
    "detections",
    "score_threshold",
    "categories",
    "objects_per_category",
    "ap50",
    "ap50_per_category",
    "bins",
    "attributes",
    "confusion",
    "breakdowns",
    "small_or_intricate",
    "viewpoint",
    "worst",
    "findings",
}


def test_the_analysis_is_json_and_changes_nothing(confused_case):
    gt, said = confused_case(1)
    before = copy.deepcopy((gt, said))
    analysis = analyse(gt, said, worst=3)
    assert (gt, said) == before
    assert json.loads(json.dumps(analysis)) == analysis and set(analysis) == KEYS
    assert analysis["objects"] == len(gt["annotations"]) == sum(analysis["objects_per_category"])
    assert len(analysis["worst"]) == 3 and analysis["photos"] == 12
    assert (
        len(analysis["categories"])
        == len(analysis["ap50_per_category"])
        == len(analysis["bins"][0]["per_category"])
        == 46
    )


def test_the_order_of_the_objects_and_equal_runs_change_nothing(confused_case):
    gt, said = confused_case(2)
    assert analyse(gt | {"annotations": gt["annotations"][::-1]}, said) == analyse(gt, said)


def test_polygons_are_masks_too(placed, truth):
    polygon = placed(1, 1, (0, 0, 10, 10)) | {"segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]]}
    assert analyse(truth(polygon), [polygon | {"score": 0.9}])["ap50"] == 1


def test_nothing_found_and_nothing_to_find(placed, truth):
    for gt, said in (
        (truth(), []),
        (truth(placed(1, 1, (0, 0, 5, 5))), []),
        (truth(), [placed(1, 1, (0, 0, 5, 5), score=0.9)]),
        (truth() | {"images": []}, []),
    ):
        analysis = analyse(gt, said)
        assert analysis["objects"] == len(gt["annotations"]) and analysis["detections"] == len(said)
        assert analysis["ap50"] == (0 if gt["annotations"] else -1)


def test_a_threshold_is_a_score(truth):
    with pytest.raises(ValueError, match="from 0 to 1. Got 50"):
        analyse(truth(), [], score_threshold=50)
