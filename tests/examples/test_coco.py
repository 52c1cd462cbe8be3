"""The COCO example: annotations of every kind, the way from detections to AP, and the download from
a server of our own."""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

HW = (40, 50)


def box_mask(y1, x1, y2, x2):
    mask = np.zeros(HW, np.uint8)
    mask[y1:y2, x1:x2] = 1
    return mask


def run_counts(mask):
    """COCO's uncompressed run lengths: of 0s and 1s in turn, 0s first."""
    flat = np.concatenate([[0], mask.T.ravel(), [2]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], edges])).tolist()


@pytest.fixture
def folder(tmp_path):
    """A data set in COCO's layout: photo 7 has a polygon, both kinds of run lengths, a crowd and a
    speck; photo 9 has nothing."""
    crowd, packed = (
        box_mask(0, 30, 20, 50),
        coco_mask.encode(np.asfortranarray(box_mask(25, 5, 35, 25))),
    )
    shapes = [
        (18, 0, [[10, 5, 20, 5, 20, 15, 10, 15]]),
        (1, 0, {"size": list(HW), "counts": packed["counts"].decode()}),
        (18, 1, {"size": list(HW), "counts": run_counts(crowd)}),
        (90, 0, [[3.1, 3.1, 3.2, 3.1, 3.2, 3.2]]),
    ]
    annotations = [
        {
            "id": i,
            "image_id": 7,
            "category_id": category,
            "iscrowd": iscrowd,
            "segmentation": segmentation,
            "area": 100.0,
            "bbox": [10, 5, 10, 10],
        }
        for i, (category, iscrowd, segmentation) in enumerate(shapes, start=1)
    ]
    content = {
        "images": [
            {"id": i, "file_name": f"{i:012d}.jpg", "height": HW[0], "width": HW[1]} for i in (9, 7)
        ],
        "categories": [
            {"id": i, "name": name} for i, name in ((90, "toothbrush"), (1, "person"), (18, "dog"))
        ],
        "annotations": annotations,
    }
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    for subset in ("train2017", "val2017"):
        (tmp_path / "coco" / "annotations" / f"instances_{subset}.json").write_text(
            json.dumps(content)
        )
        (tmp_path / "coco" / subset).mkdir()
        for image in content["images"]:
            Image.new("RGB", HW[::-1], (90, 120, 150)).save(
                tmp_path / "coco" / subset / image["file_name"]
            )
    return tmp_path / "coco"


def test_polygons_and_run_lengths_are_read_and_crowds_are_negative(example, folder):
    dataset = example("coco").prepared(folder, "val", 2017)
    assert dataset.class_names == [
        "BG",
        "person",
        "dog",
        "toothbrush",
    ]  # in the order of COCO's ids
    assert [info["id"] for info in dataset.image_info] == [7, 9]
    masks, class_ids = dataset.load_mask(0)
    assert (
        list(class_ids) == [2, 1, -2] and masks.dtype == bool
    )  # the speck is smaller than a pixel
    assert masks[6:14, 11:19, 0].all() and 80 <= masks[:, :, 0].sum() <= 121
    assert np.array_equal(masks[:, :, 1], box_mask(25, 5, 35, 25)) and np.array_equal(
        masks[:, :, 2], box_mask(0, 30, 20, 50)
    )
    assert dataset.load_image(0).shape == (*HW, 3)


def test_a_photo_without_annotations_has_no_objects(example, folder):
    masks, class_ids = example("coco").prepared(folder, "val", 2017).load_mask(1)
    assert masks.shape == (*HW, 0) and class_ids.shape == (0,) and class_ids.dtype == np.int32


def test_a_crowd_of_another_size_covers_the_photo(example, folder):
    dataset = example("coco").prepared(folder, "val", 2017)
    dataset.image_info[0]["size_hw"], dataset.coco.imgs[7]["height"] = (20, 50), 20
    dataset.coco.imgToAnns[7] = [a for a in dataset.coco.imgToAnns[7] if a["iscrowd"]]
    masks, class_ids = dataset.load_mask(0)
    assert masks.shape == (20, 50, 1) and masks.all() and list(class_ids) == [-2]


def test_the_truth_as_detections_scores_1(example, folder):
    module = example("coco")
    dataset = module.prepared(folder, "val", 2017)
    masks, class_ids = dataset.load_mask(0)
    real = class_ids > 0
    found = {
        "rois": module.utils.extract_bboxes(masks[:, :, real]),
        "class_ids": class_ids[real],
        "scores": np.array([0.9, 0.8]),
        "masks": masks[:, :, real],
    }
    results = json.loads(json.dumps(module.coco_results(dataset, 0, found)))
    assert [r["category_id"] for r in results] == [18, 1] and results[1]["bbox"] == [5, 25, 20, 10]
    scores = module.evaluate_coco(dataset.coco.dataset, results, "segm", image_ids=[7, 9])
    assert scores["per_category"][1]["AP"] == scores["per_category"][18]["AP"] == pytest.approx(1)
    assert (
        module.coco_results(
            dataset, 1, {k: v[..., :0] if k == "masks" else v[:0] for k, v in found.items()}
        )
        == []
    )


def test_what_is_missing_is_named(example, folder):
    with pytest.raises(FileNotFoundError, match=r"instances_val2014.json.*--download"):
        example("coco").prepared(folder, "val", 2014)


def test_a_download_is_checked_unpacked_and_not_repeated(example, folder, tmp_path, monkeypatch):
    module, home, fetched, packed = example("coco"), tmp_path / "new", [], {}
    for name, sources in (
        ("val2017.zip", (folder / "val2017").iterdir()),
        ("annotations_trainval2017.zip", (folder / "annotations").iterdir()),
    ):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for path in sources:
                file.write(path, path.relative_to(folder))
        packed[name] = archive.getvalue()
        monkeypatch.setitem(module.MD5, name, hashlib.md5(packed[name]).hexdigest())

    def download(url, path, *, md5):
        assert (
            url.startswith("http://images.cocodataset.org/")
            and md5 == hashlib.md5(packed[path.name]).hexdigest()
        )
        fetched.append(url.rpartition("org/")[2])
        home.mkdir(exist_ok=True)
        path.write_bytes(packed[path.name])

    monkeypatch.setattr(module, "download", download)
    module.fetch(home, "val", 2017)
    assert fetched == ["zips/val2017.zip", "annotations/annotations_trainval2017.zip"]
    assert len(module.prepared(home, "val", 2017).image_ids) == 2
    photo = home / "val2017" / "000000000007.jpg"
    before = photo.stat().st_mtime_ns
    photo.with_name("000000000009.jpg").write_bytes(b"cut off")
    module.fetch(home, "val", 2017)
    assert (
        photo.stat().st_mtime_ns == before
        and photo.with_name("000000000009.jpg").stat().st_size > 100
    )


@pytest.mark.full
def test_it_trains_three_stages_and_evaluates(example, folder, tmp_path, capsys, monkeypatch):
    module, logs, out = (
        example("coco", NUM_CLASSES=4),
        str(tmp_path / "runs"),
        tmp_path / "results.json",
    )
    monkeypatch.setattr(
        module,
        "STAGES",
        tuple((layers, i, factor) for i, (layers, _, factor) in enumerate(module.STAGES, start=1)),
    )
    model = module.main(["train", "--dataset", str(folder), "--model", "none", "--logs", logs])
    assert model.epoch == 3 and model.find_last().endswith("mask_rcnn_coco_0003.h5")
    scores = module.main(
        [
            "evaluate",
            "--dataset",
            str(folder),
            "--model",
            "last",
            "--logs",
            logs,
            "--limit",
            "1",
            "--out",
            str(out),
        ]
    )
    assert set(scores) == {"bbox", "segm"} and 0 <= scores["segm"]["AP"] <= 1
    assert {r["image_id"] for r in json.loads(out.read_text())} <= {
        7
    } and "segm, 1 photos:  AP " in capsys.readouterr().out


def store_turned(path, orientation):
    """Store a photo, upright white above and dark below, as a telephone that is held so does."""
    pixels = np.full((*HW, 3), 20, np.uint8)
    pixels[:20] = 240
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).transpose(back[orientation]).save(path, exif=exif, quality=95)


def test_a_photo_whose_size_is_that_of_the_turned_one_is_turned(example, folder, caplog):
    store_turned(folder / "val2017" / f"{7:012d}.jpg", 6)
    dataset = example("coco").prepared(folder, "val", 2017)
    photo = dataset.load_image(0)
    assert photo.shape == (*HW, 3) and (photo[:16] > 200).all() and (photo[24:] < 60).all()
    assert "EXIF" not in caplog.text


def test_a_turn_that_leaves_the_size_is_not_done_and_told_once(example, folder, caplog):
    store_turned(folder / "val2017" / f"{7:012d}.jpg", 3)
    dataset = example("coco").prepared(folder, "val", 2017)
    for _ in range(2):
        assert (dataset.load_image(0)[24:] > 200).all()
    assert caplog.text.count("EXIF orientation") == 1


def test_a_photo_of_another_size_than_its_annotations_is_named(example, folder):
    store_turned(folder / "val2017" / f"{7:012d}.jpg", 6)
    path = folder / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["images"][1]["height"] = 41
    path.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match="Height and Width are 41 and 50.* EXIF orientation 6 .*7.jpg"
    ):
        example("coco").prepared(folder, "val", 2017).load_image(0)


@pytest.mark.parametrize(
    "change",
    [
        {"file_name": "../a.jpg"},
        {"file_name": "/etc/passwd"},
        {"file_name": "link.jpg"},
        {"file_name": None},
        {"file_name": 5},
        {"height": "40"},
        {"width": None},
        {"height": 0},
        {"width": float("nan")},
    ],
)
def test_an_image_that_cannot_be_used_is_named(example, folder, change):
    (folder / "val2017" / "link.jpg").symlink_to(folder / "train2017" / f"{7:012d}.jpg")
    path = folder / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    content["images"][1].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="Image 7 of .*instances_val2017.json: "):
        example("coco").prepared(folder, "val", 2017)
