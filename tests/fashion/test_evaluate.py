"""evaluate: scores of a split, printed and written."""
import json

import pytest

from fashion import evaluate
from fashion.datasets.files import find_data


def test_scores_are_printed_and_written(tiny_run, sample_folder, loaded_quickly, tmp_path, capsys):
    scores = evaluate.main(["--weights", str(tiny_run), "--data", str(sample_folder), "--out", str(tmp_path / "scores")])
    assert loaded_quickly == {"DETECTION_MIN_CONFIDENCE": 0.05}
    written = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert written["photos"] == 4 and written["weights"] == str(tiny_run / "best.h5") and written["min_score"] == 0.05
    assert written["segm"]["AP"] == scores["segm"]["AP"] and 0 <= scores["bbox"]["AP50"] <= 1
    printed = capsys.readouterr().out
    assert "AP50" in printed and "\nmasks " in printed and "micro F1" in printed


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
