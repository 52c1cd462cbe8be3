"""Predictions for annotation tools, read back by decoders of their own."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.io.ground_truth import checked_ground_truth
from fashion.formats import annotation_tools, brush_rle
from fashion.formats.annotation_tools import Predictions


@pytest.fixture
def masks():
    found = np.zeros((3, 20, 30), bool)
    found[0, 2:9, 3:12] = True
    found[0, 4, 5] = False
    found[1, 0, 0] = True
    found[2, 10:, 20:] = True
    return found


@pytest.fixture
def predictions(masks):
    def row(number, image, category, attributes):
        packed = coco_mask.encode(np.asfortranarray(masks[number].astype(np.uint8)))
        return {
            "id": number + 1,
            "image_id": image,
            "category_id": category,
            "segmentation": {"size": [20, 30], "counts": packed["counts"].decode()},
            "attribute_ids": attributes,
        }

    content = checked_ground_truth(
        {
            "images": [
                {"id": 1, "file_name": "some/a.jpg", "height": 20, "width": 30},
                {"id": 2, "file_name": "some/b&c.jpg", "height": 20, "width": 30},
                {"id": 3, "file_name": "some/d.jpg", "height": 20, "width": 30},
            ],
            "categories": [{"id": 4, "name": "shirt, blouse"}, {"id": 7, "name": "bag <small>"}],
            "attributes": [{"id": 3, "name": "red"}, {"id": 5, "name": "long & wide"}],
            "annotations": [row(0, 1, 4, [3, 5]), row(1, 1, 7, []), row(2, 2, 4, [5])],
        }
    )
    for score, found in zip((0.9, 0.8, 0.7), content["annotations"]):
        found["score"] = score
    return Predictions(content)


def test_label_studio_has_a_task_for_each_image_and_a_brush_for_each_object(predictions, masks):
    tasks = json.loads("".join(annotation_tools.label_studio(predictions, "/x/?d=", "m")))
    assert [task["data"]["image"] for task in tasks] == [
        "/x/?d=a.jpg",
        "/x/?d=b&c.jpg",
        "/x/?d=d.jpg",
    ]
    first = tasks[0]["predictions"][0]
    brush, attributes, other = first["result"]
    assert brush["value"]["brushlabels"] == ["shirt, blouse"] and brush["score"] == 0.9
    assert (brush["original_width"], brush["original_height"]) == (30, 20)
    np.testing.assert_array_equal(brush_rle.decode(brush["value"]["rle"], (20, 30)), masks[0])
    assert attributes["id"] == brush["id"] != other["id"]
    assert attributes["value"] == {"choices": ["red", "long & wide"]}
    assert first["score"] == pytest.approx(0.85) and tasks[2]["predictions"][0]["result"] == []


def test_the_configuration_of_label_studio_names_all_labels(predictions):
    root = ElementTree.fromstring(annotation_tools.label_studio_config(predictions))
    assert [row.get("value") for row in root.iter("Label")] == ["shirt, blouse", "bag <small>"]
    assert [row.get("value") for row in root.iter("Choice")] == ["red", "long & wide"]


def test_cvat_masks_are_counts_within_their_box(predictions, masks):
    root = ElementTree.fromstring("".join(annotation_tools.cvat(predictions)))
    assert [image.get("name") for image in root.iter("image")] == ["a.jpg", "b&c.jpg", "d.jpg"]
    for element, mask in zip(root.iter("mask"), masks, strict=True):
        left, top, width, height = (
            int(element.get(key)) for key in ("left", "top", "width", "height")
        )
        values, value = [], False
        for count in map(int, element.get("rle").split(",")):
            values += [value] * count
            value = not value
        full = np.zeros((20, 30), bool)
        full[top : top + height, left : left + width] = np.reshape(values, (height, width))
        np.testing.assert_array_equal(full, mask)
    attributes = [
        {row.get("name"): row.text for row in mask.iter("attribute")} for mask in root.iter("mask")
    ]
    assert attributes[0] == {"attributes": "red, long & wide", "score": "0.9000"}


def test_coco_and_fiftyone_have_scores_and_attributes(predictions, masks):
    content = annotation_tools.coco(predictions)
    assert [row["attribute_ids"] for row in content["annotations"]] == [[3, 5], [], [5]]
    assert [row["score"] for row in content["annotations"]] == [0.9, 0.8, 0.7]
    np.testing.assert_array_equal(
        coco_mask.decode(content["annotations"][2]["segmentation"]), masks[2]
    )
    named = annotation_tools.coco(predictions, names=True)
    assert named["annotations"][0]["attributes"] == ["red", "long & wide"]
    assert "attributes" not in named


def test_names_keep_their_folders_where_they_would_be_the_same(predictions):
    predictions.images[1]["file_name"] = "other/a.jpg"
    assert predictions.file_names() == ["some/a.jpg", "other/a.jpg", "some/d.jpg"]
