"""What is written of a run is what is read, and scores are what one counts by hand."""

import numpy as np
import pytest

from fashion.classify import results
from fashion.classify.results import (
    accuracy,
    class_scores,
    confusion,
    is_measured,
    mean_loss,
    most_confident_mistakes,
    read_result,
    summary,
    write_results,
)
from mrcnn.training.run_folder import RunFolder

SURE = np.eye(10, dtype=np.float32)[[3, 4]]


def test_what_is_written_is_read(tmp_path):
    RunFolder(tmp_path).write_history(
        [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}, {"epoch": 3, "loss": 0.125}]
    )
    write_results(
        tmp_path,
        2,
        {"train": SURE, "test": SURE},
        {"train": np.array([3, 4]), "test": np.array([3, 5])},
        {"seed": 7},
    )
    result = read_result(tmp_path, 2)
    assert is_measured(tmp_path, 2) and not is_measured(tmp_path, 1)
    assert np.array_equal(result.test, SURE) and [row["epoch"] for row in result.history] == [1, 2]
    assert (result.metrics["seed"], result.metrics["epoch"]) == (7, 2)
    assert (result.metrics["train"]["accuracy"], result.metrics["test"]["accuracy"]) == (1.0, 0.5)


def test_without_its_metrics_a_measurement_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "summary", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_results(tmp_path, 2, {"test": SURE}, {"test": np.array([3, 4])}, {})
    assert not is_measured(tmp_path, 2)


LABELS = np.array([0, 0, 0, 1, 1, 2], np.uint8)
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.2, 0.7, 0.1],
        [0.5, 0.3, 0.2],
        [0.1, 0.6, 0.3],
        [0.9, 0.05, 0.05],
        [0.4, 0.35, 0.25],
    ]
)


def test_rows_are_the_truth():
    assert confusion(PROBABILITIES.argmax(axis=1), LABELS, 3).tolist() == [
        [2, 1, 0],
        [1, 1, 0],
        [1, 0, 0],
    ]


def test_classes_by_hand():
    scores = class_scores(np.array([[2, 1, 0], [1, 1, 0], [1, 0, 0]]))
    assert scores["precision"] == pytest.approx([2 / 4, 1 / 2, 0])
    assert scores["recall"] == pytest.approx([2 / 3, 1 / 2, 0])
    assert scores["f1"] == pytest.approx([4 / 7, 1 / 2, 0])


def test_the_summary_by_hand():
    found = summary(PROBABILITIES, LABELS)
    assert found["accuracy"] == found["micro_f1"] == 0.5
    assert found["macro_f1"] == pytest.approx((4 / 7 + 1 / 2) / 3)
    assert found["per_class"]["T-shirt/top"] == pytest.approx(
        {"images": 3, "precision": 0.5, "recall": 2 / 3, "f1": 4 / 7}
    )


def test_f1_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 10, 300), rng.dirichlet(np.ones(10), 300)
    found = summary(probabilities, labels)
    for average in ("micro", "macro"):
        expected = metrics.f1_score(labels, probabilities.argmax(axis=1), average=average)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    assert found["loss"] == pytest.approx(metrics.log_loss(labels, probabilities))


def test_a_sure_mistake_costs_a_finite_loss():
    assert mean_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(7 * np.log(10))
    assert accuracy(np.array([[1.0, 0.0]]), np.array([1])) == 0


def test_the_most_confident_mistakes_come_first():
    """Wrong are rows 1 (0.7 sure), 4 (0.9) and 5 (0.4)."""
    assert most_confident_mistakes(PROBABILITIES, LABELS, 2).tolist() == [4, 1]
    assert most_confident_mistakes(PROBABILITIES, LABELS, 9).tolist() == [4, 1, 5]
    assert most_confident_mistakes(PROBABILITIES[:1], LABELS[:1], 9).tolist() == []
