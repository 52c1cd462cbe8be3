"""Runs are done seed by seed, and a folder belongs to one study."""

import pytest

from fashion.studies.runner import differences, note_run_arguments, run_study


def test_all_variants_are_done_for_a_seed_before_the_next():
    order = []
    results, failures = run_study(
        ["a", "b"],
        2,
        lambda name, seed: order.append((name, seed)) or f"{name}{seed}",
        after_seed=lambda: order.append("table"),
    )
    assert order == [("a", 1), ("b", 1), "table", ("a", 2), ("b", 2), "table"]
    assert results == {"a": ["a1", "a2"], "b": ["b1", "b2"]} and not failures


def test_a_failed_run_ends_the_study_or_is_listed(caplog):
    def run_one(name, seed):
        if name == "a":
            raise ValueError("too large\nand more")
        return seed

    results, failures = run_study(["a", "b"], 1, run_one, keep_going=True)
    assert results == {"a": [], "b": [1]}
    assert failures == ["a, seed 1: ValueError: too large"]
    assert caplog.messages == ["failed: a, seed 1: ValueError: too large"]
    with pytest.raises(ValueError, match="too large"):
        run_study(["a", "b"], 1, run_one)


def test_runs_with_other_arguments_are_not_mixed(tmp_path):
    note_run_arguments(tmp_path, {"epochs": 3})
    note_run_arguments(tmp_path, {"epochs": 3, "width": 8})  # new, and so equal
    with pytest.raises(ValueError, match="epochs 3 there, 5 here.*--out"):
        note_run_arguments(tmp_path, {"epochs": 5})


def test_differences_are_listed():
    assert differences({"a": 1, "b": None}, {"a": 1, "b": 2, "c": 3}) == "b not given there, 2 here"


@pytest.mark.parametrize(
    ("content", "told"),
    [("[", "is not JSON"), ("[]", "must hold a JSON object"), ("{}{", "is not JSON")],
)
def test_a_damaged_note_of_a_study_is_told(tmp_path, content, told):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(ValueError, match=f"study.json {told}"):
        note_run_arguments(tmp_path, {"epochs": 3})
