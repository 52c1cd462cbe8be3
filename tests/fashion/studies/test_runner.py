"""Runs are done seed by seed, and a folder belongs to one study."""

import pytest

from fashion.studies.runner import differences, note_run_arguments, runs_of


def test_all_variants_are_done_for_a_seed_before_the_next():
    assert list(runs_of(["a", "b"], 2)) == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert not list(runs_of([], 2))


def test_runs_with_other_arguments_are_not_mixed(tmp_path):
    note_run_arguments(tmp_path, {"epochs": 3})
    note_run_arguments(tmp_path, {"epochs": 3, "width": 8})  # new, and so equal
    with pytest.raises(ValueError, match="epochs 3 there, 5 here.*--out"):
        note_run_arguments(tmp_path, {"epochs": 5})


def test_differences_are_listed():
    assert differences({"a": 1, "b": None}, {"a": 1, "b": 2, "c": 3}) == "b None there, 2 here"


@pytest.mark.parametrize(
    ("content", "told"),
    [("[", "is no JSON"), ("[]", "must hold a JSON object"), ("{}{", "is no JSON")],
)
def test_a_damaged_note_of_a_study_is_told(tmp_path, content, told):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ValueError, match=f"study.json {told}"):
        note_run_arguments(tmp_path, {"epochs": 3})
