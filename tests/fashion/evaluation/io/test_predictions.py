"""Stored predictions: submissions of both years and COCO results become the same thing; what is
wrong with a file is said.
"""

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.evaluation.io.predictions import checked_results, read_detections
from fashion.evaluation.io.results import packed_mask
from fashion.evaluation.matching import MatchTable
from fashion.evaluation.metrics.kaggle import score_2019, score_2020
from fashion.evaluation.scoring import score_predictions
from fashion.formats import rle
from fashion.formats import submission_table as table
from fashion.labels.ontology import Ontology
from mrcnn.evaluation.coco import NUMBERS, evaluate_coco

TWO_TO_ONE = (1024, 2048)  # its frame of 2020 is (512, 1024)


def truth(size_hw=(512, 512), ending=""):
    return {
        "images": [
            {"id": i, "height": size_hw[0], "width": size_hw[1], "file_name": name + ending}
            for i, name in enumerate("ab")
        ],
        "categories": [{"id": c, "name": str(c)} for c in (0, 10, 23)],
        "attributes": [{"id": a, "name": str(a)} for a in (3, 20, 136)],
        "annotations": [],
    }


def submission(tmp_path, *rows, year=2020):
    path = tmp_path / "submission.csv"
    path.write_text("\n".join([",".join(table.columns(year)), *rows]) + "\n")
    return path


def read(path, ground_truth, **more):
    return read_detections(path, ground_truth, **more)


# Submissions


def test_a_submission_of_2019(tmp_path):
    path = submission(tmp_path, "a.jpg,1 2,10_3_20", "a.jpg,513 1,0", "b.jpg,1 1,23", year=2019)
    found = read(path, truth(ending=".jpg"))
    assert [(d["image_id"], d["category_id"], d["attribute_ids"], d["score"]) for d in found] == [
        (0, 10, [3, 20], 1),
        (0, 0, [], 1),
    ]
    assert found[0]["segmentation"] == rle.to_coco("1 2", (512, 512))
    assert [d["area"] for d in found] == [2, 1] and coco_mask.toBbox(
        found[1]["segmentation"]
    ).tolist() == [1, 0, 1, 1]
    assert json.loads(json.dumps(found)) == found


def test_a_submission_of_2020(tmp_path):
    path = submission(tmp_path, 'a,1 512,10,"3,136"', "a,1 1,0,20", "b,1 1,23,", "b,,23,")
    found = read(path, truth(TWO_TO_ONE, ending=".jpg"))
    assert [(d["image_id"], d["category_id"], d["attribute_ids"]) for d in found] == [
        (0, 10, [3, 136]),
        (0, 0, [20]),
    ]
    # One column of the frame is two of the photo, one pixel is four.
    assert [coco_mask.toBbox(d["segmentation"]).tolist() for d in found] == [
        [0, 0, 2, 1024],
        [0, 0, 2, 2],
    ]


def test_one_pixel_of_another_class_is_a_detection(tmp_path):
    assert (
        len(read(submission(tmp_path, "a,1 1,10,", "b,1 1,23,3", "b,2 1,23,"), truth((1024, 1024))))
        == 3
    )


def test_spreadsheets_quote_and_break_lines_in_their_own_way(tmp_path):
    path = tmp_path / "s.csv"
    path.write_bytes(
        b'\xef\xbb\xbf"ImageId","EncodedPixels","ClassId","AttributesIds"\r\n'
        b'"a","1 2","10","3,20"\r\n\r\na,3 1,0,""\r\n'
    )
    assert [(d["area"], d["attribute_ids"]) for d in read(path, truth((1024, 1024)))] == [
        (2, [3, 20]),
        (1, []),
    ]


def test_a_submission_of_nothing(tmp_path):
    assert (
        read(submission(tmp_path), truth()) == []
        and read(submission(tmp_path, "a,1 1,23,", "b,1 1,23,"), truth()) == []
    )


@pytest.mark.parametrize(
    "rows, message",
    [
        (
            ["c,1 1,0,", "d,1 1,0,", "e,1 1,0,", "e,1 2,0,", "f,1 2,0,"],
            "submission.csv has 4 images that the ground truth does not list: c, d, e … .it lists "
            "2.",
        ),
        (["a,1 1,5,", "a,1 1,6,"], "2 categories that the ground truth does not list: 5, 6"),
        (["a,1 1,0,99"], "1 attribute that the ground truth does not list: 99"),
        (["a,1 1,0,", "a,1 1,dress,"], "line 3: 'dress' is not a category or attribute id"),
        (["a,1 1,0,3.0"], "line 2: '3.0' is not a category"),
        (
            ["a,1 1,0"],
            "line 2: 4 values expected .ImageId,EncodedPixels,ClassId,AttributesIds., but there "
            "are 3",
        ),
        (
            ["a,0 1,0,", "a,1 1,0,", "a,5 1 5 1,0,"],
            "2 rows with wrong run lengths, the first in line 2: run 1",
        ),
        (["a,1048577 1,0,"], "here 1024x1024"),
        (["a,1 1,0,", 'a,"""",0,'], "submission.csv, line 3: a quote or a line break in"),
        (["a,1 1," + "9" * 5000 + ","], "line 2: there is no class 99999999999999999999…"),
        (["a,1 1,0," + "9" * 5000], "line 2: there is no attribute 999"),
        (['a,1 1,0,\r"3,20"'], "line 2, cannot be read as CSV"),
        (['a,1 1,0,"3,20'], "line 2, cannot be read as CSV"),
        (['"a,1 1,0,'], "line 2: a quote"),
        (["a,1 1\r,0,"], "line 2: a quote or a line"),
    ],
)
def test_what_is_wrong_with_a_submission_is_said(tmp_path, rows, message):
    with pytest.raises(ValueError, match=message):
        read(submission(tmp_path, *rows), truth())


def test_wrong_columns(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("ImageId,ClassId,EncodedPixels\n")
    with pytest.raises(
        ValueError,
        match=(
            "has the columns 'ImageId,ClassId,EncodedPixels'. Expected a submission: .*2019.*2020"
        ),
    ):
        read(path, truth())


def test_the_truth_handed_in_scores_one(tmp_path):
    gt = truth((40, 30))
    mask = np.zeros((40, 30), bool)
    mask[4:20, 3:20] = True
    gt["annotations"] = [
        {
            "id": 1 + i,
            "image_id": i,
            "category_id": 10,
            "attribute_ids": [3, 20],
            "segmentation": rle.to_coco(rle.encode(mask), (40, 30)),
        }
        for i in (0, 1)
    ]
    for year, score in (
        (2019, lambda table: score_2019(table)["pooled"]),
        (2020, lambda table: score_2020(table)["score"]),
    ):
        height, width = table.frame_hw((40, 30), year)
        rows, columns = np.arange(height) * 40 // height, np.arange(width) * 30 // width
        runs = rle.encode(mask[rows][:, columns])
        lines = [
            ",".join(f'"{cell}"' for cell in table.row(name, runs, 10, (3, 20), year))
            for name in "ab"
        ]
        found = read(submission(tmp_path, *lines, year=year), gt)
        assert score(MatchTable.build(gt, found)) == 1


def test_a_submission_to_a_truth_without_attributes_keeps_its_masks(tmp_path, caplog):
    found = read(
        submission(tmp_path, 'a,1 512,10,"3,136"', "b,1 1,0,20"), truth() | {"attributes": []}
    )
    assert [d["attribute_ids"] for d in found] == [[], []]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_submission_has_the_ids_of_its_contest_whatever_the_ground_truth_calls_them(
    tmp_path, caplog
):
    """23 is the shoe of the contest; here it is the sock, as in the list that Fashionpedia had
    first.
    """
    official = Ontology.official(2020)
    names, sock = (
        dict(zip(official.attribute_ids, official.attribute_names)),
        official.category_names.index("sock"),
    )
    labels = {
        "categories": [{"id": 23, "name": "sock"}, {"id": 24, "name": "shoe"}],
        "attributes": [{"id": 5, "name": names[115]}, {"id": 115, "name": names[136]}],
    }
    found = read(
        submission(tmp_path, 'a,1 512,23,"115,136,200"', f"a,1 512,{sock},"), truth() | labels
    )
    assert [d["category_id"] for d in found] == [24, 23] and found[0]["attribute_ids"] == [5, 115]
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"1 of the 3 attributes in submission.csv are not in the ground truth's list and are left "
        f"out: {names[200]!r}.",
        "The ground truth numbers the labels of 2020 differently. They are matched by name.",
    ]
    with pytest.raises(
        ValueError,
        match="1 categories whose names the ground truth does not list: 'jacket'. Its ids are",
    ):
        read(submission(tmp_path, "a,1 512,23,", "a,1 512,4,"), truth() | labels)


# COCO results


def result(**changes):
    return {
        "image_id": 0,
        "category_id": 10,
        "score": 0.5,
        "segmentation": rle.to_coco("1 2", (512, 512)),
        "attribute_ids": [20, 3],
    } | changes


def test_results_are_filled_in(tmp_path):
    path = tmp_path / "dt.json"
    path.write_text(json.dumps([result(), result(image_id="b.png", bbox=[1, 2, 3, 4])]))
    first, second = read_detections(path, truth())
    assert first == result(attribute_ids=[3, 20], area=2)
    assert (second["image_id"], second["bbox"], second["area"]) == (1, [1, 2, 3, 4], 2)


@pytest.mark.parametrize("scores", [{"3": 0.9, "20": 0.49, "136": 0.5}, [0.9, 0.49, 0.5]])
def test_attributes_may_be_scores(scores):
    row = result(attribute_scores=scores)
    del row["attribute_ids"]
    assert checked_results([row], truth())[0]["attribute_ids"] == [3, 136]
    assert checked_results([row], truth(), attribute_threshold=0.6)[0]["attribute_ids"] == [3]


def test_a_result_may_have_no_attributes():
    row = result()
    del row["attribute_ids"]
    assert checked_results([row], truth())[0]["attribute_ids"] == []


def test_predictions_with_photos_of_their_own_are_matched_by_file_name():
    content = {
        "images": [{"id": 5, "file_name": "photos/b.jpg"}, {"id": 1, "file_name": "a.jpg"}],
        "annotations": [result(image_id=5), result(image_id=1)],
    }
    assert [d["image_id"] for d in checked_results(content, truth())] == [1, 0]


def test_scores_are_kept_in_the_order_of_the_ground_truth():
    row = result(attribute_scores=[0.1, 0.2])
    content = {
        "images": [{"id": 0, "file_name": "a.jpg"}],
        "attributes": [{"id": 136}, {"id": 3}],
        "annotations": [row],
    }
    found = checked_results(content, truth())[0]
    assert found["attribute_scores"].dtype == np.float32 and found["attribute_ids"] == [
        3,
        20,
    ]  # what is decided stays decided
    np.testing.assert_allclose(found["attribute_scores"], [0.2, 0, 0.1], rtol=1e-6)
    np.testing.assert_allclose(
        checked_results([result(attribute_scores={"20": 0.7})], truth())[0]["attribute_scores"],
        [0, 0.7, 0],
        rtol=1e-6,
    )
    with pytest.raises(ValueError, match="1 attribute that the ground truth does not list: 7"):
        checked_results([result(attribute_scores={"7": 0.7})], truth())


def test_masks_may_be_probabilities_of_a_box():
    row = result(bbox=[0, 0, 4, 4], mask_probabilities=packed_mask(np.eye(4)))
    assert (checked_results([row], truth())[0]["mask_probabilities"] == 255 * np.eye(4)).all()
    for wrong, message in (
        ({"size": [4, 4], "data": "????"}, "cannot be read"),
        ({"size": [4, 4]}, "cannot be read"),
        (packed_mask(np.eye(4)) | {"size": [3, 4]}, "3 x 4 probabilities were expected"),
    ):
        with pytest.raises(ValueError, match=message):
            checked_results([row | {"mask_probabilities": wrong}], truth())
    with pytest.raises(ValueError, match="mask_probabilities but no bbox"):
        checked_results([result(mask_probabilities=packed_mask(np.eye(4)))], truth())


@pytest.mark.parametrize(
    "content, message",
    [
        ({"results": []}, "holds no predictions"),
        (
            [result(image_id=2), result(image_id="z.jpg"), result(image_id="z.jpg")],
            "2 images that the ground truth does not list: 2, z.jpg",
        ),
        ([result(category_id=11)], "1 category that the ground truth does not list: 11"),
        ([result(attribute_ids=[4])], "1 attribute that the ground truth does not list: 4"),
        (
            [result(), {"image_id": 0}],
            "result number 1 .from 0., has no category_id, segmentation, score",
        ),
        ([result(score=float("nan"))], "has the score nan"),
        ([result(score="0.5")], "has the score '0.5'"),
        ([result(bbox=None)], "has the bbox null. Expected four numbers"),
        ([result(bbox=[1, 2, 3])], "Expected four numbers"),
        ([result(attribute_ids=5)], "has the attribute_ids 5. Expected a list"),
        ([result(attribute_scores=5)], "attribute_scores that are not numbers: 5"),
        (
            [result(attribute_scores=[0.5, float("nan"), 1])],
            "attribute_scores that are not numbers",
        ),
        ([result(image_id=[1])], "has the image_id .1. and the category_id"),
        (
            [result(attribute_ids=None, attribute_scores=[0.5])],
            "has 1 attribute_scores, but the list of attributes has 3",
        ),
        (
            [
                result(),
                result(
                    segmentation={
                        "size": [512, 512],
                        "counts": rle.to_coco("1 2", (512, 512))["counts"][:-2],
                    }
                ),
            ],
            "result number 1 .from 0., has run lengths that cannot be: .* add up to 262144. 1 "
            "masks are damaged",
        ),
        (
            [result(segmentation=rle.to_coco("1 2", (4, 4)))],
            "result number 0 .from 0., has a mask of 4x4, but its photo is 512 high",
        ),
    ],
)
def test_what_is_wrong_with_results_is_said(content, message):
    with pytest.raises(ValueError, match=message):
        checked_results(content, truth())


@pytest.mark.parametrize(
    "change, message",
    [
        ({"attributes": "a"}, "p.json has the attributes 'a'. Expected a list"),
        ({"attributes": [None]}, "attribute number 0 .from 0. is null"),
        ({"attributes": [{"name": "a"}]}, "attribute number 0 .from 0. has no id"),
        ({"attributes": [{"id": {}}]}, "has the id {}"),
        ({"categories": [{"id": 1}, {"id": 1}]}, "1 category ids that occur more than once"),
        ({"categories": 5}, "has the categories 5"),
        ({"images": [{"id": {}, "file_name": "a"}]}, "image number 0 .from 0. has the id {}"),
        ({"images": [{"id": 0, "file_name": 5}]}, "image number 0 .from 0. has the file_name 5"),
        ({"images": [{"id": 0, "file_name": "a"}] * 2}, "1 image ids that occur more than once"),
        (
            {"images": [{"id": 1, "file_name": "a"}]},
            "result number 0 .from 0., has the image_id 0, which is not in the list of images",
        ),
    ],
)
def test_what_is_wrong_with_lists_of_labels_and_photos_is_said(change, message):
    content = {"images": [{"id": 0, "file_name": "a"}], "annotations": [result()]} | change
    with pytest.raises(ValueError, match=message):
        checked_results(content, truth(), "p.json")


@pytest.mark.parametrize("scores", [{"a": 0.5}, {"9" * 5000: 0.5}, {"3.0": 0.5}])
def test_scores_of_what_is_no_attribute_are_refused(scores):
    with pytest.raises(
        ValueError, match="has attribute_scores with the key .* Expected attribute ids"
    ):
        checked_results([result(attribute_scores=scores)], truth())


def named(categories, attributes=()):
    return truth() | {
        "categories": [{"id": i, "name": name} for i, name in categories],
        "attributes": [{"id": i, "name": name} for i, name in attributes],
    }


def stored(rows, **lists):
    return {"images": [{"id": 0, "file_name": "a"}], "annotations": rows} | {
        kind: [{"id": i, "name": name} for i, name in pairs] for kind, pairs in lists.items()
    }


def test_label_lists_are_matched_by_name(caplog):
    gt = named([(10, "sock"), (23, "shoe")], [(3, "floral"), (20, "plain")])
    rows = [
        result(category_id=10, attribute_ids=[7, 9]),
        result(category_id=11, attribute_ids=None, attribute_scores=[0.9, 0.2, 0.8]),
    ]
    content = stored(
        rows,
        categories=[(10, "Shoe "), (11, "sock"), (12, "kimono")],
        attributes=[(7, "plain"), (8, "floral"), (9, "sheer")],
    )
    found = checked_results(content, gt, "p.json")
    assert [row["category_id"] for row in found] == [23, 10] and [
        row["attribute_ids"] for row in found
    ] == [[20], [20]]
    np.testing.assert_allclose(found[1]["attribute_scores"], [0.2, 0.9])
    told = [record.getMessage() for record in caplog.records]
    assert (
        "1 of the 3 attributes of p.json are not in the ground truth's list and are left out: "
        "'sheer'." in told
    )
    assert sum("matched by name" in text for text in told) == 2


def test_a_category_whose_name_is_unknown_is_refused_and_not_taken_by_its_id():
    gt = named([(10, "sock")])
    with pytest.raises(
        ValueError,
        match=(
            "results of 1 categories whose names the ground truth does not list: "
            "'shoe'. It lists 'sock'"
        ),
    ):
        checked_results(stored([result(category_id=10)], categories=[(10, "shoe")]), gt, "p.json")
    with pytest.raises(
        ValueError, match="the category 10, 'shoe', and the ground truth has 2 of that name"
    ):
        checked_results(
            stored([result(category_id=10)], categories=[(10, "shoe")]),
            named([(1, "shoe"), (2, "shoe")]),
            "p.json",
        )
    with pytest.raises(
        ValueError, match="the category 10, which is not in the list of categories of this file"
    ):
        checked_results(stored([result(category_id=10)], categories=[(11, "sock")]), gt, "p.json")


def test_a_ground_truth_without_file_names_is_known_by_its_ids():
    gt = truth() | {"images": [{"id": i, "height": 512, "width": 512} for i in (0, 1)]}
    content = {"images": [{"id": 1, "file_name": "b.jpg"}], "annotations": [result(image_id=1)]}
    assert checked_results(content, gt)[0]["image_id"] == 1
    assert checked_results([result(image_id=1, file_name="b.jpg")], gt)[0]["image_id"] == 1


def test_a_file_name_beside_a_result_counts_more_than_its_image_id():
    gt = truth(ending=".jpg")
    rows = [result(image_id=0, file_name="b.jpg"), result(image_id=1, file_name="a.jpg")]
    assert [d["image_id"] for d in checked_results(rows, gt)] == [1, 0]
    assert checked_results([result(image_id=77, file_name="b.jpg")], gt)[0]["image_id"] == 1
    with pytest.raises(ValueError, match="1 image that the ground truth does not list: z.jpg"):
        checked_results([result(image_id=0, file_name="z.jpg")], gt)


def test_a_plain_coco_truth_takes_predictions_with_attributes(random_case, caplog):
    gt, detections = random_case(2, images=4)
    plain = gt | {
        "annotations": [
            {k: v for k, v in row.items() if k != "attribute_ids"} for row in gt["annotations"]
        ]
    }
    del plain["attributes"]
    scored = [
        row | {"attribute_scores": {str(i): 0.9 for i in row["attribute_ids"]}}
        for row in detections
    ]
    found = checked_results(scored, plain)
    assert not any(row["attribute_ids"] or "attribute_scores" in row for row in found)
    assert [record.getMessage() for record in caplog.records] == [
        "The ground truth lists no attributes, so those of The predictions are left out."
    ]
    coco = evaluate_coco(plain, detections)
    scores = score_predictions(plain, found)["coco"]["segm"]
    assert {name: scores[name] for name in NUMBERS} == pytest.approx(
        {name: coco[name] for name in NUMBERS}, abs=1e-12
    )


@pytest.mark.full
@pytest.mark.parametrize("boxes", [False, True])
@pytest.mark.parametrize("kind", ["segm", "bbox"])
def test_stored_detections_are_as_large_as_coco_has_them(striped_case, boxes, kind):
    # A box around stripes is four times as large as they are, so boxes that nobody stored would
    # move detections between the sizes.
    gt, detections = striped_case(1, boxes=boxes)
    ours, coco = (
        score_predictions(gt, checked_results(detections, gt))["coco"][kind],
        evaluate_coco(gt, detections, kind),
    )
    assert {name: ours[name] for name in NUMBERS} == pytest.approx(
        {name: coco[name] for name in NUMBERS}, abs=1e-12
    )
    assert 0 < ours["APs"] < 1 and 0 < ours["APm"] < 1


def test_no_results_are_fine():
    assert checked_results([], truth()) == []
    assert coco_mask.area(checked_results([result()], truth())[0]["segmentation"]) == 2
