"""Wilson's interval against SciPy's, and at its edges."""

import numpy as np
import pytest
from scipy.stats import binomtest

from mrcnn.evaluation.proportions import wilson_interval


@pytest.mark.parametrize(("hits", "total"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (7, 900)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_is_that_of_scipy(hits, total, confidence):
    expected = binomtest(hits, total).proportion_ci(confidence, "wilson")
    assert wilson_interval(hits, total, confidence) == pytest.approx((expected.low, expected.high))


def test_counts_may_be_arrays():
    low, high = wilson_interval(np.array([0, 5, 10]), np.array([10, 10, 10]))
    assert low.shape == high.shape == (3,)
    assert low[0] == 0 and high[2] == 1
    assert high[0] == pytest.approx(1 - low[2])


def test_of_nothing_nothing_is_known():
    assert wilson_interval(0, 0) == (0, 1)
