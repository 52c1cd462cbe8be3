"""rescore: trained, measured and used by the other verbs, killed and resumed."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fashion import evaluate, predict, rescore, submit
from fashion.classify.garments.rescorer import load_rescorer, new_scores
from fashion.classify.garments.training import classify_detections
from fashion.cli import evaluation_input
from fashion.commands import rescore as body
from fashion.datasets.files import find_data

pytestmark = pytest.mark.usefixtures("undrawn")


def words(sample_folder, run, out, *more):
    return [
        "--weights",
        str(run),
        "--data",
        str(sample_folder),
        "--out",
        str(out),
        "--min-score",
        "0",
        "--backbone",
        "plain",
        "--start",
        "none",
        "--size",
        "32",
        "--batch",
        "4",
        "--crops",
        "4",
        "--epochs",
        "2",
        *more,
    ]


@pytest.fixture(scope="module")
def run(sample_folder, tiny_run, tmp_path_factory):
    """(folder, what the verb returned) of a training of two epochs."""
    out = tmp_path_factory.mktemp("rescore")
    return out, rescore.main(words(sample_folder, tiny_run, out))


@pytest.mark.slow
def test_a_classifier_is_trained_and_its_worth_is_measured(run):
    out, scores = run
    assert {p.name for p in out.iterdir()} >= {
        "rescorer.h5",
        "metrics.json",
        "index.html",
        "history.csv",
        "last.h5",
    }
    assert (
        json.loads((out / "metrics.json").read_text())["search"]["weight"]
        == scores["search"]["weight"]
    )
    assert (
        list(scores["search"]["ap"]) == list(body.WEIGHTS)
        and len((out / "history.csv").read_text().splitlines()) == 3
    )
    assert scores["search"]["ap"][0.0] == pytest.approx(scores["before"]["AP"])
    assert scores["search"]["ap"][scores["search"]["weight"]] == pytest.approx(
        scores["after"]["AP"]
    )
    page = (out / "index.html").read_text()
    assert "mask AP" in page and "Lowered most" in page and page.count("<svg") == 2


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(run, sample_folder, tiny_run, monkeypatch):
    out, scores = run
    before = (out / "last.h5").stat().st_mtime_ns
    monkeypatch.setattr(
        "fashion.model.FashionModel.stream", lambda self, photos: iter(())
    )  # nor is anything predicted again
    again = rescore.main(words(sample_folder, tiny_run, out))
    assert again["after"] == scores["after"] and (out / "last.h5").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="with other arguments.*size 32 there, 64 here"):
        rescore.main(words(sample_folder, tiny_run, out, "--size", "64"))


@pytest.mark.slow
def test_what_cannot_be_done_is_told_before_the_work_and_leaves_the_folder_free(
    sample_folder, tiny_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "fashion.commands.rescore.predict_resumable",
        lambda *_: pytest.fail("photos were predicted"),
    )
    with pytest.raises(ValueError, match="A backbone is one of"):
        rescore.main(words(sample_folder, tiny_run, tmp_path / "out", "--backbone", "resnet5"))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def half(run, ontology, tmp_path):
    """A folder with the trained classifier, which now counts half."""
    rescorer = load_rescorer(run[0], ontology)
    rescorer.weight = 0.5
    rescorer.save(tmp_path / "half" / "rescorer.h5")
    return tmp_path / "half"


@pytest.mark.slow
def test_evaluate_scores_as_was_measured(run, half, sample_folder, tiny_run, validation, tmp_path):
    evaluate.main(
        [
            "--weights",
            str(tiny_run),
            "--data",
            str(sample_folder),
            "--min-score",
            "0",
            "--rescore",
            str(half),
            "--out",
            str(tmp_path / "scores"),
        ]
    )
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["rescore"] == str(
        half / "rescorer.h5"
    )
    found = json.loads((tmp_path / "scores" / "predictions.json").read_text())["annotations"]
    rescorer, rows = (
        load_rescorer(half, validation.ontology),
        [json.loads(line) for line in (run[0] / "found_val.partial").open()][1:],
    )
    expected = []
    for image_id, of_photo in rows:
        boxes = np.array([(y, x, y + h, x + w) for x, y, w, h in (row["bbox"] for row in of_photo)])
        class_ids = [validation.ontology.class_id_of(row["category_id"]) for row in of_photo]
        said, _ = classify_detections(rescorer, validation, image_id, boxes, class_ids)
        scores = new_scores([row["score"] for row in of_photo], said, 0.5)
        expected += [
            (image_id, row["category_id"], *row["bbox"], score)
            for row, score in zip(of_photo, scores.tolist(), strict=True)
        ]
    got = [(row["image_id"], row["category_id"], *row["bbox"], row["score"]) for row in found]
    assert len(got) == len(expected) > 4
    np.testing.assert_allclose(sorted(got), sorted(expected), rtol=1e-4, atol=1e-4)
    assert got != sorted(got) and all(
        a[0] < b[0] or a[-1] >= b[-1] for a, b in zip(got, got[1:])
    )  # best first within a photo


@pytest.mark.slow
def test_predict_and_submit_use_it(half, sample_folder, tiny_run, tmp_path):
    photos = find_data(sample_folder).images_dir
    model = ["--weights", str(tiny_run), "--rescore", str(half), "--min-score", "0.03"]
    predict.main([str(photos), *model, "--out", str(tmp_path / "pictures")])
    found = json.loads((tmp_path / "pictures" / "predictions.json").read_text())["annotations"]
    assert found and min(row["score"] for row in found) >= 0.03
    assert submit.main(
        [*model, "--images", str(photos), "--out", str(tmp_path / "submission.csv")]
    ).exists()


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--size", "16"], ["--rate", "0"]])
def test_numbers_that_cannot_be_are_refused(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit):
        rescore.parse(["--out", str(tmp_path), "--weights", "x", *wrong])
    assert f"error: {wrong[0]} must be a " in capsys.readouterr().err


def test_a_backbone_that_there_is_not_is_refused_with_a_suggestion(tmp_path):
    with pytest.raises(ValueError, match="A backbone is one of .* Did you mean resnet50"):
        rescore.parse(["--out", str(tmp_path), "--weights", "x", "--backbone", "resnet5"])


def test_photos_that_the_classifier_learned_from_are_told(validation, caplog):
    names = [info["id"] for info in validation.image_info]
    evaluation_input.warn_of_training_images(
        SimpleNamespace(about={"trained_on": [*names[:3], "elsewhere"]}), validation
    )
    assert "was trained on 3 of the 4 photos" in caplog.text
    caplog.clear()
    for other in (
        None,
        SimpleNamespace(about={}),
        SimpleNamespace(about={"trained_on": ["elsewhere"]}),
    ):
        evaluation_input.warn_of_training_images(other, validation)
    assert not caplog.text


def test_boxes_are_kept_as_numbers_of_one_decimal():
    assert body.rounded_boxes({"boxes": np.array([[1.26, 2, 3.04, 40]], np.float32)}, 0, None) == [
        [1.3, 2.0, 3.0, 40.0]
    ]
