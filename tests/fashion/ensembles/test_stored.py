"""Stored predictions: fused boxes, voted masks, averaged attributes; and the search of weights."""

import json

import numpy as np
import pytest

from fashion.ensembles.search import Candidate, candidates_of, search
from fashion.ensembles.stored import fused_predictions, read_members
from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.evaluation.io.results import packed_mask
from fashion.formats import rle
from mrcnn.inference.fusion import FusionSettings

HW = (40, 60)
WBF = FusionSettings("wbf", 0.3)


def row(image, category, box, score, **more):
    """A prediction of the box y1, x1, y2, x2."""
    y1, x1, y2, x2 = box
    mask = np.zeros(HW, bool)
    mask[y1:y2, x1:x2] = True
    return {
        "image_id": image,
        "category_id": category,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "segmentation": rle.to_coco(rle.encode(mask), HW),
        "score": score,
        **more,
    }


def content(rows, images=2, categories=("coat", "hat"), attributes=("red", "long"), **about):
    return {
        **about,
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "height": HW[0], "width": HW[1]}
            for i in range(images)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, 5)],
        "attributes": [{"id": i, "name": name} for i, name in enumerate(attributes, 8)],
        "annotations": rows,
    }


@pytest.fixture
def stored(tmp_path):
    def write(*contents):
        paths = []
        for i, each in enumerate(contents):
            paths.append(tmp_path / f"{i}.json")
            paths[-1].write_text(json.dumps(each))
        return paths

    return write


def test_masks_are_voted_on_and_scores_averaged_with_weights(stored):
    one = content([row(0, 5, (0, 0, 20, 20), 0.8, attribute_scores=[0.9, 0.1])])
    other = content([row(0, 5, (0, 0, 20, 30), 0.8, attribute_scores=[0.3, 0.9])])
    frame, members = read_members(stored(one, other))
    for weights, width, scores, ids in (
        ((3, 1), 20, [0.75, 0.3], [8]),
        ((1, 3), 30, [0.45, 0.7], [9]),
    ):
        (found,) = fused_predictions(frame, members, weights, WBF)
        assert found["score"] == pytest.approx(0.8) and found["category_id"] == 5
        mask = rle.decode(rle.from_coco(found["segmentation"]), HW)
        assert mask[:20, :width].all() and mask.sum() == 20 * width
        assert found["attribute_scores"] == scores and found["attribute_ids"] == ids
        mean = (3 * 20 + 30) / 4 if width == 20 else (20 + 3 * 30) / 4
        assert found["bbox"] == pytest.approx([0, 0, mean, 20])


def test_probabilities_of_masks_are_averaged_where_all_have_them(stored):
    """Two masks of half the box each: together they are sure of a third of its columns."""
    rows = []
    for probabilities in ([[1.0, 0.4, 0.0]], [[0.2, 0.9, 0.3]]):
        one = row(
            0, 5, (0, 0, 10, 30), 0.8, mask_probabilities=packed_mask(np.array(probabilities))
        )
        rows.append(one)
    frame, members = read_members(stored(*(content([one]) for one in rows)))
    (found,) = fused_predictions(frame, members, [1, 1], WBF)
    mask = rle.decode(rle.from_coco(found["segmentation"]), HW)
    # The mean is .6 up to column 5, .65 at 15 and .15 at 25: half of it lies near column 18.
    assert mask[:10, :18].all() and not mask[:10, 19:].any() and not mask[10:].any()


def test_labels_and_images_are_matched_by_name_and_unknown_ones_left_out(stored, caplog):
    one = content([row(0, 5, (0, 0, 20, 20), 0.8, attribute_ids=[8])])
    rows = [
        row(0, 6, (0, 0, 20, 20), 0.6, attribute_ids=[9]),  # a coat; its 9 is our 8
        row(0, 5, (0, 0, 20, 20), 0.9, attribute_ids=[]),  # a scarf
    ]
    other = content(rows, categories=("scarf", "coat"), attributes=("long", "red"))
    other["images"] = [{"id": 0, "file_name": "0.jpg", "height": HW[0], "width": HW[1]}]
    frame, members = read_members(stored(one, other))
    assert "'scarf'" in caplog.text and "no predictions of 1 of the 2" in caplog.text
    (found,) = fused_predictions(frame, members, [1, 1], WBF)
    assert found["category_id"] == 5 and found["attribute_ids"] == [8]
    assert found["score"] == pytest.approx(0.7)


def test_a_model_has_no_say_in_images_that_it_has_not_predicted(stored):
    one = content([row(1, 5, (0, 0, 20, 20), 0.8)])
    other = content([row(0, 5, (0, 0, 20, 20), 0.6)], images=1)
    frame, members = read_members(stored(one, other))
    found = fused_predictions(frame, members, [1, 1], WBF)
    assert [(each["image_id"], round(each["score"], 6)) for each in found] == [(0, 0.3), (1, 0.8)]


def test_a_file_without_a_list_of_images_needs_the_ground_truth(stored):
    with pytest.raises(ValueError, match="--gt"):
        read_members(stored([row(0, 5, (0, 0, 9, 9), 0.5)], content([])))


def truth(images):
    rows = [row(i, 5, (5, 5, 25, 25 + i % 3), 1.0) | {"id": 1 + i} for i in range(images)]
    return checked_ground_truth(content(rows, images=images))


def test_the_search_prefers_the_better_member_and_judges_it_on_other_images(stored):
    """One model is right, the other confidently wrong."""
    images = 9
    right = content([row(i, 5, (5, 5, 25, 25), 0.6) for i in range(images)], images=images)
    wrong = content([row(i, 5, (5, 30, 25, 50), 0.9) for i in range(images)], images=images)
    ground_truth = truth(images)
    frame, members = read_members(stored(right, wrong), ground_truth)
    tried = candidates_of(2, WBF, trials=12)
    found = search(ground_truth, frame, members, tried, folds=3)
    assert found.alone[0] > 0.5 and found.alone[1] == 0
    assert found.best.weights[0] > found.best.weights[1]
    assert found.in_fold >= found.equal and found.in_fold >= found.out_of_fold > 0.5
    assert len(found.chosen) == 3


def test_candidates_begin_with_equal_weights_and_single_members():
    tried = candidates_of(3, WBF, trials=30)
    assert len(tried) == 30 == len(set(tried))
    assert tried[:4] == [
        Candidate(weights, WBF) for weights in ((1 / 3,) * 3, (1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    assert len(candidates_of(6, WBF, trials=5)) == 7
    assert len({len(candidate.weights) for candidate in candidates_of(12, WBF)}) == 1
    for candidate in tried:
        assert sum(candidate.weights) == pytest.approx(1, abs=1e-3)


def test_more_folds_than_images_are_refused(stored):
    ground_truth = truth(2)
    frame, members = read_members(stored(content([]), content([])), ground_truth)
    with pytest.raises(ValueError, match="Got 3 folds, 2 images"):
        search(ground_truth, frame, members, candidates_of(2, WBF), folds=3)
