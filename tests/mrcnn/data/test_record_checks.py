"""Entries: a field has the type that is expected, or the error says where it is and what it was."""

import pytest

from mrcnn.data.record_checks import Record, as_id, as_integer, is_number, preview


def entry(**row):
    return Record(row, "a.json", "image", 3)


def test_sound_fields_are_returned():
    sound = entry(a=4, b=40.0, c=1.5, d="x", box=(1, 2.5, 3, 4), ids=[3, 1.0], none=None)
    assert (
        sound.integer("a", least=1),
        sound.integer("b"),
        sound.number("c"),
        sound.text("d"),
    ) == (
        4,
        40,
        1.5,
        "x",
    )
    assert sound.box("box") == [1, 2.5, 3, 4] and sound.ids("ids") == [3, 1]
    assert (sound.identifier("a"), sound.identifier("d")) == (4, "x")
    assert sound.has("a") and not sound.has("none") and not sound.has("other")


@pytest.mark.parametrize(
    "value", [None, True, "4", 1.5, float("nan"), float("inf"), [], {}, 0, -1, 10**400]
)
def test_what_is_no_whole_number_from_1_is_refused(value):
    with pytest.raises(
        ValueError,
        match=r"^a.json: image number 3 \(from 0\) has the a .*\. "
        r"Expected a whole number from 1\.$",
    ):
        entry(a=value).integer("a", least=1)


@pytest.mark.parametrize("value", [None, False, "1", [1], float("nan"), -float("inf"), 10**400])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(ValueError, match="Expected a finite number"):
        entry(a=value).number("a")


@pytest.mark.parametrize(
    "value",
    [
        None,
        4,
        [1, 2, 3],
        [1, 2, 3, "4"],
        [1, 2, -3, 4],
        [1, 2, 3, 1e10],
        [float("nan"), 2, 3, 4],
        {},
    ],
)
def test_what_is_no_box_is_refused(value):
    with pytest.raises(ValueError, match="has the bbox .* Expected four numbers"):
        entry(bbox=value).box()


@pytest.mark.parametrize("value", [5, "5", [[]], [None], ["a"], [True], [1.5], {}])
def test_what_is_no_list_of_ids_is_refused(value):
    with pytest.raises(ValueError, match="Expected a list of ids"):
        entry(ids=value).ids("ids")


def test_a_row_must_be_an_object_and_have_its_fields():
    with pytest.raises(
        ValueError, match=r"a.json: image number 0 \(from 0\) is \[1\]. Expected an object"
    ):
        Record([1], "a.json", "image", 0)
    with pytest.raises(ValueError, match="has no b, c. Each image needs a, b, c"):
        entry(a=1).require("a", "b", "c")


def test_values_are_shown_in_short():
    assert preview({"id": [1, None, True]}) == "{'id': [1, null, true]}"
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert (
        preview(deep) == "[[[[…]]]]"
        and len(preview("x" * 10**6)) < 70
        and len(preview([1] * 10**6)) < 70
    )
    assert preview(10**5000) == "a number of thousands of digits"


def test_numbers_of_text_are_ids_up_to_15_digits():
    assert [as_id(text) for text in ("0", "-3", "007")] == [0, -3, 7]
    assert [as_id(text) for text in ("", "-", "3.0", "a", "٣", "9" * 16, "9" * 5000)] == [None] * 7
    assert (
        as_integer(True) is None
        and as_integer("1") is None
        and not is_number(True)
        and not is_number(10**400)
    )
