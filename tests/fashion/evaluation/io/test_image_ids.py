"""Photo ids: names mean photos, and never two at once."""

import pytest

from fashion.evaluation.io.image_ids import resolve_image_ids


def truth(*names):
    return {"images": [{"id": 10 + i, "file_name": name} for i, name in enumerate(names)]}


def test_an_id_is_itself_and_a_name_its_photo():
    assert resolve_image_ids([11, 10, "x/b.jpg", "a.jpg", 11], truth("a.jpg", "x/b.jpg"), "p") == [
        11,
        10,
        11,
        10,
        11,
    ]
    assert (
        resolve_image_ids([2], {"images": [{"id": 2}]}, "p") == [2]
        and resolve_image_ids([], truth("a.jpg"), "p") == []
    )


def test_photos_of_one_name_in_two_folders_are_two():
    gt = truth("a/1.jpg", "b/1.jpg")
    assert resolve_image_ids(["b/1.jpg", "a/1.jpg"], gt, "p") == [11, 10]
    assert resolve_image_ids(["b/1.jpg"], gt, "p", ["a/1.jpg", "b/1.jpg"]) == [11]


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ("b.jpg", "b.jpg"),
        ("photos/b.jpg", "b.jpg"),
        ("b.jpg", "x/b.jpg"),
        ("y/b.jpg", "x/b.jpg"),
        ("b", "b.jpg"),
        ("b.png", "b"),
        ("b.png", "b.jpg"),
        ("b.1", "b.1.jpg"),
    ],
)
def test_folders_and_extensions_are_left_aside_where_that_is_clear(said, known):
    assert resolve_image_ids([said], truth("a.jpg", known), "p") == [11]


def test_the_nearer_name_is_meant():
    assert resolve_image_ids(["1.jpg"], truth("1.png", "1.jpg", "a/1.jpg"), "p") == [11]
    assert resolve_image_ids(["x/1.jpg"], truth("1.png", "a/1.jpg"), "p") == [11]


@pytest.mark.parametrize(
    ("said", "known", "listed", "message"),
    [
        (
            ["1.jpg"],
            ["a/1.jpg", "b/1.jpg"],
            [],
            "p.json has a photo '1.jpg', which may be 'a/1.jpg', 'b/1.jpg' of the ground truth",
        ),
        (["c/1.jpg"], ["a/1.jpg", "b/1.jpg"], [], "may be 'a/1.jpg', 'b/1.jpg'"),
        (["1"], ["1.jpg", "1.png"], [], "may be '1.jpg', '1.png'"),
        (["1.jpg"], ["1.jpg", "1.jpg"], [], "may be '1.jpg', '1.jpg'"),
        (
            ["a/1.jpg", "b/1.jpg"],
            ["1.jpg"],
            [],
            "has the photos 'a/1.jpg', 'b/1.jpg', which would all be '1.jpg'",
        ),
        (["a/1.jpg"], ["1.jpg"], ["a/1.jpg", "b/1.jpg"], "has the photos 'a/1.jpg', 'b/1.jpg'"),
        (
            ["a/1.jpg", "b/1.jpg"],
            ["a/1.jpg"],
            [],
            "has the photos 'a/1.jpg', 'b/1.jpg', which would all be 'a/1.jpg'",
        ),
        (["1.jpg"], ["1.jpg"], ["1.jpg", "1.jpg"], "has the photos '1.jpg', '1.jpg'"),
    ],
)
def test_what_may_be_several_is_refused(said, known, listed, message):
    with pytest.raises(ValueError, match=message + ".*Give the photos the same names"):
        resolve_image_ids(said, truth(*known), "p.json", listed)


def test_photos_without_detections_may_be_unknown_or_unclear():
    assert resolve_image_ids(
        ["2.jpg"], truth("1.jpg", "2.jpg"), "p", ["a/1.jpg", "b/1.jpg", "2.jpg", "z.jpg"]
    ) == [11]


def test_unknown_photos_are_named():
    with pytest.raises(
        ValueError,
        match="p.json has 2 images that the ground truth does not list: 3, z.jpg .it lists 1.",
    ):
        resolve_image_ids([10, "z.jpg", 3, "z.jpg"], truth("a.jpg"), "p.json")


def test_numbers_that_are_no_ids_may_be_those_in_the_file_names(caplog):
    gt = truth("000101.jpg", "x/000102.jpg", "b.jpg")
    assert resolve_image_ids([102, 101, 102], gt, "p.json") == [11, 10, 11]
    assert (
        "The image ids of p.json are not those of the ground truth, but the numbers in its file "
        "names: 101 is taken" in caplog.text
    )
    with pytest.raises(ValueError, match="2 images that the ground truth does not list: 102, 103"):
        resolve_image_ids([102, 103], gt, "p.json")


def test_an_id_that_is_also_the_number_of_another_file_is_an_id_with_a_warning(caplog):
    gt = {"images": [{"id": 1, "file_name": "000002.jpg"}, {"id": 2, "file_name": "000001.jpg"}]}
    assert resolve_image_ids([1, 2], gt, "p.json") == [1, 2]
    assert (
        "p.json has the image_id 1, which is the id of '000002.jpg' in the ground truth, but also "
        "the number of" in caplog.text
    )
    caplog.clear()
    assert (
        resolve_image_ids([1], {"images": [{"id": 1, "file_name": "000001.jpg"}]}, "p") == [1]
        and not caplog.records
    )
