"""predict: a picture for each photo, never over a photo, and everything in predictions.json."""
import json

import numpy as np
import pytest
from PIL import Image

from fashion import predict, rle


@pytest.fixture
def photos(tmp_path):
    """Two photos of one name in two folders, and a third."""
    paths = [tmp_path / "a" / "x.jpg", tmp_path / "b" / "x.jpg", tmp_path / "b" / "y.png"]
    for i, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (80, 50 + i, 3)).astype(np.uint8)).save(path)
    return paths


def test_every_photo_gets_a_picture_and_its_objects_are_listed(photos, tiny_run, loaded_quickly, tmp_path):
    out = tmp_path / "new" / "out"
    predict.main([str(photos[0]), str(photos[1].parent), "--weights", str(tiny_run), "--min-score", "0.04", "--out", str(out)])
    assert loaded_quickly == {"DETECTION_MIN_CONFIDENCE": 0.04}
    assert sorted(p.name for p in out.iterdir()) == ["predictions.json", "x.jpg", "x_2.jpg", "y.jpg"]
    found = json.loads((out / "predictions.json").read_text())
    assert [(i["id"], i["file_name"], i["height"], i["width"]) for i in found["images"]] == [
        (n, str(path), 80, 49 + n) for n, path in enumerate(photos, start=1)]
    assert [a["id"] for a in found["annotations"]] == list(range(1, len(found["annotations"]) + 1))
    assert found["annotations"] and found["rescored"] is False
    for row in found["annotations"]:
        assert {"image_id", "category_id", "bbox", "segmentation", "score", "attribute_ids"} <= row.keys()
        assert rle.check_runs(rle.from_coco(row["segmentation"]), (80, 49 + row["image_id"])) is None
    carrying = [row for row in found["annotations"] if "attribute_scores" in row]
    assert carrying and all(len(row["attribute_scores"]) == len(found["attributes"]) for row in carrying)
    assert not any("mask_probabilities" in row for row in found["annotations"])
    assert {c["id"] for c in found["categories"]} >= {a["category_id"] for a in found["annotations"]}


def test_a_picture_never_overwrites_its_photo(photos, tiny_run, loaded_quickly):
    before = photos[0].read_bytes()
    with pytest.raises(ValueError, match="would overwrite the photo.*--out DIR"):
        predict.main([str(photos[0]), "--weights", str(tiny_run), "--out", str(photos[0].parent)])
    assert photos[0].read_bytes() == before


def test_a_photo_that_cannot_be_read_is_told_and_left_out(photos, tiny_run, loaded_quickly, tmp_path, capsys):
    photos[1].write_bytes(photos[1].read_bytes()[:300])
    predict.main([str(photos[0]), str(photos[1].parent), "--weights", str(tiny_run), "--out", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [i["file_name"] for i in found["images"]] == [str(photos[0]), str(photos[2])]
    assert (tmp_path / "out" / "y.jpg").exists() and "left out: " in capsys.readouterr().err


def test_a_photo_taken_upright_is_seen_upright(tiny_run, loaded_quickly, tmp_path):
    turned = Image.new("RGB", (90, 60))
    exif = turned.getexif()
    exif[274] = 6                           # Orientation: to be turned by a quarter
    turned.save(tmp_path / "phone.jpg", exif=exif)
    predict.main([str(tmp_path / "phone.jpg"), "--weights", str(tiny_run), "--out", str(tmp_path / "out")])
    image, = json.loads((tmp_path / "out" / "predictions.json").read_text())["images"]
    assert (image["height"], image["width"]) == (90, 60)
    assert Image.open(tmp_path / "out" / "phone.jpg").size[0] < Image.open(tmp_path / "out" / "phone.jpg").size[1]


def test_what_was_predicted_before_an_interruption_is_kept(photos, tiny_run, loaded_quickly, tmp_path, monkeypatch):
    def coco_results(result, number, ontology, **_):
        if number == 3:
            raise KeyboardInterrupt
        return []
    monkeypatch.setattr(predict, "coco_results", coco_results)
    with pytest.raises(KeyboardInterrupt):
        predict.main([str(photos[0]), str(photos[1].parent), "--weights", str(tiny_run), "--out", str(tmp_path / "out")])
    assert len(json.loads((tmp_path / "out" / "predictions.json").read_text())["images"]) == 3


def test_what_is_neither_photo_nor_folder_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="no photo or folder"):
        predict.find_photos([tmp_path / "a.jpg"])
    with pytest.raises(FileNotFoundError, match=r"no photos \(.jpg, .jpeg, .png\) in the folder"):
        predict.find_photos([tmp_path])


def test_photos_come_in_the_order_given(photos):
    assert predict.find_photos([photos[1].parent, photos[0]]) == [photos[1], photos[2], photos[0]]
