"""Average precision of one attribute: by hand, and as scikit-learn has it. The tables are tested by
`test_attribute_f1.py`.
"""

import numpy as np
import pytest

from fashion.evaluation.attribute_tables import (
    THRESHOLDS,
    attribute_tables,
    average_precision,
    curves_over_thresholds,
    score_attributes,
)


@pytest.mark.parametrize(
    "scores, real, area",
    [
        ([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], (1 + 2 / 3) / 2),
        (
            [0.6, 0.7, 0.8, 0.9],
            [0, 1, 0, 1],
            (1 + 2 / 3) / 2,
        ),  # the order of the objects does not matter
        ([0.5, 0.5, 0.2], [1, 0, 1], (1 / 2 + 2 / 3) / 2),  # of two with one score, one is right
        ([0.1, 0.1, 0.1, 0.1], [0, 1, 0, 0], 1 / 4),
        ([0.3], [1], 1),
        ([0.3, 0.2], [0, 0], -1),
        ([], [], -1),
    ],
)
def test_every_real_one_counts_the_precision_at_its_score(scores, real, area):
    assert average_precision(np.array(scores, np.float32), np.array(real, bool)) == pytest.approx(
        area
    )


def test_the_area_is_that_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for n in (1, 5, 40, 300):
        for steps in (3, 20, 10_000):  # few steps: many scores are equal
            scores, real = rng.integers(0, steps, n) / np.float32(steps), rng.random(n) < 0.3
            real[0] = True
            assert average_precision(scores, real) == pytest.approx(
                metrics.average_precision_score(real, scores), abs=1e-12
            )


def shirts_and_shoes():
    """A ground truth of two shirts and a shoe with attributes, which it should not have, and what
    was said of them: of shoes no scores.
    """
    objects = [
        {"id": i, "category_id": category, "attribute_ids": ids}
        for i, category, ids in ((1, 0, [4]), (2, 0, [9]), (3, 23, [9]))
    ]
    truth = {
        "annotations": objects,
        "categories": [{"id": 0, "name": "shirt"}, {"id": 23, "name": "shoe"}],
        "attributes": [{"id": 4, "name": "long"}, {"id": 9, "name": "red"}],
    }
    said = [
        {"attribute_ids": [4], "attribute_scores": [0.9, 0.3]},
        {"attribute_ids": [4], "attribute_scores": [0.6, 0.2]},
        {"attribute_ids": []},
    ]
    return truth, said


def test_a_category_without_scores_keeps_no_other_from_being_ranked():
    truth, said = shirts_and_shoes()
    tables = attribute_tables(truth, list(zip(said, truth["annotations"])))
    result = score_attributes(tables)
    assert tables.ranked.tolist() == [0, 1] and result["map"] == pytest.approx(
        (1 + 1 / 2) / 2
    )  # the surest is long, the less sure red
    assert {i: row["map"] for i, row in result["per_category"].items()} == {0: 0.75, 23: -1}
    assert result["exact"] == pytest.approx(1 / 3)  # the shoe counts where no scores are asked for
    assert curves_over_thresholds(tables, (0.25, 0.5))["recall"] == [0.5, 0.5]


def test_a_category_of_which_some_have_scores_needs_them_of_all():
    truth, said = shirts_and_shoes()
    del said[1]["attribute_scores"]
    tables = attribute_tables(truth, list(zip(said, truth["annotations"])))
    assert (
        tables.scores is None
        and curves_over_thresholds(tables) == {}
        and score_attributes(tables)["map"] == -1
    )


def test_the_thresholds_are_round_numbers():
    assert len(THRESHOLDS) == 19 and (THRESHOLDS[0], THRESHOLDS[5], THRESHOLDS[18]) == (
        0.05,
        0.3,
        0.95,
    )
