"""The page: networks in order, means over seeds, and the claim beside each kind of image."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fashion.classify.results import Result, summary
from fashion.studies.classifier_page import rows_of, verdict, write_page

pytestmark = pytest.mark.usefixtures("undrawn")


def metrics(train=0.99, validation=0.92, test=0.91, seed=1):
    parts = {"train": train, "validation": validation, "test": test}
    scores = {
        part: {"accuracy": value, "micro_f1": value, "macro_f1": value}
        for part, value in parts.items()
    }
    return {
        "seed": seed,
        "epoch": 50,
        "parameters": 1_421_194,
        "seconds_per_epoch": 45.0,
        "best_validation_accuracy": 0.925,
        "summary": "plainly",
        **scores,
    }


def result(**values):
    return Result(
        Path("run"),
        metrics(**values),
        [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}],
        np.eye(10)[[0, 2, 2]],
    )


def test_the_table_goes_by_size_and_means_over_seeds():
    rows = rows_of(
        {
            ("best", "three", 100): [result(test=0.94)],
            ("report", "three", 50): [result(test=0.91), result(test=0.93)],
            ("report", "three", 10): [result()],
            ("report", "one", 10): [result()],
        }
    )
    assert [row[:3] for row in rows[1:]] == [
        ["one", "report", 10],
        ["three", "report", 10],
        ["three", "report", 50],
        ["three", "best", 100],
    ]
    assert (
        rows[3][4:8] == [2, "0.9900 ± 0.0000", "0.9200 ± 0.0000", "0.9200 ± 0.0141"]
        and rows[4][7] == "0.9400"
    )


def test_a_run_without_validation_has_a_dash():
    without = result()
    del without.metrics["validation"]
    assert rows_of({("best-all", "three", 100): [without]})[1][6] == "–"


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        (
            (0.99, 0.92, 0.91),
            [
                "reached on training images (99.00%), and not on validation "
                "images (92.00%) and test "
                "images (91.00%)",
                "lies outside the 95 % interval of the test accuracy, 90.44% to 91.56%",
            ],
        ),
        (
            (0.99, 0.94, 0.928),
            [
                "reached on training images (99.00%) and validation images (94.00%), and not on "
                "test",
                "lies within",
            ],
        ),
        (
            (0.9, 0.9, 0.9),
            ["reached on no images, and not on training images (90.00%), validation"],
        ),
        (
            (0.95, 0.94, 0.933),
            [
                "reached on training images (95.00%), validation images (94.00%) and test images "
                "(93.30%). 93 % lies within"
            ],
        ),
    ],
)
def test_the_verdict_says_on_which_images_the_claim_holds(accuracies, expected):
    """1.96 standard errors of 0.91 on 10,000 images are 1.96 * sqrt(0.91 * 0.09) / 100 = 0.0056."""
    sentence = verdict([metrics(*accuracies)], 50, 10_000)
    assert all(part in sentence for part in expected), sentence


@pytest.mark.slow
def test_the_page_has_a_chapter_for_each_network_and_one_for_the_claim(tmp_path, toy):
    test = dataclasses.replace(toy(3), labels=np.array([0, 1, 2], np.uint8))
    one = result()
    full = summary(one.test, test.labels)
    results = {
        ("report", network, epoch): [dataclasses.replace(one, metrics=metrics() | {"test": full})]
        for network in ("one", "three")
        for epoch in (10, 50)
    }
    write_page(tmp_path / "index.html", results, test)
    html = (tmp_path / "index.html").read_text()
    assert [
        title in html
        for title in (
            "One convolution, report",
            "Three convolutions, report",
            "The report&#x27;s 93 %",
        )
    ] == [True] * 3
    assert html.count("<h2") == 4 and html.count("<svg") == 4 and html.count("<img") == 2
    assert "After 50 epochs 93 % is reached on training images" in html.replace("&nbsp;", " ")


def test_without_the_largest_network_the_claim_is_left_open(tmp_path, toy):
    test = dataclasses.replace(toy(3), labels=np.array([0, 2, 2], np.uint8))
    one = dataclasses.replace(
        result(), metrics=metrics() | {"test": summary(np.eye(10)[[0, 2, 2]], test.labels)}
    )
    write_page(tmp_path / "index.html", {("report", "two", 10): [one]}, test)
    html = (tmp_path / "index.html").read_text()
    assert (
        "has not been trained by the recipe report" in html
        and "most confident mistakes" not in html
    )
