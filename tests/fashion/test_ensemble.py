"""ensemble: stored predictions are fused and scored; the search writes what --ensemble reads."""

import json

import pytest

from fashion import ensemble, evaluate
from fashion.ensembles.files import read_ensemble


@pytest.fixture
def files(validation, tiny_run, tmp_path):
    """Predictions of two models: the truth, and every second object of it with lower scores."""
    truth = json.loads(json.dumps(validation.to_coco()))
    paths = []
    for name, step, score in (("a", 1, 0.9), ("b", 2, 0.8)):
        rows = [row | {"score": score} for row in truth["annotations"][::step]]
        path = tmp_path / name / "predictions.json"
        path.parent.mkdir()
        content = truth | {"annotations": rows, "weights": str(tiny_run / "best.h5")}
        path.write_text(json.dumps(content))
        paths.append(str(path))
    return paths


def test_files_are_fused_into_one_that_evaluate_reads(files, sample_folder, tmp_path, capsys):
    out, gt = tmp_path / "both" / "fused.json", str(sample_folder / "val.csv")
    assert ensemble.main([*files, "--gt", gt, "--out", str(out)]) == out
    printed = capsys.readouterr().out
    assert "fused" in printed and "1.0000" in printed and f"--predictions {out}" in printed
    scores = evaluate.main(
        ["--gt", gt, "--predictions", str(out), "--no-pages", "--out", str(tmp_path / "e")]
    )
    assert scores["coco"]["segm"]["AP"] == pytest.approx(1)


def test_the_search_writes_an_ensemble_of_the_models(files, sample_folder, tmp_path, capsys):
    out, gt = tmp_path / "both" / "fused.json", str(sample_folder / "val.csv")
    words = [*files, "--gt", gt, "--out", str(out), "--search", "--folds", "2", "--trials", "6"]
    ensemble.main(words)
    printed = capsys.readouterr().out
    assert "in fold" in printed and "out of fold" in printed
    written = read_ensemble(tmp_path / "both" / "ensemble.json")
    assert 1 <= len(written.members) <= 2
    about = json.loads((tmp_path / "both" / "ensemble.json").read_text())["about"]
    assert about["mask_ap_in_fold"] >= about["mask_ap_out_of_fold"]


def test_predictions_of_unknown_models_need_their_names(files, sample_folder, tiny_run, tmp_path):
    content = json.loads(open(files[1]).read())
    del content["weights"]
    with open(files[1], "w") as file:
        json.dump(content, file)
    words = [*files, "--gt", str(sample_folder / "val.csv"), "--out", str(tmp_path / "c.json")]
    words += ["--search", "--folds", "2", "--trials", "1"]
    with pytest.raises(ValueError, match="--models"):
        ensemble.main(words)
    ensemble.main([*words, "--models", str(tiny_run), str(tiny_run)])
    assert (tmp_path / "ensemble.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.json"], "two files"),
        (["a.json", "b.json", "--search"], "--gt"),
        (["a.json", "b.json", "--weight", "1"], "each of the 2"),
        (["a.json", "b.json", "--search", "--gt", "x", "--weight", "1", "1"], "--weight"),
        (["a.json", "b.json", "--iou", "1"], "below 1"),
    ],
)
def test_contradictions_are_told(words, message, capsys):
    with pytest.raises(SystemExit):
        ensemble.main(words)
    assert message in capsys.readouterr().err
