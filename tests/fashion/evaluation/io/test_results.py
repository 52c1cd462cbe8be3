"""COCO results: real ids, the pixels that pasting gives, plain numbers."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.io.results import (
    boxes_of,
    coco_results,
    describe_dataset,
    packed_mask,
    predict_dataset,
    unpacked_mask,
)
from fashion.evaluation.metrics.attributes import attribute_f1_on_truth
from fashion.evaluation.scoring import score_predictions
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


# Of a whole data set


class Oracle:
    """A model that knows the answers: it sees the number of the photo in its first pixel."""

    def __init__(self, dataset):
        self.dataset, self.ontology = dataset, dataset.ontology

    def stream(self, photos):
        for image_id, photo in enumerate(photos):
            masks, class_ids = self.dataset.load_mask(image_id)
            attributes = self.dataset.load_instance_fields(image_id)["gt_attributes"]
            n, hw = len(class_ids), photo.shape[:2]
            # Each mask fills the photo, cell by pixel.
            yield {
                "boxes": np.tile(np.float32([0, 0, *hw]), (n, 1)),
                "class_ids": class_ids,
                "image_hw": hw,
                "scores": np.linspace(1, 0.6, n, dtype=np.float32),
                "mask_probabilities": masks.transpose(2, 0, 1).astype(np.float32),
                "attributes": [self.ontology.ids_of(row) for row in attributes],
            }


@pytest.fixture(scope="module")
def predicted(validation):
    return predict_dataset(Oracle(validation), validation, validation.image_ids)


def test_the_truth_scores_one(validation, predicted):
    scores = score_predictions(validation.to_coco(), predicted)
    assert scores["coco"]["segm"]["AP"] == pytest.approx(1)
    assert scores["attributes"]["micro_f1"] == pytest.approx(1)
    assert scores["attributes"]["matched"] == scores["attributes"]["ground_truth"]


def test_nothing_scores_zero(validation):
    scores = score_predictions(validation.to_coco(), [])
    assert scores["coco"]["segm"]["AP"] == scores["coco"]["bbox"]["AP"] == 0
    assert scores["attributes"]["micro_f1"] == 0


def test_results_bear_the_data_sets_image_ids_and_are_shown_one_by_one(validation, predicted):
    seen = []
    predict_dataset(
        Oracle(validation),
        validation,
        validation.image_ids,
        on_result=lambda i, result: seen.append((i, len(result["scores"]))),
    )
    assert seen == [(i, len(validation.image_class_ids(i))) for i in range(4)]
    assert [sum(d["image_id"] == i for d in predicted) for i, _ in seen] == [n for _, n in seen]


# The attributes at the boxes of the truth


class Describer:
    """A model that knows the attributes of every object, finds them by its box, and forgets the
    first attribute of the list.
    """

    def __init__(self, dataset):
        self.dataset, self.ontology = dataset, dataset.ontology

    def describe(self, photos, boxes, class_ids):
        for image_id, (photo, own, classes) in enumerate(
            zip(photos, boxes, class_ids, strict=True)
        ):
            masks, known = self.dataset.load_mask(image_id)
            scores = self.dataset.load_instance_fields(image_id)["gt_attributes"].copy()
            scores[:, 0] = 0
            for n, (y1, x1, y2, x2) in enumerate(own.astype(int)):
                rows, columns = (
                    masks[:, :, n].any(axis=1).nonzero()[0],
                    masks[:, :, n].any(axis=0).nonzero()[0],
                )
                assert (y1, x1, y2, x2) == (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
            assert (
                own.dtype == np.float32
                and classes == known.tolist()
                and photo.shape[:2] == masks.shape[:2]
            )
            yield {
                "attribute_scores": scores,
                "attributes": [self.ontology.ids_of(row) for row in scores],
            }


def test_every_object_is_described_at_its_box(validation):
    seen = []
    described = describe_dataset(
        Describer(validation),
        validation,
        validation.image_ids,
        on_result=lambda i, result: seen.append(i),
    )
    truth = validation.to_coco()
    assert [(row["image_id"], row["annotation_id"], row["category_id"]) for row in described] == [
        (row["image_id"], row["id"], row["category_id"]) for row in truth["annotations"]
    ]
    forgotten = validation.ontology.attribute_ids[0]
    assert [row["attribute_ids"] for row in described] == [
        [i for i in row["attribute_ids"] if i != forgotten] for row in truth["annotations"]
    ]
    assert seen == [0, 1, 2, 3] and {row["attribute_scores"].shape for row in described} == {
        (validation.ontology.num_attributes,)
    }


@pytest.mark.slow
def test_the_ids_of_some_photos_are_those_of_their_own_truth(tiny_model, validation):
    """With the real network: photos out of order, and scores that join the truth of just these."""
    described = describe_dataset(tiny_model, validation, [3, 1])
    truth = validation.to_coco([3, 1])
    scores = attribute_f1_on_truth(truth, described)
    assert (
        scores["matched"] == scores["ground_truth"] == len(truth["annotations"]) == len(described)
    )
    assert 0 <= scores["map"] <= 1 and json.loads(json.dumps(scores))["map"] == scores["map"]
    assert describe_dataset(tiny_model, validation, []) == []
