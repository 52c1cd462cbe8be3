"""The headline numbers: an undefined one is a dash, not a bad score."""

import pytest

from fashion.evaluation.report.summary import headline_cards, headlines


@pytest.mark.parametrize(("missed", "f1", "shown"), [(0, -1, "–"), (3, 0.0, "0.000")])
def test_without_attributes_their_f1_is_undefined(missed, f1, shown):
    counts = {"true_positive": 0, "false_positive": 0, "false_negative": missed}
    scores = {"attributes": {"micro_f1": 0.0, "macro_f1": 0.0, "counts": counts}}
    assert headlines(scores) == {"attribute micro F1": f1, "attribute macro F1": f1}
    assert [card[:2] for card in headline_cards(scores, ["attribute micro F1"])] == [
        (shown, "attribute micro F1")
    ]


def test_scores_of_older_versions_have_no_counts():
    assert headlines({"attributes": {"micro_f1": 0.25}}) == {"attribute micro F1": 0.25}
