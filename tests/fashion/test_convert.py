"""The verb convert."""

import json

import pytest

from fashion.convert import SOURCES, TARGETS, main
from fashion.datasets import open_data
from fashion.datasets.readers.registry import FORMATS, SAME
from fashion.datasets.writers import WRITERS


def test_the_options_name_every_format():
    assert set(SOURCES) == {*FORMATS, *SAME} and tuple(WRITERS) == TARGETS


def test_a_copy_is_described_with_what_it_lacks(sample_folder, tmp_path, capsys):
    out = main(["--data", str(sample_folder), "--to", "yolo", "--out", str(tmp_path / "copy")])
    assert open_data(out).val.section == "val"
    printed = capsys.readouterr().out
    assert "train: 8 images" in printed and "not in this format:" in printed
    assert "attributes of" in printed and "fashion train --data" in printed


def test_images_without_objects_are_counted(sample_folder, tmp_path, capsys):
    main(["--data", str(sample_folder), "--to", "coco", "--out", str(tmp_path / "coco")])
    path = tmp_path / "coco" / "annotations" / "instances_train.json"
    content = json.loads(path.read_text())
    first = content["images"][0]["id"]
    content["annotations"] = [row for row in content["annotations"] if row["image_id"] != first]
    path.write_text(json.dumps(content))
    capsys.readouterr()
    arguments = ["--from", "coco", "--to", "kaggle", "--out", str(tmp_path / "kaggle")]
    main(["--data", str(tmp_path / "coco"), *arguments])
    assert "8 images, 1 of them without objects (background)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "voc", "--out", "x"], "must be one of"),
        (["--out", "x"], "--to is missing"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
