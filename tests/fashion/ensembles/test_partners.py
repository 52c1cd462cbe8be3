"""Partners: maps are read in the cells of masks."""

import numpy as np

from fashion.ensembles.partners import (
    ClassifierPartner,
    SemanticPartner,
    classes_by_name,
    sampled,
)
from fashion.semantic.stored import StoredNetwork
from mrcnn.inference.pasting import paste


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


def test_a_semantic_network_gives_the_mask_that_it_sees_in_the_box(monkeypatch):
    """On a canvas of 64 pixels, of a photo of 200 x 100: a disc is found where it is."""
    y, x = np.mgrid[:200, :100]
    disc = (y - 90.5) ** 2 + (x - 55.5) ** 2 < 30**2
    photo = np.where(disc[..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    network = StoredNetwork(None, "unet", 64, ("hat", "coat"))

    def maps(network, xla):
        return lambda canvas: np.stack([canvas[..., 0] / 255.0] * 3, axis=-1)

    monkeypatch.setattr("fashion.ensembles.partners.ProbabilityMaps", maps)
    partner = SemanticPartner(network, np.array([0, 2, 0]), weight=1.0)
    boxes = np.array([[55, 20, 125, 90], [55, 20, 125, 90]], np.float32)
    masks, known = partner.masks(partner.keep(photo), boxes, np.array([1, 2]), (28, 28))
    assert known.tolist() == [True, False] and not masks[1].any()
    found = paste(masks[0], boxes[0], (200, 100))
    # A pixel of the canvas is three of the photo.
    assert np.logical_xor(found, disc).sum() < 0.06 * disc.sum()


def test_a_classifier_gives_the_probabilities_of_our_classes():
    class Classifier:
        def probabilities(self, image, boxes):
            return np.tile(np.array([0.1, 0.2, 0.7], np.float32), (len(boxes), 1))

    partner = ClassifierPartner(Classifier(), np.array([0, 2, 0]))
    said = partner.classes(partner.keep(np.zeros((9, 9, 3), np.uint8)), np.zeros((2, 4)))
    np.testing.assert_allclose(said, [[0.1, 0.7, 0.0]] * 2)
