"""Photo ids: names mean photos, and never two at once."""
import pytest

from fashion.evaluation.photo_ids import photo_ids


def truth(*names):
    return {"images": [{"id": 10 + i, "file_name": name} for i, name in enumerate(names)]}


def test_an_id_is_itself_and_a_name_its_photo():
    assert photo_ids([11, 10, "x/b.jpg", "a.jpg", 11], truth("a.jpg", "x/b.jpg"), "p") == [11, 10, 11, 10, 11]
    assert photo_ids([2], {"images": [{"id": 2}]}, "p") == [2] and photo_ids([], truth("a.jpg"), "p") == []


def test_photos_of_one_name_in_two_folders_are_two():
    gt = truth("a/1.jpg", "b/1.jpg")
    assert photo_ids(["b/1.jpg", "a/1.jpg"], gt, "p") == [11, 10]
    assert photo_ids(["b/1.jpg"], gt, "p", ["a/1.jpg", "b/1.jpg"]) == [11]


@pytest.mark.parametrize(("said", "known"), [
    ("b.jpg", "b.jpg"), ("photos/b.jpg", "b.jpg"), ("b.jpg", "x/b.jpg"), ("y/b.jpg", "x/b.jpg"), ("b", "b.jpg"), ("b.png", "b"),
    ("b.png", "b.jpg"), ("b.1", "b.1.jpg")])
def test_folders_and_extensions_are_left_aside_where_that_is_clear(said, known):
    assert photo_ids([said], truth("a.jpg", known), "p") == [11]


def test_the_nearer_name_is_meant():
    assert photo_ids(["1.jpg"], truth("1.png", "1.jpg", "a/1.jpg"), "p") == [11]
    assert photo_ids(["x/1.jpg"], truth("1.png", "a/1.jpg"), "p") == [11]


@pytest.mark.parametrize(("said", "known", "listed", "message"), [
    (["1.jpg"], ["a/1.jpg", "b/1.jpg"], [], "p.json has a photo '1.jpg', which may be 'a/1.jpg', 'b/1.jpg' of the ground truth"),
    (["c/1.jpg"], ["a/1.jpg", "b/1.jpg"], [], "may be 'a/1.jpg', 'b/1.jpg'"),
    (["1"], ["1.jpg", "1.png"], [], "may be '1.jpg', '1.png'"),
    (["1.jpg"], ["1.jpg", "1.jpg"], [], "may be '1.jpg', '1.jpg'"),
    (["a/1.jpg", "b/1.jpg"], ["1.jpg"], [], "has the photos 'a/1.jpg', 'b/1.jpg', which would all be '1.jpg'"),
    (["a/1.jpg"], ["1.jpg"], ["a/1.jpg", "b/1.jpg"], "has the photos 'a/1.jpg', 'b/1.jpg'"),
    (["a/1.jpg", "b/1.jpg"], ["a/1.jpg"], [], "has the photos 'a/1.jpg', 'b/1.jpg', which would all be 'a/1.jpg'"),
    (["1.jpg"], ["1.jpg"], ["1.jpg", "1.jpg"], "has the photos '1.jpg', '1.jpg'")])
def test_what_may_be_several_is_refused(said, known, listed, message):
    with pytest.raises(ValueError, match=message + ".*Give the photos the same names"):
        photo_ids(said, truth(*known), "p.json", listed)


def test_photos_without_detections_may_be_unknown_or_unclear():
    assert photo_ids(["2.jpg"], truth("1.jpg", "2.jpg"), "p", ["a/1.jpg", "b/1.jpg", "2.jpg", "z.jpg"]) == [11]


def test_unknown_photos_are_named():
    with pytest.raises(ValueError, match="p.json has 2 images that the ground truth does not list: 3, z.jpg .it lists 1."):
        photo_ids([10, "z.jpg", 3, "z.jpg"], truth("a.jpg"), "p.json")
