"""Scoring: by hand, and against the truth itself."""

import json

import numpy as np
import pytest

from fashion.evaluation.attribute_f1 import attribute_f1_on_truth
from fashion.evaluation.score import describe_dataset, predict_dataset, score_detections


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
def detections(validation):
    return predict_dataset(Oracle(validation), validation, validation.image_ids)


def test_the_truth_scores_one(validation, detections):
    scores = score_detections(validation.to_coco(), detections)
    assert scores["segm"]["AP"] == pytest.approx(1) and scores["attributes"][
        "micro_f1"
    ] == pytest.approx(1)
    assert scores["attributes"]["matched"] == scores["attributes"]["ground_truth"]


def test_nothing_scores_zero(validation):
    scores = score_detections(validation.to_coco(), [])
    assert (scores["segm"]["AP"], scores["bbox"]["AP"], scores["attributes"]["micro_f1"]) == (
        0,
        0,
        0,
    )


def test_results_bear_the_data_sets_image_ids_and_are_shown_one_by_one(validation, detections):
    seen = []
    predict_dataset(
        Oracle(validation),
        validation,
        validation.image_ids,
        on_result=lambda i, result: seen.append((i, len(result["scores"]))),
    )
    assert seen == [(i, len(validation.image_class_ids(i))) for i in range(4)]
    assert [sum(d["image_id"] == i for d in detections) for i, _ in seen] == [n for _, n in seen]


# The attributes at the boxes of the truth


class Describer:
    """A model that knows the attributes of every object, finds them by its box, and forgets the first attribute of the list."""

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
