"""evaluate: scores of a split, printed and written."""
import json
import subprocess
import sys

import pytest

from fashion import evaluate
from fashion.datasets.annotation_csv import read_annotations
from fashion.datasets.files import find_data
from fashion.evaluation.stored import read_ground_truth
from fashion.ontology import Ontology


def test_scores_are_printed_and_written(tiny_run, sample_folder, loaded_quickly, tmp_path, capsys):
    scores = evaluate.main(["--weights", str(tiny_run), "--data", str(sample_folder), "--out", str(tmp_path / "scores")])
    assert loaded_quickly == {"DETECTION_MIN_CONFIDENCE": 0.05}
    written = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert written["photos"] == 4 and written["weights"] == str(tiny_run / "best.h5") and written["min_score"] == 0.05
    assert written["segm"]["AP"] == scores["segm"]["AP"] and 0 <= scores["bbox"]["AP50"] <= 1
    printed = capsys.readouterr().out
    assert "AP50" in printed and "\nmasks " in printed and "micro F1" in printed


def test_stored_predictions_are_scored_by_every_measure(sample_folder, tmp_path, capsys):
    """The truth handed in as a submission: all is found, and only measures that cannot reach 1 do not."""
    truth = read_ground_truth(sample_folder / "val.csv", Ontology.official(2020), read_annotations=read_annotations)
    results = [{k: a[k] for k in ("image_id", "category_id", "segmentation", "bbox", "attribute_ids")} | {"score": 1.0}
               for a in truth["annotations"]]
    (tmp_path / "results.json").write_text(json.dumps(results))
    scores = evaluate.main(["--gt", str(sample_folder / "val.csv"), "--predictions", str(tmp_path / "results.json"), "--fixed",
                            "--out", str(tmp_path / "scores")])
    assert json.loads((tmp_path / "scores" / "metrics.json").read_text())["photos"] == 4
    for name in ("coco", "f1_ap"):
        assert scores[name]["segm"]["AP"] == scores[name]["bbox"]["AP"] == 1
    assert scores["f1_ap"]["segm"]["f1AP"] == scores["fashionpedia"]["segm"]["iou_f1/AP"] == 1
    assert scores["fashionpedia_fixed"]["bbox"]["iou/AP"] == scores["kaggle_2020"]["score"] == scores["kaggle_2019"]["pooled"] == 1
    assert scores["attributes"]["micro_f1"] == scores["found"]["sensitivity"] == scores["pixels"]["pixel_accuracy"] == 1
    printed = capsys.readouterr().out
    assert "Kaggle 2020: 1.0000" in printed and "Fashionpedia, fixed (ours)" in printed and "with F1 of the attributes" in printed


def test_stored_predictions_are_scored_without_a_network(sample_folder, tmp_path):
    (tmp_path / "results.json").write_text("[]")
    code = ("import sys; from fashion import evaluate; evaluate.main(sys.argv[1:]); "
            "sys.exit(str(sorted({'tensorflow', 'keras', 'jax'} & set(sys.modules))) if {'tensorflow', 'keras'} & set(sys.modules) else 0)")
    done = subprocess.run([sys.executable, "-c", code, "--gt", str(sample_folder / "val.csv"), "--predictions",
                           str(tmp_path / "results.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_model_or_stored_predictions_must_be_named(capsys):
    for words in ([], ["--gt", "val.csv"], ["--predictions", "submission.csv"]):
        with pytest.raises(SystemExit):
            evaluate.main(words)
        assert "give --weights to score a model, or --gt and --predictions" in capsys.readouterr().err


def test_the_split_is_a_csv_of_the_folder(sample_folder, ontology):
    files = find_data(sample_folder)
    assert [len(evaluate.open_split(files, name, ontology, False).image_ids) for name in (None, "val.csv", "train.csv")] == [4, 4, 8]
    with pytest.raises(FileNotFoundError, match="--split names a CSV inside the data folder"):
        evaluate.open_split(files, "test.csv", ontology, False)


def test_the_table_lists_the_categories_that_occur(ontology):
    numbers = dict.fromkeys(evaluate.COLUMNS, 0.25)
    per_category = {c: {"name": f"c{c}", "AP": 0.5, "AP50": -1, "instances": 3 * (c == ontology.category_ids[0])}
                    for c in ontology.category_ids}
    kind = numbers | {"per_category": per_category}
    f1 = {"matched": 2, "ground_truth": 3, "micro_f1": 0.5, "macro_f1": 0.25, "precision": 1.0, "recall": 1 / 3}
    text = evaluate.table({"segm": kind, "bbox": kind | {"APs": -1}, "attributes": f1}, ontology)
    rows = [line.split() for line in text.splitlines() if line]
    assert rows[1] == ["masks", *["0.250"] * 7] and rows[2][4] == "–"
    assert rows[4] == [f"c{ontology.category_ids[0]}", "3", "0.500", "–"] and rows[5][0] == "attributes"
