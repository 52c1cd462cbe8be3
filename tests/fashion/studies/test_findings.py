"""Significant differences: p values by hand and against SciPy, and what the paragraph says."""

import numpy as np
import pytest
from scipy import stats

from fashion.studies.findings import differences_of, holm, paired_p, paragraph


def results(**scores):
    return {name: {"AP": np.array(row, float)} for name, row in scores.items()}


def test_p_is_that_of_scipy():
    first, second = np.array([0.1, 0.2, 0.25, 0.15]), np.array([0.12, 0.25, 0.26, 0.19])
    assert paired_p(second - first) == pytest.approx(stats.ttest_rel(second, first).pvalue)
    assert np.isnan(paired_p(np.array([0.1])))
    assert paired_p(np.array([0.25, 0.25])) == 0 and paired_p(np.zeros(3)) == 1


def test_holm_by_hand():
    assert holm([0.01, np.nan, 0.04, 0.03]) == pytest.approx(
        [0.03, np.nan, 0.06, 0.06], nan_ok=True
    )
    assert holm([0.9, 0.8]) == [1, 1] and holm([]) == []


def test_each_variant_is_tested_against_its_reference():
    found = differences_of(
        results(a=[0.1, 0.2, 0.3], b=[0.2, 0.3, 0.41], c=[0.2, np.nan, np.nan]),
        {"b": "a", "c": "b"},
        ["AP"],
    )
    assert [(row.name, row.reference, row.seeds) for row in found] == [("b", "a", 3), ("c", "b", 1)]
    assert found[0].mean == pytest.approx(0.31 / 3) and found[0].p < 0.01 and np.isnan(found[1].p)


def test_one_seed_says_nothing():
    text = paragraph(differences_of(results(a=[0.1], b=[0.9]), {"b": "a"}, ["AP"]))
    assert text.startswith("No difference can be tested") and "--seeds 3" in text


def test_what_is_real_is_told_apart_from_what_is_not():
    found = differences_of(
        results(a=[0.1, 0.2, 0.3], b=[0.2, 0.301, 0.4], c=[0.1, 0.25, 0.26]),
        {"b": "a", "c": "a"},
        ["AP"],
    )
    text = paragraph(found)
    assert text.startswith("Paired t tests over 3 seeds, 2 comparisons, corrected by Holm.")
    assert "Significant at the 5% level: in AP: [b] +0.100 ± 0.001 (p < 0.001)." in text
    assert "Not significant: in AP: [c]." in text
    assert "All are compared with [a]." in text
    text = paragraph(found[1:])
    assert "No difference is significant at the 5% level. The largest one is in AP: [c]" in text


def test_references_are_named_where_they_differ():
    scores = results(a=[0.1, 0.2, 0.3], b=[0.2, 0.301, 0.4], c=[0.3, 0.402, 0.5])
    text = paragraph(differences_of(scores, {"b": "a", "c": "b"}, ["AP"]))
    assert "[b] against [a] +0.100" in text and "[c] against [b] +0.100" in text


def test_two_seeds_are_said_to_be_few_and_none_to_be_nothing():
    text = paragraph(differences_of(results(a=[0.1, 0.2], b=[0.2, 0.4]), {"b": "a"}, ["AP"]))
    assert "Two seeds show large differences only" in text
    assert paragraph([]).startswith("There is nothing to compare yet")
