"""The verb: a folder in, a page out."""

import json
import shutil

import pytest

from fashion import explore
from fashion.commands import explore as body

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.slow
def test_the_built_in_data_are_explored(sample_folder, tmp_path, capsys):
    page = explore.main(
        [
            "--data",
            str(sample_folder),
            "--out",
            str(tmp_path),
            "--recipe",
            "smoke",
            "--samples",
            "1",
        ]
    )
    assert (
        page == tmp_path / "index.html"
        and page.read_text().count("<img") == page.read_text().count('class="wide"') > 10
    )
    numbers = json.loads((tmp_path / "exploration.json").read_text())
    assert numbers["photos"] == 8 and numbers["comparison"]["photos"] == [8, 4]
    assert "--set 'RPN_ANCHOR_SCALES=[" in capsys.readouterr().out


@pytest.fixture
def quick(monkeypatch):
    """No page is drawn; what would stand on it is returned."""
    monkeypatch.setattr(
        body,
        "write_exploration",
        lambda folder, analysis, title, sheets: (analysis, title, sheets),
    )


def test_wrong_rows_do_not_stop_it_and_keep_their_lines(sample_folder, tmp_path, quick):
    folder = tmp_path / "data"
    shutil.copytree(sample_folder, folder)
    with open(folder / "train.csv", "a") as file:
        file.write("train_00000,1 2 3,128,96,0,\n")
    analysis, title, sheets = explore.main(
        ["--data", str(folder), "--out", str(tmp_path / "out"), "--samples", "0"]
    )
    lines = len((folder / "train.csv").read_text().splitlines())
    assert [
        (row["csv"], row["line"]) for row in analysis["suspicious"] if row["kind"] == "wrong row"
    ] == [("train", lines)]
    assert title == "Data: data" and sheets == {}
    assert analysis["training"]["recipe"] == "baseline"  # not "fashion", its NAME


def test_settings_change_the_anchors_that_are_looked_at(sample_folder, tmp_path, quick):
    analysis, *_ = explore.main(
        [
            "--data",
            str(sample_folder),
            "--out",
            str(tmp_path),
            "--samples",
            "0",
            "--recipe",
            "smoke",
            "--set",
            "RPN_ANCHOR_SCALES=[10,20,40,80,90]",
        ]
    )
    assert analysis["anchors"]["given"]["scales"] == [10, 20, 40, 80, 90] and analysis["training"][
        "image_hw"
    ] == [192, 128]


@pytest.mark.parametrize("wrong", [["--samples", "-1"], ["--tiny", "-3"], ["--recipe", "huge"]])
def test_what_cannot_be_is_told(wrong, capsys):
    with pytest.raises(SystemExit):
        explore.main(wrong)
    assert wrong[0] in capsys.readouterr().err


HEADER = "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds\n"


@pytest.fixture
def empties(sample_folder, tmp_path):
    """The sample, in whose CSVs some images have no objects: files(train.csv, val.csv of "all" or
    "one")."""

    def write(train, val):
        folder = tmp_path / "data"
        shutil.copytree(sample_folder, folder)
        for name, which in (("train", train), ("val", val)):
            lines = (folder / f"{name}.csv").read_text().splitlines()[1:]
            images = sorted({line.split(",")[0] for line in lines})
            empty = images if which == "all" else images[:1]
            kept = [line for line in lines if line.split(",")[0] not in empty]
            rows = [*kept, *(f"{image},,128,96,," for image in empty)]
            (folder / f"{name}.csv").write_text(HEADER + "\n".join(rows) + "\n")
        return folder

    return write


def test_images_without_objects_count_as_photos(empties, tmp_path, quick):
    arguments = ["--data", str(empties("one", "one")), "--out", str(tmp_path / "out")]
    analysis, *_ = explore.main([*arguments, "--samples", "1"])
    assert analysis["photos"] == 8 and analysis["per_photo"]["objects"][0] == 1
    assert analysis["comparison"]["photos"] == [8, 4]


def test_a_val_csv_without_objects_is_not_compared(empties, tmp_path, quick, capsys):
    arguments = ["--data", str(empties("one", "all")), "--out", str(tmp_path / "out")]
    analysis, *_ = explore.main([*arguments, "--samples", "0"])
    assert analysis["photos"] == 8 and not analysis["comparison"]
    assert "val.csv has no objects, so it is not compared" in capsys.readouterr().err


def test_a_train_csv_without_objects_is_refused(empties, tmp_path):
    with pytest.raises(ValueError, match="train.csv has 8 images and no object in any of them"):
        explore.main(["--data", str(empties("all", "one")), "--out", str(tmp_path / "out")])
