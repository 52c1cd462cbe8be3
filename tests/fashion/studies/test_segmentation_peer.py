"""A Mask R-CNN beside the networks of `segment`: on the same photos, by the same rules."""

from types import SimpleNamespace

import pytest

from fashion import segment
from fashion.datasets.splits import Split
from fashion.studies import segmentation_peer
from fashion.studies.segmentation_runs import Data
from mrcnn.weights.h5_files import read_metadata
from mrcnn.weights.layer_files import save_weights


@pytest.fixture
def data(sample_folder, tmp_path):
    data = {"data": str(sample_folder), "images": None, "val": None, "skip_bad": False}
    return Data(SimpleNamespace(**data, limit=0, out=tmp_path))


def test_detections_that_are_the_truth_paint_the_truth(data):
    """Sure ones; those below the score that counts change nothing, and a wrong category costs its
    pixels.
    """
    truth, dataset = data.ground_truth, data.validation
    names = [image["id"] for image in truth["images"]]
    rows = [
        [row | {"score": 0.9} for row in truth["annotations"] if row["image_id"] == name]
        for name in names
    ]
    whole = segmentation_peer.painted_scores(data, rows, 64)
    assert whole["pixel_accuracy"] == whole["binary_iou"] == whole["mean_iou"] == 1.0
    first = rows[0][0]
    other = next(c["id"] for c in truth["categories"] if c["id"] != first["category_id"])
    assert (
        segmentation_peer.painted_scores(
            data, [[*rows[0], first | {"category_id": other, "score": 0.4}], *rows[1:]], 64
        )
        == whole
    )
    wrong = segmentation_peer.painted_scores(
        data, [[first | {"category_id": other}, *rows[0][1:]], *rows[1:]], 64
    )
    assert wrong["pixel_accuracy"] < 1.0 and wrong["binary_iou"] == 1.0
    assert segmentation_peer.painted_scores(data, [[] for _ in rows], 64)["foreground_iou"] == 0.0
    assert len(dataset.image_ids) == len(rows)


def test_models_take_turns_and_the_first_round_does_not_count(data, monkeypatch):
    clock, asked, seen = iter(range(10**6)), [], []
    monkeypatch.setattr(segmentation_peer.time, "perf_counter", lambda: float(next(clock)))

    def slow(photos, ids):
        asked.append("slow")
        next(clock), next(clock)

    bar = SimpleNamespace(moved=0)
    bar.update = lambda by: setattr(bar, "moved", bar.moved + by)

    def quick(photos, ids):
        asked.append("quick")
        seen.append(len(photos))

    rounds = segmentation_peer.ROUNDS
    assert segmentation_peer.seconds_of([slow, quick], data.validation, 6, bar) == [3 / 12, 1 / 12]
    assert set(seen) == {12}  # four photos over and over, so that batches of 2, 3 or 6 are full
    assert asked == ["slow", "quick"] * (rounds + 1) and bar.moved == 2 * rounds


@pytest.mark.full
def test_a_detector_is_scored_and_timed_on_the_page(sample_folder, tiny_run, tmp_path, monkeypatch):
    import keras

    def build(name, size, num_classes, width, weights="none"):
        image = keras.Input((size, size, 3), name="image")
        return keras.Model(
            image,
            keras.layers.Conv2D(num_classes, 3, padding="same", name="logits")(image),
            name=name,
        )

    for place in (
        "fashion.studies.segmentation_runs.build_network",
        "fashion.studies.segmentation_peer.build_network",
    ):
        monkeypatch.setattr(place, build)
    words = [
        "--quick",
        "--data",
        str(sample_folder),
        "--out",
        str(tmp_path),
        "--size",
        "32",
        "--large",
        "0",
        "--batch",
        "4",
        "--only",
        "unet-ce-adam",
        "--beside",
        str(tiny_run),
    ]
    segment.main(words)
    page = (tmp_path / "index.html").read_text()
    assert "Beside Mask R-CNN" in page and "Mask R-CNN (tiny/best.h5)" in page
    monkeypatch.setattr("fashion.studies.segmentation_peer.seconds_of", lambda *_: [2.0, 1.0])
    segment.main(words)  # nothing is trained or predicted again
    assert (
        ">2.0<" in (tmp_path / "index.html").read_text() and (tmp_path / "beside.partial").exists()
    )


@pytest.mark.slow
def test_a_detector_of_other_labels_or_of_these_photos_is_refused(
    data, tiny_run, tiny_model, sample_folder, tmp_path
):
    def beside(**metadata):
        save_weights(
            tiny_model.detector,
            tmp_path / "other.h5",
            metadata=read_metadata(tiny_run / "best.h5") | metadata,
        )
        return SimpleNamespace(beside=tmp_path / "other.h5", skip_bad=False)

    labels = tiny_model.ontology.to_dict()
    with pytest.raises(ValueError, match="knows other categories.*Give --beside a model"):
        segmentation_peer.check_beside(
            beside(ontology=labels | {"categories": labels["categories"][1:]}), data
        )
    for damaged in ([1], {"categories": [3]}, None):
        with pytest.raises(ValueError, match="knows other categories.*Give --beside a model"):
            segmentation_peer.check_beside(beside(ontology=damaged), data)
    with pytest.raises(ValueError, match="other.h5 is damaged: .*held_out"):
        segmentation_peer.check_beside(beside(split={"held_out": 3}), data)
    segmentation_peer.check_beside(beside(), data)  # of before, which held out val.csv
    segmentation_peer.check_beside(
        beside(split=Split("val.csv").to_dict() | {"held_out": None}), data
    )
    trained_on = [
        line.split(",")[0] for line in (sample_folder / "train.csv").read_text().splitlines()[1:]
    ]
    segmentation_peer.check_beside(
        beside(split=Split("random").to_dict() | {"held_out": trained_on[:1]}), data
    )  # of train.csv alone
    (tmp_path / "without").mkdir()
    for name in ("train.csv", "label_descriptions.json", "images"):
        (tmp_path / "without" / name).symlink_to(sample_folder / name)
    options = {"images": None, "val": None, "skip_bad": False, "limit": 0}
    both = Data(SimpleNamespace(data=str(tmp_path / "without"), out=tmp_path, **options))
    held_out = [info["id"] for info in both.validation.image_info]
    others = sorted(set(trained_on) - set(held_out))
    segmentation_peer.check_beside(
        beside(split=Split().to_dict() | {"held_out": [*held_out, others[0]]}), both
    )
    with pytest.raises(
        ValueError, match=f"was trained on {len(held_out)} of the {len(held_out)} photos"
    ):
        segmentation_peer.check_beside(
            beside(split=Split().to_dict() | {"held_out": others[:1]}), both
        )
