"""rescore: trained, measured and used by the other verbs, killed and resumed."""
import json

import numpy as np
import pytest

from fashion import evaluate, predict, rescore, submit
from fashion.datasets.files import find_data


def words(sample_folder, run, out, *more):
    return ["--weights", str(run), "--data", str(sample_folder), "--out", str(out), "--min-score", "0.03", "--backbone", "plain", "--start",
            "none", "--size", "32", "--batch", "4", "--crops", "4", "--epochs", "2", *more]


@pytest.fixture(scope="module")
def run(sample_folder, tiny_run, tmp_path_factory):
    """(folder, what the verb returned) of a training of two epochs."""
    out = tmp_path_factory.mktemp("rescore")
    return out, rescore.main(words(sample_folder, tiny_run, out))


@pytest.mark.slow
def test_a_classifier_is_trained_and_its_worth_is_measured(run):
    out, scores = run
    assert {p.name for p in out.iterdir()} >= {"rescorer.h5", "metrics.json", "index.html", "history.csv", "last.h5"}
    assert json.loads((out / "metrics.json").read_text())["search"]["weight"] == scores["search"]["weight"]
    assert list(scores["search"]["ap"]) == list(rescore.WEIGHTS) and len((out / "history.csv").read_text().splitlines()) == 3
    assert scores["search"]["ap"][0.0] == pytest.approx(scores["before"]["AP"])
    assert scores["search"]["ap"][scores["search"]["weight"]] == pytest.approx(scores["after"]["AP"])
    page = (out / "index.html").read_text()
    assert "mask AP" in page and "Lowered most" in page and page.count("<svg") == 2


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(run, sample_folder, tiny_run, monkeypatch):
    out, scores = run
    before = (out / "last.h5").stat().st_mtime_ns
    monkeypatch.setattr("fashion.model.FashionModel.stream", lambda self, photos: iter(()))        # nor is anything predicted again
    again = rescore.main(words(sample_folder, tiny_run, out))
    assert again["after"] == scores["after"] and (out / "last.h5").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="begun otherwise.*size 32 there, 64 here"):
        rescore.main(words(sample_folder, tiny_run, out, "--size", "64"))


@pytest.mark.slow
def test_the_other_verbs_use_it(run, sample_folder, tiny_run, tmp_path):
    out, scores = run
    again = evaluate.main(["--weights", str(tiny_run), "--data", str(sample_folder), "--min-score", "0.0001", "--rescore",
                           str(out / "rescorer.h5"), "--out", str(tmp_path / "scores")])
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["rescore"] == str(out / "rescorer.h5") and 0 <= again["coco"]["segm"]["AP"] <= 1
    photos = find_data(sample_folder).images_dir
    model = ["--weights", str(tiny_run), "--rescore", str(out / "rescorer.h5"), "--min-score", "0.03"]
    predict.main([str(photos), *model, "--out", str(tmp_path / "pictures")])
    found = json.loads((tmp_path / "pictures" / "predictions.json").read_text())["annotations"]
    assert found and min(row["score"] for row in found) >= 0.03
    assert submit.main([*model, "--images", str(photos), "--output", str(tmp_path / "submission.csv")]).exists()


@pytest.mark.parametrize("wrong", [["--epochs", "0"], ["--size", "16"], ["--rate", "0"]])
def test_numbers_that_cannot_be_are_refused(wrong, tmp_path, capsys):
    with pytest.raises(SystemExit):
        rescore.parse(["--out", str(tmp_path), *wrong])
    assert "are at least 1, --size at least 32" in capsys.readouterr().err


def test_boxes_are_kept_as_numbers_of_one_decimal():
    assert rescore.boxes_of({"boxes": np.array([[1.26, 2, 3.04, 40]], np.float32)}, 0, None) == [[1.3, 2.0, 3.0, 40.0]]
