"""What holds for every dataset of this project, whatever files it comes from."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.datasets.files import find_data
from fashion.datasets.imaterialist import load_imaterialist

IMAGES = 6  # of each dataset, decoded masks being slow


def load(folder, csv="train_csv"):
    files = find_data(folder)
    return load_imaterialist(getattr(files, csv), files.images_dir, files.ontology())


@pytest.fixture(params=["2019", "2020", "ccp"])
def dataset(request):
    if request.param == "ccp":
        return load(request.getfixturevalue("ccp_folder"), "val_csv")
    return load(request.getfixturevalue("make_folder")(int(request.param)))


def some(dataset):
    return [int(i) for i in dataset.image_ids[:IMAGES]]


def test_class_ids_are_the_ontologys(dataset):
    ontology = dataset.ontology
    assert dataset.num_classes == ontology.num_classes == len(dataset.class_names)
    for class_id in range(1, dataset.num_classes):
        assert dataset.class_info[class_id]["id"] == ontology.category_id_of(class_id)
    assert dataset.num_images == len(dataset.image_info) == len(dataset.image_ids) > 0


def test_images_are_rgb_of_the_annotated_size(dataset):
    for i in some(dataset):
        image = dataset.load_image(i)
        info = dataset.image_info[i]
        assert image.dtype == np.uint8 and image.shape == (info["height"], info["width"], 3)


def test_masks_are_bool_and_of_the_images_size(dataset):
    for i in some(dataset):
        masks, class_ids = dataset.load_mask(i)
        assert masks.dtype == bool and masks.shape == (
            *dataset.load_image(i).shape[:2],
            len(class_ids),
        )
        assert masks.any(axis=(0, 1)).all() and masks.flags.writeable


def test_class_ids_are_in_range_and_known_without_decoding(dataset):
    for i in some(dataset):
        class_ids = dataset.load_mask(i)[1]
        assert class_ids.dtype == np.int32 and len(class_ids) > 0
        assert class_ids.min() >= 1 and class_ids.max() < dataset.num_classes
        np.testing.assert_array_equal(dataset.image_class_ids(i), class_ids)
        assert dataset.image_class_ids(i).dtype == np.int32


def test_every_field_has_a_row_per_object(dataset):
    for i in some(dataset):
        fields = dataset.load_instance_fields(i)
        assert all(
            name.startswith("gt_") and len(rows) == len(dataset.image_class_ids(i))
            for name, rows in fields.items()
        )
        attributes = fields["gt_attributes"]
        assert (
            attributes.dtype == np.float32
            and attributes.shape[1] == dataset.ontology.num_attributes
        )
        assert np.isin(attributes, (0, 1)).all()


def test_coco_ground_truth_says_what_the_masks_say(dataset):
    truth = dataset.to_coco(some(dataset))
    assert [image["id"] for image in truth["images"]] == some(dataset)
    assert [a["id"] for a in truth["annotations"]] == list(range(1, len(truth["annotations"]) + 1))
    json.dumps(truth)
    for image in truth["images"]:
        i = image["id"]
        masks, class_ids = dataset.load_mask(i)
        attributes = dataset.load_instance_fields(i)["gt_attributes"]
        annotations = [a for a in truth["annotations"] if a["image_id"] == i]
        assert (image["height"], image["width"]) == masks.shape[:2] and len(annotations) == len(
            class_ids
        )
        assert image["file_name"] in dataset.image_info[i]["path"]
        for n, annotation in enumerate(annotations):
            rows, columns = np.nonzero(masks[:, :, n])
            x, y, w, h = annotation["bbox"]
            assert annotation["area"] == masks[:, :, n].sum()
            assert (y, x, y + h, x + w) == (
                rows.min(),
                columns.min(),
                rows.max() + 1,
                columns.max() + 1,
            )
            np.testing.assert_array_equal(
                coco_mask.decode(annotation["segmentation"]), masks[:, :, n]
            )
            assert annotation["category_id"] == dataset.ontology.category_id_of(class_ids[n])
            assert annotation["attribute_ids"] == dataset.ontology.ids_of(attributes[n])
            assert annotation["iscrowd"] == 0


def test_coco_lists_every_category_and_attribute(dataset):
    truth = dataset.to_coco([])
    assert [c["id"] for c in truth["categories"]] == list(dataset.ontology.category_ids)
    assert [a["id"] for a in truth["attributes"]] == list(dataset.ontology.attribute_ids)
    assert truth["images"] == truth["annotations"] == []


def test_a_subset_holds_the_same_objects(dataset):
    last = dataset.num_images - 1
    part = dataset.subset([dataset.image_info[last]["id"]])
    assert part.num_images == 1 and part.image_info[0] == dataset.image_info[last]
    for a, b in zip(part.load_mask(0), dataset.load_mask(last)):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(
        part.load_instance_fields(0)["gt_attributes"],
        dataset.load_instance_fields(last)["gt_attributes"],
    )
