"""The nucleus example: the contest's folders, crops, and the submission, whose run lengths are read
back by pycocotools."""

import csv

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask


@pytest.fixture
def photos(tmp_path):
    """photos(folder, count) -> the data set's folder, now with `count` photos of two round nuclei
    in this subfolder."""

    def write(folder, count, hw=(48, 56), annotated=True):
        for i in range(count):
            home = tmp_path / "dsb" / folder / f"{folder}{i:02d}"
            (home / "images").mkdir(parents=True)
            ys, xs = np.mgrid[: hw[0], : hw[1]]
            masks = [(ys - y) ** 2 + (xs - x) ** 2 < 64 for y, x in ((12, 14), (30, 40))]
            photo = np.full(
                (*hw, 4), (30, 20, 40, 255), np.uint8
            )  # with an alpha channel, as the contest's are
            photo[masks[0] | masks[1], :3] = 160 + i
            Image.fromarray(photo).save(home / "images" / f"{home.name}.png")
            if annotated:
                (home / "masks").mkdir()
                for n, mask in enumerate(masks):
                    Image.fromarray(mask.astype(np.uint8) * 255).save(home / "masks" / f"{n}.png")
        return tmp_path / "dsb"

    return write


def read_back(text, size_hw):
    """Run lengths -> (H, W) bool, by way of COCO's uncompressed ones."""
    counts, position = [], 0
    for start, length in np.array(text.split(), int).reshape(-1, 2).tolist():
        counts += [start - 1 - position, length]
        position = start - 1 + length
    counts.append(size_hw[0] * size_hw[1] - position)
    return coco_mask.decode(
        coco_mask.frPyObjects({"size": list(size_hw), "counts": counts}, *size_hw)
    ).astype(bool)


def test_a_photo_has_a_mask_for_every_nucleus(example, photos):
    dataset = example("nucleus").prepared(photos("stage1_train", 2), "stage1_train")
    masks, class_ids = dataset.load_mask(1)
    assert (
        dataset.load_image(1).shape == (48, 56, 3)
        and masks.shape == (48, 56, 2)
        and masks.dtype == bool
        and list(class_ids) == [1, 1]
    )
    assert (
        masks[12, 14, 0]
        and masks[30, 40, 1]
        and (dataset.load_image(1)[masks.any(axis=-1)] == 161).all()
    )


def test_train_and_val_share_the_photos_of_stage_1(example, photos):
    module, folder = example("nucleus"), photos("stage1_train", 30)
    names = {
        subset: {info["id"] for info in module.prepared(folder, subset).image_info}
        for subset in ("train", "val", "stage1_train")
    }
    assert (
        not names["train"] & names["val"] and names["train"] | names["val"] == names["stage1_train"]
    )
    assert names["val"] == {"stage1_train00", "stage1_train25"}


def test_a_test_photo_has_no_masks(example, photos):
    masks, class_ids = (
        example("nucleus")
        .prepared(photos("stage1_test", 1, annotated=False), "stage1_test")
        .load_mask(0)
    )
    assert masks.shape == (48, 56, 0) and class_ids.shape == (0,)


def test_what_is_missing_is_named(example, photos, tmp_path):
    module = example("nucleus")
    with pytest.raises(FileNotFoundError, match="no folder .*stage1_train"):
        module.prepared(tmp_path, "train")
    (tmp_path / "stage1_train").mkdir()
    with pytest.raises(FileNotFoundError, match="no photos in"):
        module.prepared(tmp_path, "train")
    with pytest.raises(SystemExit, match="2"):
        module.main(["detect", "--dataset", "dsb", "--weights", "imagenet"])


def test_training_sees_crops_of_enlarged_photos_and_detection_whole_ones(example, photos):
    from mrcnn.data.augmentation.imgaug_adapter import ImgaugAugmenter
    from mrcnn.data.batches import training_batches
    from mrcnn.data.resize import placement_for

    module = example("nucleus")
    batches = training_batches(
        module.prepared(photos("stage1_train", 3), "train"),
        module.NucleusConfig(),
        augmenter=ImgaugAugmenter(module.augmentation()),
    )
    assert batches[0]["images"].shape == (2, 64, 64, 3)
    placement = placement_for(module.NucleusInferenceConfig(), (48, 56))
    assert placement.size_hw == (96, 112) and placement.canvas_hw == (128, 128)


def test_run_lengths_go_down_the_columns_and_count_from_1(example):
    mask = np.array([[0, 1, 1], [1, 1, 0]], bool)
    assert example("nucleus").run_lengths(mask) == "2 4"
    assert example("nucleus").run_lengths(~mask) == "1 1 6 1"


def test_run_lengths_can_be_read_back(example):
    rng = np.random.default_rng(0)
    for size_hw in ((7, 5), (1, 9), (30, 40)):
        mask = rng.random(size_hw) < 0.5
        assert np.array_equal(read_back(example("nucleus").run_lengths(mask), size_hw), mask)


def test_a_pixel_goes_to_the_surer_mask(example):
    masks = np.zeros((6, 6, 3), bool)
    masks[:4, :4, 0] = masks[2:, 2:, 1] = masks[3:5, 3:5, 2] = True
    rows = example("nucleus").submission_rows("photo", masks, np.array([0.6, 0.9, 0.1]))
    first, second = (
        read_back(text, (6, 6)) for _, text in rows
    )  # the third is covered wholly, and has no row
    assert np.array_equal(first, masks[:, :, 1]) and np.array_equal(
        second, masks[:, :, 0] & ~masks[:, :, 1]
    )
    assert example("nucleus").submission_rows("photo", masks[:, :, :0], np.zeros(0)) == [
        ("photo", "")
    ]


@pytest.mark.full
def test_it_trains_and_writes_a_submission(example, photos, tmp_path, monkeypatch):
    module, folder, logs = example("nucleus"), photos("stage1_train", 4), str(tmp_path / "runs")
    photos("stage1_test", 2, hw=(40, 60), annotated=False)
    monkeypatch.setattr(module, "EPOCHS_HEADS", 1)
    monkeypatch.setattr(module, "EPOCHS", 2)
    assert (
        module.main(["train", "--dataset", str(folder), "--weights", "none", "--logs", logs]).epoch
        == 2
    )
    out = tmp_path / "submission.csv"
    module.main(
        ["detect", "--dataset", str(folder), "--weights", "last", "--logs", logs, "--out", str(out)]
    )
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["ImageId", "EncodedPixels"] and {row["ImageId"] for row in rows} == {
        "stage1_test00",
        "stage1_test01",
    }
    for name in ("stage1_test00", "stage1_test01"):
        masks = [
            read_back(row["EncodedPixels"], (40, 60))
            for row in rows
            if row["ImageId"] == name and row["EncodedPixels"]
        ]
        assert np.sum(masks, axis=0).max(initial=0) <= 1
    assert [p.name for p in tmp_path.glob("*submission*")] == ["submission.csv"]
