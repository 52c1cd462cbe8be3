"""A Mask R-CNN beside the networks of `segment`: on the same photos, by the same rules."""
import json
from types import SimpleNamespace

import pytest

from fashion import segment, segment_beside
from fashion.segment_runs import Data
from mrcnn.modeling.weight_files import read_metadata, save_weights


@pytest.fixture
def data(sample_folder, tmp_path):
    return Data(SimpleNamespace(data=str(sample_folder), skip_bad=False, photos=0, out=tmp_path))


def test_detections_that_are_the_truth_paint_the_truth(data):
    """Sure ones; those below the score that counts change nothing, and a wrong category costs its pixels."""
    truth, dataset = data.truth, data.validation
    names = [image["id"] for image in truth["images"]]
    rows = [[row | {"score": 0.9} for row in truth["annotations"] if row["image_id"] == name] for name in names]
    whole = segment_beside.painted_scores(data, rows, 64)
    assert whole["pixel_accuracy"] == whole["binary_iou"] == whole["mean_iou"] == 1.0
    first = rows[0][0]
    other = next(c["id"] for c in truth["categories"] if c["id"] != first["category_id"])
    assert segment_beside.painted_scores(data, [[*rows[0], first | {"category_id": other, "score": 0.4}], *rows[1:]], 64) == whole
    wrong = segment_beside.painted_scores(data, [[first | {"category_id": other}, *rows[0][1:]], *rows[1:]], 64)
    assert wrong["pixel_accuracy"] < 1.0 and wrong["binary_iou"] == 1.0
    assert segment_beside.painted_scores(data, [[] for _ in rows], 64)["foreground_iou"] == 0.0
    assert len(dataset.image_ids) == len(rows)


def test_models_take_turns_and_the_first_round_does_not_count(data, monkeypatch):
    clock, asked = iter(range(10**6)), []
    monkeypatch.setattr(segment_beside.time, "perf_counter", lambda: float(next(clock)))

    def slow(photos, ids):
        asked.append("slow")
        next(clock), next(clock)

    bar = SimpleNamespace(moved=0)
    bar.update = lambda by: setattr(bar, "moved", bar.moved + by)
    seconds = segment_beside.seconds_of([slow, lambda photos, ids: asked.append("quick")], data.validation, bar)
    assert seconds == [3 / 4, 1 / 4] and asked == ["slow", "quick"] * (segment_beside.ROUNDS + 1) and bar.moved == 2 * segment_beside.ROUNDS


@pytest.mark.slow
def test_a_detector_is_scored_and_timed_on_the_page(sample_folder, tiny_run, tmp_path, monkeypatch):
    import keras

    def build(name, size, num_classes, width, weights="none"):
        image = keras.Input((size, size, 3), name="image")
        return keras.Model(image, keras.layers.Conv2D(num_classes, 3, padding="same", name="logits")(image), name=name)

    for place in ("fashion.segment_runs.build_network", "fashion.segment_beside.build_network"):
        monkeypatch.setattr(place, build)
    words = ["--quick", "--data", str(sample_folder), "--out", str(tmp_path), "--size", "32", "--large", "0", "--batch", "4",
             "--only", "unet-ce-adam", "--beside", str(tiny_run)]
    segment.main(words)
    page = (tmp_path / "index.html").read_text()
    assert "Beside Mask R-CNN" in page and "Mask R-CNN (tiny/best.h5)" in page
    monkeypatch.setattr("fashion.segment_beside.seconds_of", lambda *_: [2.0, 1.0])
    segment.main(words)                                             # nothing is trained or predicted again
    assert ">2.0<" in (tmp_path / "index.html").read_text() and (tmp_path / "beside.partial").exists()


def test_a_detector_of_other_labels_or_of_these_photos_is_refused(data, tiny_run, tiny_model, ontology, tmp_path):
    with pytest.raises(ValueError, match="knows other categories.*Give --beside a model"):
        segment_beside._check(tiny_run / "best.h5", SimpleNamespace(category_names=("coat",)), data.validation)
    segment_beside._check(tiny_run / "best.h5", ontology, data.validation)
    metadata = read_metadata(tiny_run / "best.h5") | {"split": {"kind": "stratified", "held_out": [data.validation.image_info[0]["id"]]}}
    save_weights(tiny_model.detector, tmp_path / "other.h5", metadata=json.loads(json.dumps(metadata)))
    with pytest.raises(ValueError, match="was trained on 3 of the 4 photos"):
        segment_beside._check(tmp_path / "other.h5", ontology, data.validation)
