"""predict: a picture for each photo, never over a photo, and everything in predictions.json."""

import contextlib
import errno
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from fashion import predict
from fashion.commands import predict as body
from fashion.formats import rle
from mrcnn.locks import FolderInUse


@pytest.fixture
def photos(tmp_path):
    """Two photos of one name in two folders, and a third."""
    paths = [tmp_path / "a" / "x.jpg", tmp_path / "b" / "x.jpg", tmp_path / "b" / "y.png"]
    for i, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(
            np.random.default_rng(i).integers(0, 256, (80, 50 + i, 3)).astype(np.uint8)
        ).save(path)
    return paths


@pytest.mark.slow
def test_every_photo_gets_a_picture_and_its_objects_are_listed(
    photos, tiny_run, loaded_quickly, tmp_path
):
    out = tmp_path / "new" / "out"
    predict.main(
        [
            str(photos[0]),
            str(photos[1].parent),
            "--weights",
            str(tiny_run),
            "--conf",
            "0.04",
            "--out",
            str(out),
        ]
    )
    assert loaded_quickly == {"DETECTION_MIN_CONFIDENCE": 0.04}
    assert sorted(p.name for p in out.iterdir()) == [
        "predictions.json",
        "x.jpg",
        "x_2.jpg",
        "y.jpg",
    ]
    found = json.loads((out / "predictions.json").read_text())
    assert [(i["id"], i["file_name"], i["height"], i["width"]) for i in found["images"]] == [
        (n, str(path), 80, 49 + n) for n, path in enumerate(photos, start=1)
    ]
    assert [a["id"] for a in found["annotations"]] == list(range(1, len(found["annotations"]) + 1))
    assert found["annotations"] and found["rescored"] is False
    for row in found["annotations"]:
        assert {
            "image_id",
            "category_id",
            "bbox",
            "segmentation",
            "score",
            "attribute_ids",
        } <= row.keys()
        assert (
            rle.check_runs(rle.from_coco(row["segmentation"]), (80, 49 + row["image_id"])) is None
        )
    carrying = [row for row in found["annotations"] if "attribute_scores" in row]
    assert carrying and all(
        len(row["attribute_scores"]) == len(found["attributes"]) for row in carrying
    )
    assert not any("mask_probabilities" in row for row in found["annotations"])
    assert {c["id"] for c in found["categories"]} >= {
        a["category_id"] for a in found["annotations"]
    }


def test_a_picture_never_overwrites_its_photo(photos, tiny_run, loaded_quickly):
    before = photos[0].read_bytes()
    with pytest.raises(ValueError, match="would overwrite the image itself.*--out DIR"):
        predict.main([str(photos[0]), "--weights", str(tiny_run), "--out", str(photos[0].parent)])
    assert photos[0].read_bytes() == before


def test_a_photo_that_cannot_be_read_is_told_and_left_out(
    photos, tiny_run, loaded_quickly, tmp_path, capsys
):
    photos[1].write_bytes(photos[1].read_bytes()[:300])
    predict.main(
        [
            str(photos[0]),
            str(photos[1].parent),
            "--weights",
            str(tiny_run),
            "--out",
            str(tmp_path / "out"),
        ]
    )
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [i["file_name"] for i in found["images"]] == [str(photos[0]), str(photos[2])]
    assert (tmp_path / "out" / "y.jpg").exists() and "left out: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_strip_that_the_model_has_no_canvas_for_is_told_by_its_name_and_left_out(
    photos, tiny_run, loaded_quickly, tiny_model, tmp_path, capsys, monkeypatch
):
    strip = tmp_path / "strip.png"
    Image.fromarray(np.zeros((3, 5000, 3), np.uint8)).save(strip)
    monkeypatch.setattr(tiny_model.config, "IMAGE_RESIZE_MODE", "pad64")
    monkeypatch.setattr("mrcnn.data.resize.MAX_ENLARGED", 1_000_000)
    out = tmp_path / "out"
    predict.main(
        [*map(str, [photos[0], strip, photos[2]]), "--weights", str(tiny_run), "--out", str(out)]
    )
    found = json.loads((out / "predictions.json").read_text())
    assert [i["file_name"] for i in found["images"]] == [str(photos[0]), str(photos[2])]
    assert f"left out: {strip}: A photo of 3 x 5000 pixels" in capsys.readouterr().err


def test_a_photo_taken_upright_is_seen_upright(tiny_run, loaded_quickly, tmp_path):
    turned = Image.new("RGB", (90, 60))
    exif = turned.getexif()
    exif[274] = 6  # Orientation: to be turned by a quarter
    turned.save(tmp_path / "phone.jpg", exif=exif)
    predict.main(
        [str(tmp_path / "phone.jpg"), "--weights", str(tiny_run), "--out", str(tmp_path / "out")]
    )
    (image,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["images"]
    assert (image["height"], image["width"]) == (90, 60)
    assert (
        Image.open(tmp_path / "out" / "phone.jpg").size[0]
        < Image.open(tmp_path / "out" / "phone.jpg").size[1]
    )


@pytest.fixture
def many(photos, tiny_run, tmp_path):
    """many(*more, out=…) -> what `predict` returns for seven photos in batches of two, one of which
    is broken.
    """
    folder = tmp_path / "many"
    for i in range(7):
        folder.mkdir(exist_ok=True)
        Image.fromarray(
            np.random.default_rng(i).integers(0, 256, (60 + i, 50, 3)).astype(np.uint8)
        ).save(folder / f"{i}.jpg")
    (folder / "2.jpg").write_bytes((folder / "2.jpg").read_bytes()[:300])

    def run(*more, out="out"):
        return predict.main(
            [
                str(folder),
                "--weights",
                str(tiny_run),
                "--conf",
                "0.04",
                "--out",
                str(tmp_path / out),
                *more,
            ]
        )

    return run


@contextlib.contextmanager
def stopped_at(count):
    """While the block runs, the objects of the `count`-th photo are not listed, but Ctrl-C is
    pressed.
    """
    calls, listed = [], body.coco_results

    def coco_results(*arguments, **more):
        calls.append(arguments)
        if len(calls) == count:
            raise KeyboardInterrupt
        return listed(*arguments, **more)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(body, "coco_results", coco_results)
        yield


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_predicted_before_an_interruption_is_kept(many, loaded_quickly, tmp_path):
    with stopped_at(4):
        many()
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [Path(image["file_name"]).name for image in found["images"]] == [
        "0.jpg",
        "1.jpg",
        "3.jpg",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stops", [[1], [3], [6], [2, 1, 4], [5, 2]])
def test_an_interrupted_run_ends_as_an_unbroken_one(many, loaded_quickly, tmp_path, stops, capsys):
    whole = contents(many(out="whole"))
    for count in stops:
        with stopped_at(count):
            many()
        # As a kill leaves it: temporary files, and no predictions.json.
        (tmp_path / "out" / ".3.writing-abcdef01.jpg").touch()
        (tmp_path / "out" / ".predictions.writing-abcdef01.json").touch()
        (tmp_path / "out" / "predictions.json").unlink(missing_ok=True)
    capsys.readouterr()
    assert contents(many()) == whole
    assert capsys.readouterr().err.count("left out: ") == 1


def test_what_is_done_is_not_predicted_again(many, tiny_model, loaded_quickly, monkeypatch):
    with stopped_at(5):
        many()
    seen, stream = [], tiny_model.stream

    def noting(photos):
        for result in stream(photos):
            seen.append(result["image_hw"][0] - 60)
            yield result

    monkeypatch.setattr(tiny_model, "stream", noting)
    many()
    assert seen == [5, 6]  # 0, 1, 3 and 4 were done: two batches


@pytest.mark.slow
def test_a_photo_that_was_replaced_and_a_picture_that_is_gone_are_made_again(
    many, loaded_quickly, tmp_path
):
    with stopped_at(6):
        many()
    shutil.copyfile(tmp_path / "many" / "6.jpg", tmp_path / "many" / "2.jpg")
    (tmp_path / "out" / "1.jpg").unlink()
    out = many()
    images = json.loads((out / "predictions.json").read_text())["images"]
    assert [(image["id"], image["height"]) for image in images] == [
        (1, 60),
        (2, 61),
        (3, 66),
        (4, 63),
        (5, 64),
        (6, 65),
        (7, 66),
    ]
    assert (out / "1.jpg").exists() and not (out / "predictions.partial").exists()


def test_other_arguments_than_before_are_told_and_restart_starts_over(
    many, loaded_quickly, tmp_path
):
    with stopped_at(3):
        many()
    before = contents(tmp_path / "out")
    with pytest.raises(
        ValueError,
        match=r"was started with other arguments \(--conf: 0.04 there, 0.5 here\)"
        ".*--restart to start over",
    ):
        many("--conf", "0.5")
    assert contents(tmp_path / "out") == before
    assert contents(many("--conf", "0.5", "--restart")) == contents(
        many("--conf", "0.5", out="whole")
    )


def test_other_settings_beside_the_weights_than_before_are_told(
    many, loaded_quickly, tiny_run, tmp_path
):
    beside = tiny_run / "best.settings.json"
    try:
        with stopped_at(3):
            many()
        beside.write_text('{"DETECTION_MASK_CERTAINTY": 1.0}')
        with pytest.raises(
            ValueError, match="settings beside the weights: not given there, {'DETECTION"
        ):
            many()
    finally:
        beside.unlink(missing_ok=True)  # the run belongs to all tests


def test_a_start_that_failed_before_any_photo_binds_nobody(many, loaded_quickly):
    with stopped_at(1):
        many("--conf", "0.9")
    many()


def test_a_photo_given_twice_has_two_pictures(photos, tiny_run, loaded_quickly, tmp_path):
    out = predict.main(
        [str(photos[0]), str(photos[0]), "--weights", str(tiny_run), "--out", str(tmp_path / "out")]
    )
    assert {path.name for path in out.iterdir()} == {"x.jpg", "x_2.jpg", "predictions.json"}
    assert [
        image["id"] for image in json.loads((out / "predictions.json").read_text())["images"]
    ] == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["predictions.partial", "3.jpg", "predictions.json"])
def test_a_full_disk_is_told_and_the_run_resumes_when_there_is_space(
    many, loaded_quickly, tmp_path, monkeypatch, name
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    whole = contents(many(out="whole"))
    with monkeypatch.context() as patch:
        if name == "predictions.partial":

            class FullFile(SimpleNamespace):
                write = full

            add = body.Journal.add

            def add_the_last_that_fits(journal, picture, row):
                if picture == "3.jpg":
                    journal._file = FullFile(close=journal._file.close)
                add(journal, picture, row)

            patch.setattr(body.Journal, "add", add_the_last_that_fits)
        else:
            replace = os.replace
            patch.setattr(
                os, "replace", lambda old, new: full() if new.name == name else replace(old, new)
            )
        with pytest.raises(
            OSError,
            match=f"{name} could not be written: No space left on device.* Make room on the disk",
        ):
            many()
    assert contents(many()) == whole


def test_a_second_command_in_the_folder_is_told(many, loaded_quickly, tmp_path, held):
    with (
        held(tmp_path / "out", "fashion predict"),
        pytest.raises(FolderInUse, match="out is in use by fashion predict"),
    ):
        many()


def test_what_is_neither_photo_nor_folder_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image or folder"):
        predict.find_images([tmp_path / "a.jpg"])
    with pytest.raises(
        FileNotFoundError, match=r"no images \(.jpg, .jpeg, .png, .*\) in the folder \S+\.$"
    ):
        predict.find_images([tmp_path])
    for name in "dbca":
        (tmp_path / name).mkdir()
    with pytest.raises(FileNotFoundError, match=r"are not searched \(a, b, c, …\). Name each"):
        predict.find_images([tmp_path])


def test_photos_come_in_the_order_given(photos):
    assert predict.find_images([photos[1].parent, photos[0]]) == [photos[1], photos[2], photos[0]]


def test_pictures_are_not_told_apart_by_case_alone(tmp_path):
    photos = [tmp_path / name for name in ("A.png", "a.jpg", "b.jpg", "a_2.jpg")]
    names = [path.name for path in body.overlay_paths(photos, tmp_path / "out")]
    assert names == ["A.jpg", "a_2.jpg", "b.jpg", "a_2_2.jpg"]
