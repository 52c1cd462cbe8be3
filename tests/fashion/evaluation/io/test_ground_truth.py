"""Stored truth: CSV and JSON become the same thing; what is wrong with a file is said."""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.datasets.imaterialist import load_imaterialist
from fashion.evaluation.io.ground_truth import checked_ground_truth, read_ground_truth
from fashion.formats import rle
from fashion.labels.ontology import Ontology

MASK = np.array([[1, 1, 0], [1, 0, 0]], bool)
ROWS = {
    2019: [
        "ImageId,EncodedPixels,Height,Width,ClassId",
        "a.jpg,1 3,2,3,10_3_20",
        "b.jpg,6 1,2,3,23",
        "a.jpg,6 1,2,3,0",
    ],
    2020: [
        "ImageId,EncodedPixels,Height,Width,ClassId,AttributesIds",
        'a,1 3,2,3,10,"3,340"',
        "b,6 1,2,3,23,",
        "a,6 1,2,3,0,",
    ],
}


def write(path, content):
    path.write_text("\n".join(content) + "\n" if isinstance(content, list) else json.dumps(content))
    return path


def truth(**changes):
    return {
        "images": [{"id": 7, "height": 2, "width": 3, "file_name": "x.jpg"}],
        "categories": [{"id": 4, "name": "shoe"}],
        "attributes": [{"id": 9, "name": "floral"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 4,
                "attribute_ids": [9],
                "segmentation": rle.to_coco(rle.encode(MASK), (2, 3)),
            }
        ],
    } | changes


def objects(**changes):
    return [truth()["annotations"][0] | changes]


@pytest.mark.parametrize("year", [2019, 2020])
def test_a_csv_becomes_a_coco_dict(tmp_path, year):
    gt = read_ground_truth(
        write(tmp_path / "gt.csv", ROWS[year]),
        Ontology.official(year),
    )
    ending = ".jpg" if year == 2019 else ""
    assert gt["images"] == [
        {"id": i, "file_name": name + ending, "height": 2, "width": 3}
        for i, name in enumerate("ab")
    ]
    assert [(a["id"], a["image_id"], a["category_id"]) for a in gt["annotations"]] == [
        (1, 0, 10),
        (2, 0, 0),
        (3, 1, 23),
    ]
    assert [a["attribute_ids"] for a in gt["annotations"]] == [
        [3, 20] if year == 2019 else [3, 340],
        [],
        [],
    ]
    assert (gt["annotations"][0]["bbox"], gt["annotations"][0]["area"]) == ([0, 0, 2, 2], 3)
    assert coco_mask.decode(gt["annotations"][0]["segmentation"]).tolist() == MASK.tolist()
    assert len(gt["categories"]) == 46 and len(gt["attributes"]) == (92 if year == 2019 else 294)
    assert json.loads(json.dumps(gt)) == gt


def test_a_csv_and_the_data_set_of_it_agree(sample_folder, ontology):
    said = read_ground_truth(sample_folder / "val.csv", ontology)
    known = load_imaterialist(
        sample_folder / "val.csv", sample_folder / "images", ontology
    ).to_coco()
    assert said["annotations"] == known["annotations"] and said["categories"] == known["categories"]


def test_a_csv_with_wrong_rows_is_refused(tmp_path):
    path = write(tmp_path / "gt.csv", [*ROWS[2020], "b,1 3,2,3,99,"])
    with pytest.raises(
        ValueError, match="1 rows that cannot be used: line 5 .image b.: unknown category 99"
    ):
        read_ground_truth(path, Ontology.official(2020))
    path = write(tmp_path / "gt.csv", [*ROWS[2020], "b,9 9,2,3,10,"])
    with pytest.raises(
        ValueError,
        match="1 rows that cannot be used: line 5 .image b.: run 1 .'9 9'. ends at pixel 17",
    ):
        read_ground_truth(path, Ontology.official(2020))
    with pytest.raises(ValueError, match="has no columns Height, Width"):
        read_ground_truth(
            write(tmp_path / "gt.csv", ["ImageId,EncodedPixels,ClassId", "a,1 1,0"]),
            Ontology.official(2020),
        )
    with pytest.raises(ValueError, match="needs an ontology"):
        read_ground_truth(path)


def test_a_json_is_filled_in(tmp_path):
    gt = read_ground_truth(write(tmp_path / "gt.json", truth()))
    assert gt["annotations"] == objects(iscrowd=0, bbox=[0, 0, 2, 2], area=3)
    assert checked_ground_truth(truth(annotations=objects(bbox=[1, 1, 1, 1], area=8)))[
        "annotations"
    ][0]["bbox"] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [2, 3], "counts": [0, 3, 3]},
        rle.to_coco("1 3", (2, 3)),
        coco_mask.encode(np.asfortranarray(MASK, np.uint8)),
    ],
)
def test_every_form_of_a_mask_is_read(segmentation):
    assert (
        checked_ground_truth(truth(annotations=objects(segmentation=segmentation)))["annotations"][
            0
        ]["area"]
        == 3
    )


def test_polygons_are_read():
    gt = truth(
        annotations=objects(segmentation=[[0, 0, 3, 0, 3, 1, 0, 1], [0, 1, 1, 1, 1, 2, 0, 2]])
    )
    assert coco_mask.decode(
        checked_ground_truth(gt)["annotations"][0]["segmentation"]
    ).tolist() == [[1, 1, 1], [1, 0, 0]]
    assert isinstance(gt["annotations"][0]["segmentation"], list)  # the argument stays


@pytest.mark.parametrize(
    "content, message",
    [
        ([], "is not in COCO's layout: it holds a list"),
        (
            truth(annotations=objects() * 2),
            "1 annotation ids that occur more than once, for example 1",
        ),
        (truth(annotations=objects(id=0)), "not whole numbers from 1, for example 0"),
        (truth(images=truth()["images"] * 2), "1 image ids that occur more than once"),
        (
            truth(annotations=objects(image_id=8)),
            "1 image that the ground truth does not list: 8 .it lists 1.",
        ),
        (
            truth(annotations=objects(category_id=5) + objects(id=2, category_id=6)),
            "2 categories that the ground truth does not list: 5, 6",
        ),
        (
            truth(annotations=objects(attribute_ids=[9, 10])),
            "1 attribute that the ground truth does not list: 10",
        ),
        (
            truth(annotations=[{"id": 1}]),
            "annotation number 0 .from 0. has no image_id, category_id, segmentation",
        ),
        (truth(images=[{"id": 7}]), "image number 0 .from 0. has no height, width"),
        (
            truth(annotations=objects(segmentation={"size": [3, 2], "counts": "0"})),
            "a mask of 3x2, but its photo is 2 high and 3 wide",
        ),
        (
            truth(annotations=objects(segmentation={"counts": "0"})),
            "segmentation that cannot be read",
        ),
        (
            truth(
                annotations=objects() + objects(id=5, segmentation={"size": [2, 3], "counts": "!!"})
            ),
            "Annotation 5 of The ground truth has run lengths that cannot be: .* 2 high and 3 wide "
            "are 0 or more and add up to 6",
        ),
        (
            truth(annotations=objects(segmentation={"size": [2, 3], "counts": [0, 3]})),
            "Annotation 1 .* run lengths that cannot be",
        ),
        (
            truth(annotations=objects(segmentation={"size": [2, 3], "counts": [0, -3, 9]})),
            "Annotation 1 ",
        ),
        (
            truth(annotations=objects(segmentation={"size": [2, 3], "counts": None})),
            "Annotation 1 .* cannot be read: it has no counts",
        ),
        (
            truth(annotations=objects(segmentation={"size": [2, 3], "counts": "0é"})),
            "Annotation 1 .* cannot be read",
        ),
        (
            truth(annotations=objects(segmentation=[[1, 2]])),
            "Annotation 1 .* cannot be read: .*at least three points",
        ),
        (truth(annotations=objects(segmentation=[[0, 0, 2, 2]])), "at least three points"),
        (
            truth(annotations=objects(segmentation=[[0, 0, 2, 2, 0, 2], [0, 0, 2, 2, 0, 2, 1]])),
            "at least three points",
        ),
        (
            truth(annotations=objects(segmentation=[[0, 0, 2, 2, 0, float("nan")]])),
            "expected numbers",
        ),
        (
            truth(annotations=objects(segmentation=[[0, 0, 2, 2, 0, "2"]])),
            "Annotation 1 .* cannot be read",
        ),
        (truth(annotations=objects(segmentation=[])), "Annotation 1 .* cannot be read"),
    ],
)
def test_what_is_wrong_with_a_json_is_said(content, message):
    with pytest.raises(ValueError, match=message):
        checked_ground_truth(content)


@pytest.mark.parametrize(
    "content, message",
    [
        (
            truth(images=[{"id": {}, "height": 2, "width": 3}]),
            "image number 0 .from 0. has the id {}. Expected an id",
        ),
        (
            truth(images=[truth()["images"][0] | {"width": None}]),
            "image number 0 .* has the width null. Expected a whole number from 1",
        ),
        (
            truth(images=[truth()["images"][0] | {"height": "../../etc/passwd"}]),
            "has the height '../../etc/passwd'",
        ),
        (
            truth(images=[truth()["images"][0] | {"height": 60000, "width": 60000}]),
            "'x.jpg', is 60000 high and 60000 wide. Images have",
        ),
        (
            truth(images=[truth()["images"][0] | {"file_name": 5}]),
            "has the file_name 5. Expected text",
        ),
        (
            truth(images=truth()["images"] + [{"id": "a", "height": 2, "width": 3}]),
            "numbers and others that are text, for example 7 and 'a'",
        ),
        (truth(categories=[{"id": [1], "name": "a"}]), "category number 0 .from 0. has the id .1."),
        (
            truth(categories=[{"id": 4, "name": None}]),
            "category 4 has the name null. Expected text",
        ),
        (
            truth(categories=[{"id": 4, "name": "a", "supercategory": {}}]),
            "category 4 has the supercategory {}",
        ),
        (truth(attributes=float("inf")), "has the attributes inf. Expected a list"),
        (
            truth(attributes=[{"id": "9", "name": "floral"}]),
            "attribute number 0 .from 0. has the id '9'",
        ),
        (
            truth(attributes=[{"id": 9, "name": "floral", "supercategory": 1}]),
            "attribute 9 has the supercategory 1",
        ),
        (truth(annotations=[5]), "annotation number 0 .from 0. is 5. Expected an object"),
        (
            truth(annotations=objects(id=[])),
            "annotation number 0 .from 0. has the id ..\\. Expected a whole number",
        ),
        (
            truth(annotations=objects(category_id=[])),
            "Annotation 1 of The ground truth has the category_id",
        ),
        (
            truth(annotations=objects(image_id=None)),
            "Annotation 1 of The ground truth has the image_id null",
        ),
        (
            truth(annotations=objects(attribute_ids=5)),
            "Annotation 1 .* attribute_ids 5. Expected a list of ids",
        ),
        (truth(annotations=objects(attribute_ids=[[]])), "Annotation 1 .* Expected a list of ids"),
        (
            truth(annotations=objects(area={})),
            "Annotation 1 .* has the area {}. Expected a finite number from 0",
        ),
        (truth(annotations=objects(bbox=[{}, 1, 2, 3])), "Annotation 1 .* Expected four numbers"),
        (
            truth(annotations=objects(iscrowd="yes")),
            "Annotation 1 .* has the iscrowd 'yes'. Expected 0, or 1 for a crowd",
        ),
        (
            truth(annotations=objects(segmentation=[[1, 1, 2**63, 1, 5, 7]])),
            "Annotation 1 .* far outside an image 2 high and 3 wide",
        ),
    ],
)
def test_fields_of_a_wrong_type_are_named(content, message):
    with pytest.raises(ValueError, match=message):
        checked_ground_truth(content)


def test_whole_floats_are_whole_numbers_and_null_attributes_are_none(caplog):
    assert checked_ground_truth(
        truth(images=[truth()["images"][0] | {"height": 2.0}])
    ) == checked_ground_truth(truth())
    plain = checked_ground_truth(truth(attributes=None))
    assert plain["attributes"] == [] and plain["annotations"][0]["attribute_ids"] == []
    assert (
        "lists no attributes, so the attribute_ids of its annotations are left out" in caplog.text
    )


def test_a_box_is_the_mask_of_an_annotation_without_one_with_a_warning(caplog):
    bare = objects(bbox=[0, 0, 2, 1])[0]
    del bare["segmentation"]
    for row in (bare, bare | {"segmentation": None}):
        caplog.clear()
        found = checked_ground_truth(truth(annotations=[row]), "gt.json")["annotations"][0]
        assert (
            coco_mask.decode(found["segmentation"]).tolist() == [[1, 1, 0], [0, 0, 0]]
            and found["area"] == 2
        )
        assert [record.getMessage()[:57] for record in caplog.records] == [
            "gt.json: 1 of 1 annotations have no segmentation. Their b"
        ]


def test_annotations_without_ids_are_numbered():
    rows = [{key: value for key, value in row.items() if key != "id"} for row in objects() * 2]
    assert [row["id"] for row in checked_ground_truth(truth(annotations=rows))["annotations"]] == [
        1,
        2,
    ]


def test_a_photo_of_a_csv_that_is_too_large_is_a_bad_row(tmp_path):
    path = write(tmp_path / "gt.csv", [*ROWS[2020], "c,1 3,60000,60000,10,"])
    with pytest.raises(
        ValueError, match="line 5 .image c.: Height and Width are .?60000.? and .?60000.?.* at most"
    ):
        read_ground_truth(path, Ontology.official(2020))


def test_a_file_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(ValueError, match="gt.json cannot be read as JSON"):
        read_ground_truth(write(tmp_path / "gt.json", ["{"]))


def test_no_objects_are_fine():
    assert checked_ground_truth(truth(annotations=[]))["annotations"] == []


@pytest.mark.parametrize("score", [0.5, {}, None])
def test_the_truth_has_no_scores(score):
    """Results that were made the truth have them, and pixel measures would order objects by
    them."""
    content = truth(annotations=objects(score=score))
    assert "score" not in checked_ground_truth(content)["annotations"][0]
    assert content["annotations"][0]["score"] == score
