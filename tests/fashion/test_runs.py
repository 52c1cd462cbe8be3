"""runs: the table of runs, its order, and pages that are written again."""

import csv
import io
import json

import pytest

from fashion import runs
from fashion.cli.errors import run_verb


@pytest.fixture
def three(make_run, tmp_path):
    make_run("smoke20261130T101500", best=0.25)
    make_run("smoke20261129T101500", best=0.5)
    make_run("smoke20261128T101500", epochs=1)
    return tmp_path / "runs"


def printed_rows(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [line.split() for line in lines[2:]]


def test_runs_are_listed_from_the_oldest_with_scores_and_state(three, capsys):
    facts = runs.main([str(three)])
    assert [run.name[5:13] for run in facts] == ["20261128", "20261129", "20261130"]
    rows = printed_rows(capsys)
    assert rows[0][-1] == "stopped" and rows[0][4:7] == ["–", "–", "–"]
    assert rows[1][2:] == ["smoke", "4/4", "0.500", "0.500", "0.750", "4", "min", "finished"]


def test_the_best_run_comes_first_and_those_without_a_score_last(three):
    assert [run.ap for run in runs.main([str(three), "--sort", "ap"])] == [0.5, 0.25, None]
    assert [run.epochs for run in runs.main([str(three), "--sort", "epochs"])] == [4, 4, 1]
    names = [run.name for run in runs.main([str(three), "--sort", "name"])]
    assert names == sorted(names)


def test_json_and_csv_hold_the_same_runs(three, capsys):
    runs.main([str(three), "--format", "json"])
    records = json.loads(capsys.readouterr().out)
    runs.main([str(three), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in rows] == [record["name"] for record in records]
    assert records[1]["mask_ap"] == 0.5 and rows[1]["mask_ap"] == "0.5"
    assert records[0]["mask_ap"] is None and rows[0]["mask_ap"] == ""


def test_a_page_is_written_again(three, capsys, undrawn):
    run = three / "smoke20261130T101500"
    runs.main(["--page", str(run)])
    assert (run / "index.html").is_file() and "page of the run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sort", "app"], "--sort must be one of .* Did you mean ap"),
        (["nowhere"], "nowhere does not exist"),
        (["--page", "nowhere"], "nowhere does not exist. --page names"),
    ],
)
def test_wrong_arguments_are_one_line(words, message, tmp_path, monkeypatch, capsys):
    import re

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) if "--sort" in words else pytest.raises(OSError) as error:
        runs.parse(words)
    text = capsys.readouterr().err or str(error.value)
    assert re.search(message, text)


def test_a_folder_without_runs_is_an_error(tmp_path, capsys):
    assert run_verb(runs.main, [str(tmp_path)]) == 2
    assert "There are no runs in" in capsys.readouterr().err
