"""Results: what is written is read, and the metrics come last."""

import numpy as np
import pytest

from fashion.classify import results
from fashion.classify.results import is_measured, read_result, write_results
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
