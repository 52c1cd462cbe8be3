"""The weight table finds what is dead or exploded, and leaves alone what has to be constant."""

import numpy as np
import pytest

from mrcnn.drawing.weight_table import weight_rows


def row(name, values):
    return weight_rows({"conv1": [(name, np.asarray(values, np.float32))]})[1]


def test_a_row_says_layer_weight_shape_and_range():
    assert row("kernel", [[-1, 3], [1, 1]]) == [
        "conv1",
        "kernel",
        "(2, 2)",
        "-1.0000",
        "+3.0000",
        "+1.4142",
        "",
    ]


@pytest.mark.parametrize(
    ("name", "values", "alarm"),
    [
        ("kernel", [0.1, -0.2], ""),
        ("kernel", [0, 0, 0], "*** dead?"),
        ("gamma", [1, 1, 1], "*** dead?"),
        ("bias", [0, 0, 0], ""),
        ("kernel", [0.5], ""),
        ("kernel", [0, 1001], "*** Overflow?"),
        ("kernel", [0, -1001], "*** Overflow?"),
        ("kernel", [0, np.nan], "*** NaN or infinite"),
        ("kernel", [0, np.inf], "*** NaN or infinite"),
        ("kernel", [], ""),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_alarms(name, values, alarm):
    assert row(name, values)[-1] == alarm


def test_a_network_without_weights_has_a_heading():
    assert len(weight_rows({})) == 1
