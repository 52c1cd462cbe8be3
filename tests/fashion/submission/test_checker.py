"""The checker finds each possible fault in a file written by hand, and nothing in a right one."""

import csv

import pytest

from fashion.labels.ontology import Ontology
from fashion.submission.checker import check

HEAD_2020 = "ImageId,EncodedPixels,ClassId,AttributesIds"
HEAD_2019 = "ImageId,EncodedPixels,ClassId"
IMAGES = {"aa": (2048, 1024), "bb": (100, 200)}  # frames 1024 x 512 and 512 x 1024: 524288 pixels
IMAGES_2019 = {"aa.jpg": (2048, 1024), "bb.jpg": (9, 9)}  # frames 512 x 512: 262144 pixels


@pytest.fixture
def problems_of(tmp_path):
    def check_lines(*lines, year=2020, images=None, **options):
        path = tmp_path / "submission.csv"
        path.write_text("\n".join(lines) + "\n")
        images = images or (IMAGES if year == 2020 else IMAGES_2019)
        return check(path, images, year, Ontology.official(year), **options)

    return check_lines


def test_a_right_file_has_no_problems(problems_of):
    assert (
        problems_of(
            HEAD_2020, 'aa,1 5 10 3,0,"1,17,340"', "aa,3 9,1,", "aa,20 5,0,17", "bb,1 1,23,"
        )
        == []
    )
    assert (
        problems_of(
            HEAD_2019, "aa.jpg,1 5 10 3,0_1_17", "aa.jpg,1 5,0_1", "bb.jpg,1 1,23", year=2019
        )
        == []
    )


def test_the_last_pixel_of_the_frame_is_inside(problems_of):
    assert problems_of(HEAD_2020, "aa,524288 1,0,", "bb,524288 1,0,") == []
    assert problems_of(HEAD_2019, "aa.jpg,262144 1,0", "bb.jpg,262144 1,0", year=2019) == []


@pytest.mark.parametrize(
    "row, words",
    [
        ("aa,524288 2,0,", ["line 2", "'aa'", "524289"]),
        ("aa,0 2,0,", ["line 2", "before pixel 1"]),
        ("aa,,0,", ["line 2", "no runs"]),
        ("aa,5,0,", ["line 2", "odd number"]),
        ("aa,5 x,0,", ["line 2", "'x'"]),
        ("aa,5 -3,0,", ["line 2", "'-3'"]),
        ("aa,5 0,0,", ["line 2", "no length"]),
        ("aa,10 2 5 2,0,", ["line 2", "starts before the run in front"]),
        ("aa,5 4 8 2,0,", ["line 2", "starts before the run in front"]),
        ("aa,5 4,46,", ["line 2", "no class '46'"]),
        ("aa,5 4,-1,", ["line 2", "no class '-1'"]),
        ("aa,5 4,1.0,", ["line 2", "no class '1.0'"]),
        ("aa,5 4,,", ["line 2", "no class ''"]),
        ("aa,5 4," + "9" * 5000 + ",", ["line 2", "no class '999"]),
        ("aa,5 4,0," + "9" * 5000, ["line 2", "no attribute 999"]),
        ('aa,"""",0,', ["line 2", "run lengths"]),
        ("aa,5 4,0,235", ["line 2", "no attribute 235"]),
        ("aa,5 4,0,17.0", ["line 2", "'17.0'"]),
        ('aa,5 4,0,"17,1"', ["line 2", "ascend"]),
        ('aa,5 4,0,"17,17"', ["line 2", "once"]),
        ('aa,5 4,0,"17, 18"', ["line 2", "whole number"]),
        ("aa,5 4,0", ["line 2", "4 values expected", "3"]),
        ("aa,5 4,0,1,2", ["line 2", "4 values expected", "5"]),
    ],
)
def test_each_fault_of_a_row_is_named(problems_of, row, words):
    found = problems_of(HEAD_2020, row, "aa,1 1,23,", "bb,1 1,23,")
    assert len(found) == 1
    assert all(word in found[0] for word in words), found


@pytest.mark.parametrize(
    "class_id, words",
    [
        ("46_1", "no class '46'"),
        ("0_92", "no attribute 92"),
        ("0_3_1", "ascend"),
        ("0_", "whole number"),
        ("0,1", "3 values expected"),
    ],
)
def test_faults_inside_a_class_id_of_2019_are_named(problems_of, class_id, words):
    found = problems_of(
        HEAD_2019, f"aa.jpg,5 4,{class_id}", "aa.jpg,1 1,23", "bb.jpg,1 1,23", year=2019
    )
    assert len(found) == 1 and words in found[0]


def test_wrong_columns_are_named(problems_of):
    found = problems_of("ImageId,EncodedPixels,ClassId", "aa,1 1,23")
    assert len(found) == 1 and "AttributesIds" in found[0]


def test_an_empty_file_is_not_a_submission(tmp_path):
    path = tmp_path / "empty.csv"
    path.touch()
    assert len(check(path, IMAGES, 2020, Ontology.official(2020))) == 1


def test_a_missing_image_is_named(problems_of):
    found = problems_of(HEAD_2020, "aa,1 1,23,")
    assert found == ["'bb' has no row; every image needs at least one"]


def test_an_unknown_image_is_named_once(problems_of):
    found = problems_of(HEAD_2020, "aa,1 1,23,", "aa.jpg,1 1,23,", "aa.jpg,2 1,23,", "bb,1 1,23,")
    assert found == ["line 3: 'aa.jpg' is not an image of the test set"]


def test_scattered_rows_of_an_image_are_named(problems_of):
    found = problems_of(HEAD_2020, "aa,1 1,23,", "bb,1 1,23,", "aa,5 1,23,")
    assert len(found) == 1 and "line 4" in found[0] and "one place" in found[0]


def test_masks_of_one_class_that_share_a_pixel_are_named(problems_of):
    found = problems_of(HEAD_2020, "aa,1 5 20 5,3,", "aa,10 3,3,", "aa,24 9,3,7", "bb,1 1,23,")
    assert found == ["lines 2 and 4: two masks of 'aa' with ClassId 3 share pixels"]


def test_masks_that_touch_share_no_pixel(problems_of):
    assert problems_of(HEAD_2020, "aa,1 5 20 5,3,", "aa,6 14 25 9,3,", "bb,1 1,23,") == []


def test_other_attributes_are_another_class_id_in_2019_only(problems_of):
    assert (
        problems_of(HEAD_2019, "aa.jpg,1 5,3_1", "aa.jpg,1 5,3", "bb.jpg,1 1,23", year=2019) == []
    )
    assert len(problems_of(HEAD_2020, "aa,1 5,3,1", "aa,1 5,3,", "bb,1 1,23,")) == 1


def test_the_list_of_problems_is_bounded(problems_of):
    found = problems_of(HEAD_2020, *["aa,0 1,0,"] * 50, "bb,1 1,23,", limit=3)
    assert len(found) == 4 and found[-1] == "… and 47 more problems"


def test_very_long_run_lengths_are_read(problems_of):
    runs = " ".join(f"{start} 1" for start in range(1, 120_000, 2))
    assert len(runs) > csv.field_size_limit()
    assert problems_of(HEAD_2020, f"aa,{runs},0,", "bb,1 1,23,") == []
