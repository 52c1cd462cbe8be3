"""Segmenter: what a network says of every pixel, counted over a data set."""

import numpy as np
import pytest

from fashion.semantic.batches import LabelBatches
from fashion.semantic.label_maps import LabelledPhotos
from fashion.semantic.segmenter import Segmenter

PIXELS = ((120, 120, 120), (60, 60, 60))


@pytest.fixture(scope="module")
def photos(squares):
    return LabelledPhotos(squares(5), 32)


def test_pixels_are_counted_once_over_all_batches(photos, tiny_network):
    """Whatever the batch size; the border, and what fills the last batch, does not count."""
    model = tiny_network()
    segmenter = Segmenter(model)
    counts = [segmenter.count(LabelBatches(photos, size, PIXELS)) for size in (2, 5)]
    assert np.array_equal(*counts) and counts[0].sum() == 5 * 32 * 24
    assert counts[0].sum(axis=1).tolist() == [5 * (32 * 24 - 256), 5 * 240, 5 * 16]


def test_a_label_comes_with_its_probability(photos, tiny_network):
    model = tiny_network()
    images, _ = LabelBatches(photos, 2, PIXELS)[0]
    labels, probabilities = Segmenter(model)(images)
    logits = np.asarray(model(images))
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert np.array_equal(labels, logits.argmax(axis=-1)) and np.allclose(
        probabilities, shares.max(axis=-1), atol=1e-5
    )
