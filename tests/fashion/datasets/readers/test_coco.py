"""COCO, Fashionpedia and LVIS."""

import json
import pickle

import numpy as np
import pytest

from fashion.datasets import open_data
from fashion.datasets.splits import load_files
from fashion.formats.bad_rows import BadRows
from mrcnn.config import Config
from mrcnn.data.batches import training_batches

SQUARE = [2, 3, 8, 3, 8, 9, 2, 9]  # x 2..8, y 3..9


def annotation(i, image=1, category=5, **more):
    return {"id": i, "image_id": image, "category_id": category, "segmentation": [SQUARE]} | more


def test_objects_labels_and_photos_without_objects_are_read(coco, photos, opened, square):
    data = opened(coco([annotation(1), annotation(2, 3, 9)]), images=photos)
    assert [info["id"] for info in data.image_info] == ["a.jpg", "b.jpg", "c.jpg"]
    assert data.ontology.category_ids == (5, 9) and data.class_names[1:] == ["shirt", "skirt"]
    masks, class_ids = data.load_mask(2)
    np.testing.assert_array_equal(masks[..., 0], square)
    assert class_ids.tolist() == [2] and data.load_mask(1)[0].shape == (20, 14, 0)


def test_photos_are_found_below_the_folder_of_the_file(coco, opened):
    assert len(opened(coco([annotation(1)])).image_ids) == 3


def test_attributes_are_read(coco, photos, opened):
    labels = [{"id": 7, "name": "red"}, {"id": 3, "name": "long"}]
    data = opened(coco([annotation(1, attribute_ids=[3])], attributes=labels), images=photos)
    assert data.load_instance_fields(0)["gt_attributes"].tolist() == [[0, 1]]


def test_a_crowd_is_neither_an_object_nor_lost(coco, photos, opened):
    crowd = annotation(2, iscrowd=1, segmentation={"size": [20, 14], "counts": [0, 40, 240]})
    data = opened(coco([annotation(1, category=9), crowd]), images=photos)
    assert len(data.annotations.line) == 1 and data.attribute_counts()[:, 0].tolist() == [0, 1]
    masks, class_ids, fields = data.load_objects(0)
    assert class_ids.tolist() == [2, -1] and masks.areas.tolist() == [36, 40]
    assert len(fields["gt_attributes"]) == 2
    assert [row["iscrowd"] for row in data.to_coco()["annotations"]] == [0, 1]
    part = pickle.loads(pickle.dumps(data.subset(["c.jpg", "a.jpg"])))
    assert part.image_class_ids(0).tolist() == [2, -1] and not len(part.image_class_ids(1))


def test_lvis_lists_say_which_classes_count_as_background(coco, photos, opened):
    images = [
        {
            "id": i,
            "coco_url": f"http://images.cocodataset.org/photos/{letter}.jpg",
            "height": 20,
            "width": 14,
            "neg_category_ids": negative,
            "not_exhaustive_category_ids": partial,
        }
        for i, letter, negative, partial in [
            (1, "a", [9], []),
            (2, "b", [], []),
            (3, "c", [9], [5]),
        ]
    ]
    data = opened(coco([annotation(1), annotation(2, 3)], images=images), images=photos.parent)
    assert [data.active_class_ids(i).tolist() for i in range(3)] == [
        [1, 1, 1],
        [1, 0, 0],
        [1, 0, 1],
    ]
    assert not data.labels_all_classes
    sizes = {"NUM_CLASSES": 3, "IMAGES_PER_GPU": 3, "IMAGE_MIN_DIM": 64, "IMAGE_MAX_DIM": 64}
    config = Config.from_dict(sizes)
    batch = training_batches(data, config).make(0, 0)
    assert batch["active_class_ids"].sum() == 6


def test_a_box_without_an_outline_is_taken_for_the_mask(coco, photos, opened, caplog):
    box = annotation(1, bbox=[2, 3, 6, 6])
    del box["segmentation"]
    assert opened(coco([box]), images=photos).annotations.runs_of([0])[0].startswith("44 6")
    assert "Their boxes are taken for their masks" in caplog.text


WRONG = {
    "unknown category": annotation(9, category=77),
    "two points": annotation(9, segmentation=[[1, 2, 3, 4]]),
    "no segmentation": annotation(9, segmentation=None),
    "mask of another size": annotation(9, segmentation={"size": [5, 5], "counts": [25]}),
    "no number": annotation(9, category="x"),
    "unknown attribute": annotation(9, attribute_ids=[1]),
    "unknown image": annotation(9, image=44),
    "id twice": annotation(1),
    "no object": 5,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_annotation_is_named_or_left_out(coco, photos, opened, wrong):
    path = coco([annotation(1), wrong])
    with pytest.raises(BadRows, match="1 annotation that cannot be used") as caught:
        opened(path, images=photos)
    assert caught.value.rows[0].unit == "annotation"
    data = opened(path, images=photos, skip_bad=True)
    assert len(data.annotations.line) == 1 and len(data.image_ids) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 5}, "it lacks images, and has the keys .*annotations"),
        ({"categories": []}, "lists no categories"),
        ({"images": [{"id": 1}, {"id": 1}]}, "more than once"),
        ({"images": [5]}, "Expected an object"),
        ({"categories": [{"id": 1}]}, "has no name"),
        ({"attributes": 5}, "Expected a list of attributes"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(coco, photos, change, message):
    with pytest.raises(ValueError, match=message):
        open_data(coco([annotation(1)], **change), images=photos, reader="coco").ontology()


def test_broken_json_names_the_place(coco, photos):
    path = coco([annotation(1)])
    path.write_text(path.read_text()[:-5])
    with pytest.raises(ValueError, match="column"):
        open_data(path, images=photos).ontology()


def test_a_missing_photo_is_a_bad_row(coco, photos, opened):
    (photos / "b.jpg").unlink()
    path = coco([annotation(1), annotation(2, 2)])
    with pytest.raises(BadRows, match="no such image"):
        opened(path, images=photos)
    assert len(opened(path, images=photos, skip_bad=True).image_ids) == 2


def test_a_folder_has_a_file_for_each_part(coco, photos):
    (photos.parent / "annotations").mkdir()
    for part in ("train2017", "val2017"):
        coco([annotation(1)], f"annotations/instances_{part}.json")
    coco([annotation(1)], "annotations/captions_train2017.json")
    files = open_data(photos.parent)
    assert files.train.annotations.name == "instances_train2017.json"
    assert files.val.annotations.name == "instances_val2017.json" and files.test is None
    coco([annotation(1)], "annotations/instances_train2014.json")
    with pytest.raises(ValueError, match="several COCO files for train"):
        open_data(photos.parent)


def test_val_is_matched_by_name_and_may_have_other_ids(coco, photos):
    train = coco([annotation(1)])
    other = [{"id": 1, "name": "Skirt"}, {"id": 2, "name": "shirt"}]
    val = coco([annotation(1, category=1)], "other.json", categories=other)
    files = open_data(train, images=photos, val=val)
    assert load_files(files, files.val, files.ontology()).image_class_ids(0).tolist() == [2]


def test_of_photos_of_one_name_that_in_the_folder_of_the_part_is_taken(coco, photos):
    for part in ("train", "val"):
        (photos / part).mkdir()
        (photos / part / "a.jpg").write_bytes((photos / "a.jpg").read_bytes())
    (photos / "a.jpg").unlink()
    files = open_data(coco([annotation(1)], "instances_val.json"), images=photos)
    path = load_files(files, files.train, files.ontology()).image_info[0]["path"]
    assert path.endswith("val/a.jpg")


def test_the_index_is_used_again_until_the_file_changes(coco, photos, opened, monkeypatch):
    path = coco([annotation(1)])
    opened(path, images=photos)
    from fashion.datasets.readers.coco import CocoReader

    calls = []
    load = CocoReader.load
    monkeypatch.setattr(CocoReader, "load", lambda *args: calls.append(1) or load(*args))
    opened(path, images=photos)
    assert not calls
    content = json.loads(path.read_text())
    content["annotations"].append(annotation(2, 2))
    path.write_text(json.dumps(content))
    assert len(opened(path, images=photos).annotations.line) == 2 and calls
