"""The registry: a metric is one file, and everything that lists metrics knows it."""

import json
import sys
from pathlib import Path

import pytest

import fashion.evaluation.metrics
from fashion.evaluation.metrics.documentation import updated
from fashion.evaluation.metrics.registry import CONFIDENT, METRICS, Inputs, metric
from fashion.evaluation.report.page import write_report
from fashion.evaluation.scoring import compute_metrics, score_predictions, table

TOY = """
from fashion.evaluation.metrics.registry import metric


@metric(
    "toy",
    "Share of confident predictions",
    formula="predictions above the score threshold / predictions",
    numbers={"share": "of all predictions", "predictions": "how many there are"},
)
def toy(inputs):
    confident = len(inputs.confident_masks.pred_score)
    number = len(inputs.detections)
    return {"share": confident / number, "predictions": number, "other": [1, 2]}
"""


@pytest.fixture
def toy_file(tmp_path, monkeypatch):
    """A file in the folder of the metrics, as far as Python knows."""
    (tmp_path / "toy.py").write_text(TOY)
    package = fashion.evaluation.metrics
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    before = dict(METRICS)
    package.import_all()
    yield
    METRICS.clear()
    METRICS.update(before)
    sys.modules.pop("fashion.evaluation.metrics.toy")


@pytest.mark.slow
def test_a_file_is_enough_for_table_json_and_report(toy_file, random_case, tmp_path):
    truth, detections = random_case(4, images=5)
    scores = score_predictions(truth, detections)
    share = sum(row["score"] >= 0.5 for row in detections) / len(detections)
    assert scores["toy"]["share"] == share
    line = f"Share of confident predictions: share {share:.3f}, predictions {len(detections)}"
    assert line in table(scores).splitlines()
    saved = json.loads(json.dumps(scores))
    page = write_report(tmp_path, saved, ground_truth=truth, detections=detections).read_text()
    assert "<h2" in page and "Share of confident predictions</h2>" in page
    assert f"{share:.3f}" in page and "of all predictions" in page
    assert "Predictions above the score threshold / predictions." in page


def test_metrics_are_in_order_and_some_can_be_asked_for(random_case):
    orders = [entry.order for entry in METRICS.values()]
    assert orders == sorted(orders)
    inputs = Inputs(*random_case(4, images=3))
    assert set(compute_metrics(inputs, ["coco", "found"])) == {"coco", "found", "score_threshold"}
    assert set(compute_metrics(inputs, ["coco"])) == {"coco"}


def test_two_files_cannot_have_one_key():
    def other(inputs):
        return None

    with pytest.raises(ValueError, match="Two metrics have the key 'coco'"):
        metric("coco", "Another", formula="none")(other)


def test_what_several_metrics_need_is_computed_once(random_case):
    calls = []
    inputs = Inputs(*random_case(4, images=3))
    for _ in range(2):
        assert inputs.once(lambda table, n: calls.append(n) or n, inputs.masks, 3) == 3
    assert len(calls) == 2  # two functions
    assert inputs.masks is inputs.masks and inputs.top("segm") is inputs.top("segm")


def test_every_metric_says_what_it_computes_and_where_it_comes_from():
    for entry in METRICS.values():
        assert entry.title and entry.formula and entry.section, entry.key
    assert METRICS["found"].section == CONFIDENT


def test_the_page_of_the_metrics_is_up_to_date():
    """`python -m fashion.evaluation.metrics docs/metrics.md` writes it."""
    page = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert updated(page) == page
    with pytest.raises(ValueError, match="has no lines"):
        updated("# Metrics")
