"""The same data through every format."""

import hashlib
import shutil

import numpy as np
import pytest

from fashion.datasets import open_data
from fashion.datasets.conversion import convert
from fashion.datasets.splits import load_files
from fashion.datasets.writers import WRITERS
from mrcnn.config import Config
from mrcnn.data.batches import training_batches

WITH_ATTRIBUTES = [name for name, writer in WRITERS.items() if writer.keeps_attributes]


def part(files, name):
    return load_files(files, getattr(files, name), files.ontology())


def assert_same(one, other, attributes):
    assert one.num_images == other.num_images
    objects = 0
    for image_id in map(int, one.image_ids):
        masks, class_ids = one.load_mask(image_id)
        their_masks, their_class_ids = other.load_mask(image_id)
        np.testing.assert_array_equal(their_masks, masks)
        assert [other.class_names[i] for i in their_class_ids] == [
            one.class_names[i] for i in class_ids
        ]
        objects += len(class_ids)
        if attributes:
            field = "gt_attributes"
            np.testing.assert_array_equal(
                one.load_instance_fields(image_id)[field],
                other.load_instance_fields(image_id)[field],
            )
    return objects


def hashes(dataset, config, attributes=True):
    batches = training_batches(dataset, config)
    found = []
    for index in range(len(batches)):
        batch = batches.make(0, index)
        digest = hashlib.sha256()
        for name in sorted(batch.keys() - ({"gt_attributes"} if not attributes else set())):
            digest.update(np.ascontiguousarray(batch[name]).tobytes())
        found.append(digest.hexdigest())
    return found


def settings(dataset, steps):
    return Config.from_dict(
        {
            "NUM_CLASSES": dataset.num_classes,
            "IMAGES_PER_GPU": 2,
            "IMAGE_MIN_DIM": 128,
            "IMAGE_MAX_DIM": 128,
            "STEPS_PER_EPOCH": steps,
        }
    )


@pytest.fixture(scope="module")
def source(sample_folder):
    return open_data(sample_folder)


@pytest.mark.parametrize("name", WRITERS)
def test_objects_come_back_to_the_pixel(name, source, tmp_path):
    found = convert(source, WRITERS[name], tmp_path / "copy")
    files = open_data(tmp_path / "copy")
    keeps = WRITERS[name].keeps_attributes
    for kind in ("train", "val"):
        assert assert_same(part(source, kind), part(files, kind), keeps)
    assert bool(found.lost) != keeps
    if name != "via":  # whose categories are in another order
        config = settings(part(source, "train"), 4)
        one, other = (hashes(part(data, "train"), config, keeps) for data in (source, files))
        assert one == other


def test_a_killed_conversion_resumes(source, tmp_path, monkeypatch):
    whole = convert(source, WRITERS["yolo"], tmp_path / "whole")
    from fashion.datasets import conversion

    placed, place = [], conversion.place_photo

    def stopping(*args):
        placed.append(args)
        if len(placed) == 5:
            raise KeyboardInterrupt
        place(*args)

    monkeypatch.setattr(conversion, "place_photo", stopping)
    with pytest.raises(KeyboardInterrupt):
        convert(source, WRITERS["yolo"], tmp_path / "killed")
    monkeypatch.setattr(conversion, "place_photo", place)
    convert(source, WRITERS["yolo"], tmp_path / "killed")
    for file in (tmp_path / "whole").rglob("*"):
        if file.is_file():
            there = tmp_path / "killed" / file.relative_to(tmp_path / "whole")
            assert there.read_bytes() == file.read_bytes()
    assert len(whole.parts) == 2


def test_another_conversion_or_a_foreign_folder_is_refused(source, tmp_path):
    convert(source, WRITERS["coco"], tmp_path / "copy")
    with pytest.raises(ValueError, match="another format"):
        convert(source, WRITERS["via"], tmp_path / "copy")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("x")
    with pytest.raises(ValueError, match="not empty"):
        convert(source, WRITERS["via"], tmp_path / "mine")


def test_parts_with_photos_of_one_name_keep_both(source, tmp_path):
    for name, kind in (("one", "train"), ("two", "val")):
        convert(source, WRITERS["coco"], tmp_path / name)
        shutil.copytree(tmp_path / name / kind, tmp_path / f"photos_{name}")
    folder = tmp_path / "photos_two"
    names = sorted(path.name for path in folder.iterdir())
    text = (tmp_path / "two" / "annotations" / "instances_val.json").read_text()
    for new, old in zip(sorted(path.name for path in (tmp_path / "photos_one").iterdir()), names):
        (folder / old).rename(folder / new)
        text = text.replace(f'"{old}"', f'"{new}"')
    val = tmp_path / "photos_two" / "val.json"
    val.write_text(text)
    train = tmp_path / "one" / "annotations" / "instances_train.json"
    files = open_data(train, val=val)
    convert(files, WRITERS["kaggle"], tmp_path / "kaggle")
    again = open_data(tmp_path / "kaggle")
    assert_same(part(files, "val"), part(again, "val"), False)
    for image_id in range(4):
        np.testing.assert_array_equal(
            part(files, "val").load_image(image_id), part(again, "val").load_image(image_id)
        )


@pytest.mark.full
@pytest.mark.parametrize("name", WRITERS)
def test_the_street_photos_are_the_same_in_every_format(name, ccp_folder, tmp_path):
    source = open_data(ccp_folder)
    convert(source, WRITERS[name], tmp_path / "copy")
    files = open_data(tmp_path / "copy")
    keeps = WRITERS[name].keeps_attributes
    assert assert_same(part(source, "val"), part(files, "val"), keeps) == 594
    if name != "via":
        config = settings(part(source, "train"), 350)
        one, other = (hashes(part(data, "train"), config, keeps) for data in (source, files))
        assert one == other
