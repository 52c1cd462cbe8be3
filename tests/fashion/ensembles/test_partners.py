"""Partners: maps are read in the cells of masks."""

import numpy as np

from fashion.ensembles.partners import classes_by_name, sampled


def test_categories_are_found_by_name_whatever_their_case():
    found = classes_by_name(["Coat", "skirt", "hat"], ["hat ", "coat"])
    assert found.tolist() == [0, 2, 0, 1]


def test_a_map_is_read_in_the_cells_of_a_box():
    values = np.zeros((8, 8), np.float32)
    values[2:6, 4:8] = 1
    ones = sampled(values, np.array([2.0, 4, 6, 8]), (4, 4))
    assert ones[1:3, 1:].min() == 1  # pixels whose samples lie inside
    wide = sampled(values, np.array([0.0, 0, 8, 8]), (2, 2))
    np.testing.assert_allclose(wide[:, 0], 0, atol=0.51)
    assert wide[0, 1] > wide[0, 0]


def test_a_ramp_is_read_at_the_centres_of_cells():
    ramp = np.tile(np.arange(10, dtype=np.float32) + 0.5, (10, 1))  # the value is x
    cells = sampled(ramp, np.array([1.0, 2, 9, 8]), (3, 6))
    np.testing.assert_allclose(cells, np.tile(np.arange(2, 8) + 0.5, (3, 1)), atol=1e-4)
