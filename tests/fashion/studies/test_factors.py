"""Effects of factors: means over the pairs that differ in one factor alone."""

import numpy as np
import pytest

from fashion.studies.factors import effect_rows, main_effects

FACTORS = {
    "backbone": {"a": "small", "b": "large", "c": "small", "d": "large"},
    "neck": {"a": "FPN", "b": "FPN", "c": "none", "d": "none"},
}


def results(**scores):
    return {name: {"AP": np.array(row, float)} for name, row in scores.items()}


def test_effects_are_means_over_pairs_for_each_seed():
    found = main_effects(
        results(a=[0.1, 0.2], b=[0.2, 0.2], c=[0.0, 0.1], d=[0.3, 0.2]), FACTORS, "AP"
    )
    assert found["backbone", "large"] == pytest.approx([(0.1 + 0.3) / 2, (0 + 0.1) / 2])
    assert found["neck", "none"] == pytest.approx([(-0.1 + 0.1) / 2, (-0.1 + 0) / 2])


def test_a_part_of_the_variants_gives_the_effects_that_it_has():
    found = main_effects(results(a=[0.1, 0.2], b=[0.2, np.nan]), FACTORS, "AP")
    assert list(found) == [("backbone", "large")]
    np.testing.assert_allclose(found["backbone", "large"], [0.1, np.nan])


def test_effects_are_a_table():
    rows = effect_rows(results(a=[0.1, 0.2], b=[0.3, 0.2], c=[0, 0], d=[0, 0]), FACTORS, ["AP"])
    assert rows[0] == ["change", "AP"]
    assert rows[1][0] == "backbone: large instead of small" and rows[1][1].startswith("+0.050 ± ")
    assert rows[2][0] == "neck: none instead of FPN"
