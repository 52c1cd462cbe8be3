"""The verb: a folder in, a page out."""
import json
import shutil

import pytest

from fashion import explore


@pytest.mark.slow
def test_the_built_in_data_are_explored(sample_folder, tmp_path, capsys):
    page = explore.main(["--data", str(sample_folder), "--out", str(tmp_path), "--recipe", "smoke", "--samples", "1"])
    assert page == tmp_path / "index.html" and page.read_text().count("<img") == page.read_text().count('class="wide"') > 10
    numbers = json.loads((tmp_path / "exploration.json").read_text())
    assert numbers["photos"] == 8 and numbers["comparison"]["photos"] == [8, 4]
    assert "--set RPN_ANCHOR_SCALES=[" in capsys.readouterr().out


@pytest.fixture
def quick(monkeypatch):
    """No page is drawn; what would stand on it is returned."""
    monkeypatch.setattr(explore, "write_exploration", lambda folder, analysis, title, sheets: (analysis, title, sheets))


def test_wrong_rows_do_not_stop_it_and_keep_their_lines(sample_folder, tmp_path, quick):
    folder = tmp_path / "data"
    shutil.copytree(sample_folder, folder)
    with open(folder / "train.csv", "a") as file:
        file.write("train_00000,1 2 3,128,96,0,\n")
    analysis, title, sheets = explore.main(["--data", str(folder), "--out", str(tmp_path / "out"), "--samples", "0"])
    lines = len((folder / "train.csv").read_text().splitlines())
    assert [(row["csv"], row["line"]) for row in analysis["suspicious"] if row["kind"] == "wrong row"] == [("train", lines)]
    assert title == "Data: data" and sheets == {}


def test_settings_change_the_anchors_that_are_looked_at(sample_folder, tmp_path, quick):
    analysis, *_ = explore.main(["--data", str(sample_folder), "--out", str(tmp_path), "--samples", "0", "--recipe", "smoke",
                                 "--set", "RPN_ANCHOR_SCALES=[10,20,40,80,90]"])
    assert analysis["anchors"]["given"]["scales"] == [10, 20, 40, 80, 90] and analysis["training"]["image_hw"] == [192, 128]


@pytest.mark.parametrize("wrong", [["--samples", "-1"], ["--tiny", "-3"], ["--recipe", "huge"]])
def test_what_cannot_be_is_told(wrong, capsys):
    with pytest.raises(SystemExit):
        explore.main(wrong)
    assert wrong[0] in capsys.readouterr().err
