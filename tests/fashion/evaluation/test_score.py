"""Scoring: by hand, and against the truth itself."""
import numpy as np
import pytest

from fashion.evaluation.score import predict_dataset, score_detections, sensitivity


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
            yield {"boxes": np.tile(np.float32([0, 0, *hw]), (n, 1)), "class_ids": class_ids, "image_hw": hw,
                   "scores": np.linspace(1, 0.6, n, dtype=np.float32), "mask_probabilities": masks.transpose(2, 0, 1).astype(np.float32),
                   "attributes": [self.ontology.ids_of(row) for row in attributes]}


@pytest.fixture(scope="module")
def detections(validation):
    return predict_dataset(Oracle(validation), validation, validation.image_ids)


def test_the_truth_scores_one(validation, detections):
    scores = score_detections(validation.to_coco(), detections)
    assert scores["segm"]["AP"] == pytest.approx(1) and scores["attributes"]["micro_f1"] == pytest.approx(1)
    assert scores["attributes"]["matched"] == scores["attributes"]["ground_truth"]


def test_nothing_scores_zero(validation):
    scores = score_detections(validation.to_coco(), [])
    assert (scores["segm"]["AP"], scores["bbox"]["AP"], scores["attributes"]["micro_f1"]) == (0, 0, 0)


def test_results_bear_the_data_sets_image_ids_and_are_shown_one_by_one(validation, detections):
    seen = []
    predict_dataset(Oracle(validation), validation, validation.image_ids,
                    on_result=lambda i, result: seen.append((i, len(result["scores"]))))
    assert seen == [(i, len(validation.image_class_ids(i))) for i in range(4)]
    assert [sum(d["image_id"] == i for d in detections) for i, _ in seen] == [n for _, n in seen]


def truth(*rows):
    return {"annotations": [{"image_id": i, "category_id": c, "bbox": box} for i, c, box in rows]}


def found(*rows):
    return [{"image_id": i, "category_id": c, "bbox": box, "score": score} for i, c, box, score in rows]


def test_sensitivity_is_the_share_of_objects_found():
    objects = truth((0, 5, [0, 0, 10, 10]), (0, 5, [50, 50, 10, 10]), (1, 5, [0, 0, 10, 10]), (1, 7, [0, 0, 4, 4]))
    assert sensitivity(objects, found((0, 5, [0, 0, 10, 9], 0.9), (0, 7, [50, 50, 10, 10], 0.9))) == {5: pytest.approx(1 / 3), 7: 0}
    assert sensitivity(objects, []) == {5: 0, 7: 0}


def test_a_find_must_be_sure_and_overlap_by_half():
    objects = truth((0, 5, [0, 0, 10, 10]))
    assert sensitivity(objects, found((0, 5, [0, 0, 10, 10], 0.49))) == {5: 0}
    assert sensitivity(objects, found((0, 5, [0, 0, 10, 5], 0.9))) == {5: 1}            # IoU 1/2
    assert sensitivity(objects, found((0, 5, [0, 0, 10, 4.9], 0.9))) == {5: 0}
    assert sensitivity(objects, found((1, 5, [0, 0, 10, 10], 0.9))) == {5: 0}           # another photo
