"""smooth_l1_loss, element by element."""

import numpy as np

from mrcnn.legacy.losses import smooth_l1_loss


def test_small_errors_are_squared_and_large_ones_are_not():
    loss = smooth_l1_loss(np.zeros((2, 2)), np.array([[0.5, 1.0], [-3.0, 0.0]]))
    np.testing.assert_allclose(loss, [[0.125, 0.5], [2.5, 0.0]])


def test_whole_numbers_are_allowed():
    np.testing.assert_allclose(smooth_l1_loss(np.array([1, 4]), np.array([1, 1])), [0, 2.5])
