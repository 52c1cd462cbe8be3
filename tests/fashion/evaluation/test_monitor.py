"""Monitor: scores and a picture after an epoch, and what was missed is shown more often."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from fashion.evaluation.io.predictions import read_detections
from fashion.evaluation.monitor import Monitor, stored_predictions
from mrcnn.data.loading.samplers import RepeatSampler
from mrcnn.training.run_folder import RunFolder

EMPTY = np.zeros((8, 8, 3), np.uint8)


class Batches:
    def __init__(self, repeats):
        self.sampler = RepeatSampler(repeats)


@pytest.fixture
def few(tiny_model, monkeypatch):
    monkeypatch.setattr(tiny_model.config, "EVALUATE_IMAGES", 2)
    return tiny_model


def test_it_scores_some_photos_and_draws_them(few, validation, tmp_path):
    monitor = Monitor(few, validation, RunFolder(tmp_path))
    assert monitor.image_ids.tolist() == [0, 3]  # spread over the data set
    scores = monitor(epoch=6)
    assert set(scores) == {"val_mask_ap", "val_mask_ap50", "val_box_ap", "val_attribute_micro_f1"}
    assert all(0 <= value <= 1 for value in scores.values())
    with Image.open(tmp_path / "pictures" / "epoch_0007.jpg") as picture:
        assert min(picture.size) > 100


def test_without_attributes_their_f1_is_left_out(few, validation, tmp_path, monkeypatch):
    monitor = Monitor(few, validation, RunFolder(tmp_path))
    monkeypatch.setattr(few, "ontology", dataclasses.replace(few.ontology, attribute_ids=()))
    monkeypatch.setattr("fashion.evaluation.monitor.predict_dataset", lambda *_, **__: [])
    monkeypatch.setattr("fashion.evaluation.monitor.image_grid", lambda *_, **__: EMPTY)
    assert set(monitor(epoch=0)) == {"val_mask_ap", "val_mask_ap50", "val_box_ap"}


def test_the_predictions_of_the_best_epoch_are_stored(few, validation, tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    scores = iter([0.25, 0.5, 0.375, 0.75, 0.125])
    monkeypatch.setattr("fashion.evaluation.monitor._at", lambda *_: now)
    monitor = Monitor(few, validation, run)
    for epoch, best in ((0, 1), (1, 2), (2, 2), (3, 4)):
        now = next(scores)
        monitor(epoch)
        assert stored_predictions(run)["epoch"] == best
    stored = stored_predictions(run)
    assert [image["id"] for image in stored["images"]] == [0, 3] and stored["score"] == 0.75
    assert read_detections(tmp_path / "predictions.json", validation.to_coco())
    # A training that was started again from epoch 2 does not keep those of a later epoch.
    now = next(scores)
    Monitor(few, validation, run)(1)
    assert stored_predictions(run)["epoch"] == 2


def test_predictions_of_another_command_are_not_taken_for_those_of_a_training(tmp_path):
    run = RunFolder(tmp_path)
    assert stored_predictions(run) is None
    (tmp_path / "predictions.json").write_text('{"images": [], "annotations": []}')
    assert stored_predictions(run) is None


def test_photos_with_missed_frequent_classes_come_twice_as_often(few, validation, tmp_path):
    classes = [validation.image_class_ids(i) for i in validation.image_ids]
    batches = Batches([1.0, 1.5, 1.0, 3.0])
    heard = []
    monitor = Monitor(
        few, validation, RunFolder(tmp_path), batches, classes, on_repeats=heard.append
    )
    monitor(epoch=0)
    assert heard == [batches.sampler.repeats]
    once = batches.sampler.repeats / [1.0, 1.5, 1.0, 3.0]
    assert set(once) <= {1.0, 2.0} and 2.0 in once  # an untrained model misses everything
    monitor(epoch=1)
    np.testing.assert_array_equal(
        batches.sampler.repeats, once * [1.0, 1.5, 1.0, 3.0]
    )  # boosts do not pile up


def test_without_batches_nothing_is_rebalanced(few, validation, tmp_path):
    monitor = Monitor(few, validation, RunFolder(tmp_path))
    assert monitor.batches is None and monitor.repeats is None


def test_what_was_missed_goes_by_boxes_from_a_score_of_a_half(
    few, validation, tmp_path, monkeypatch
):
    """Every object is detected by its box, without a mask, the first of them with a score of
    0.4."""
    heard = {}
    monkeypatch.setattr(
        "fashion.evaluation.monitor.boost_missed_classes",
        lambda ids, found: heard.update(found) or np.ones(len(ids)),
    )
    batches = Batches([1.0] * 4)
    monitor = Monitor(
        few,
        validation,
        RunFolder(tmp_path),
        batches,
        [validation.image_class_ids(i) for i in validation.image_ids],
    )
    objects = monitor.ground_truth["annotations"]
    empty = coco_mask.encode(np.zeros(validation.image_hw(0), np.uint8, order="F"))
    empty["counts"] = empty["counts"].decode()
    detections = [row | {"segmentation": empty, "score": 0.5} for row in objects]
    detections[0]["score"] = 0.4

    def predict_dataset(*_, on_result):
        on_result(0, few.predict([validation.load_image(0)])[0])
        return detections

    monkeypatch.setattr("fashion.evaluation.monitor.predict_dataset", predict_dataset)
    monitor(epoch=0)
    categories = [row["category_id"] for row in objects]
    expected = dict.fromkeys(categories, 1.0) | {
        categories[0]: 1 - 1 / categories.count(categories[0])
    }
    assert heard == {
        validation.ontology.class_id_of(category): share for category, share in expected.items()
    }
