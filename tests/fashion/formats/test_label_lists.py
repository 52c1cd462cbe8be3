"""Label lists: names decide which label is which; ids do where there are no names."""

import pytest

from fashion.formats.label_lists import ids_by_name, listed


def labels(**names):
    return [{"id": int(i.removeprefix("n")), "name": name} for i, name in names.items()]


def test_names_decide():
    ours = labels(n1="shoe", n2="sock", n3="hat")
    assert ids_by_name(
        labels(n1="shoe", n2="hat", n7="sock", n8="tie"), ours, "p.json", "category"
    ) == {1: 1, 2: 3, 7: 2, 8: None}


def test_case_and_spaces_around_do_not_count():
    assert ids_by_name(labels(n5=" Shoe "), labels(n1="shoe"), "p.json", "category") == {5: 1}


def test_a_label_without_a_name_is_known_by_its_id():
    theirs = [{"id": 1}, {"id": 9}, {"id": 2, "name": None}]
    assert ids_by_name(theirs, labels(n1="a", n2="b"), "p.json", "category") == {
        1: 1,
        9: None,
        2: 2,
    }


def test_a_name_that_two_labels_have_must_not_be_looked_up():
    ours = labels(n1="shoe", n2="shoe")
    assert ids_by_name(labels(n2="shoe"), ours, "p.json", "category") == {2: 2}
    with pytest.raises(
        ValueError,
        match="p.json has the category 5, 'shoe', and the ground truth has 2 of that name: 1, 2",
    ):
        ids_by_name(labels(n5="shoe"), ours, "p.json", "category")


def test_long_lists_are_cut():
    assert (
        listed("abc") == "'a', 'b', 'c'"
        and listed("abcdefg") == "'a', 'b', 'c', 'd', 'e' and 2 more"
    )
