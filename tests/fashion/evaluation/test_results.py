"""COCO results: real ids, the pixels that pasting gives, plain numbers."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.results import boxes_of, coco_results, packed_mask, unpacked_mask
from fashion.labels.ontology import Ontology
from mrcnn.inference.pasting import paste

ONTOLOGY = Ontology.official(2020)


def detections(count=4, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.uniform(-10, 60, (count, 2))
    return {
        "boxes": np.concatenate([low, low + rng.uniform(5, 50, (count, 2))], 1).astype(np.float32),
        "class_ids": rng.integers(1, 47, count).astype(np.int32),
        "scores": np.sort(rng.random(count))[::-1],
        "mask_probabilities": rng.random((count, 28, 28)).astype(np.float32),
        "image_hw": (90, 70),
        "attributes": [[1, 340], [], [17], [2]][:count],
    }


def test_masks_are_the_pixels_that_pasting_gives():
    result = detections()
    for i, row in enumerate(coco_results(result, 5, ONTOLOGY)):
        expected = paste(result["mask_probabilities"][i], result["boxes"][i], (90, 70))
        np.testing.assert_array_equal(coco_mask.decode(row["segmentation"]), expected)


def test_ids_are_real_ones():
    result = detections()
    rows = coco_results(result, 5, ONTOLOGY)
    assert [row["category_id"] for row in rows] == (result["class_ids"] - 1).tolist()
    assert [row["attribute_ids"] for row in rows] == [[1, 340], [], [17], [2]]
    assert {row["image_id"] for row in rows} == {5}


def test_boxes_are_x_y_width_height():
    result = detections(1)
    result["boxes"][0] = (10, 20, 40, 60)
    assert coco_results(result, 5, ONTOLOGY)[0]["bbox"] == [20, 10, 40, 30]


def test_boxes_come_back_from_x_y_width_height():
    assert boxes_of([{"bbox": [1, 2, 3, 4.5]}, {"bbox": [0, 0, 0, 0]}]).tolist() == [
        [2, 1, 6.5, 4],
        [0, 0, 0, 0],
    ]
    assert boxes_of([]).shape == (0, 4)


def test_rows_survive_json():
    rows = coco_results(detections(), 5, ONTOLOGY)
    assert json.loads(json.dumps(rows)) == rows


def test_a_mask_outside_the_photo_is_an_empty_mask():
    result = detections(1)
    result["boxes"][0] = (200, 200, 240, 240)
    assert coco_mask.area(coco_results(result, 5, ONTOLOGY)[0]["segmentation"]) == 0


def test_no_detections_give_no_rows():
    assert coco_results(detections(0), 5, ONTOLOGY) == []


def test_scores_of_attributes_may_be_stored_without_probabilities_of_masks():
    result = detections(1) | {
        "class_ids": np.array([1]),
        "attribute_scores": np.full((1, ONTOLOGY.num_attributes), 0.12341),
    }
    (row,) = coco_results(result, 5, ONTOLOGY, attribute_scores=True)
    assert (
        row["attribute_scores"] == [0.1234] * ONTOLOGY.num_attributes
        and "mask_probabilities" not in row
    )


def test_attributes_are_optional():
    result = detections()
    del result["attributes"]
    assert all(row["attribute_ids"] == [] for row in coco_results(result, 5, ONTOLOGY))


def test_raw_results_have_what_thresholds_are_applied_to():
    result = detections() | {
        "attribute_scores": np.random.default_rng(1).random((4, 294)).astype(np.float32)
    }
    result["class_ids"][:] = (1, 24, 11, 34)  # a shoe (category 23) carries no attributes
    rows = json.loads(json.dumps(coco_results(result, 5, ONTOLOGY, raw=True)))
    assert ["attribute_scores" in row for row in rows] == [True, False, True, True]
    np.testing.assert_allclose(
        rows[2]["attribute_scores"], result["attribute_scores"][2], atol=5.1e-5
    )
    for i, row in enumerate(rows):
        np.testing.assert_allclose(
            unpacked_mask(row["mask_probabilities"]) / 255,
            result["mask_probabilities"][i],
            atol=0.5 / 255 + 1e-6,
        )


def test_packed_masks_come_back():
    mask = np.array([[0, 1, 0.5], [2, -1, 0.2]])
    assert unpacked_mask(packed_mask(mask)).tolist() == [[0, 255, 128], [255, 0, 51]]
    with pytest.raises(ValueError, match="2 x 2 probabilities were expected, but there are 6"):
        unpacked_mask(packed_mask(mask) | {"size": [2, 2]})
