"""fit: what was broken off and resumed is what was never broken off."""
import numpy as np
import pytest

from fashion.semantic.batches import LabelBatches
from fashion.semantic.fit import fit
from fashion.semantic.label_maps import LabelledPhotos
from fashion.semantic.segmenter import Segmenter
from fashion.semantic.study import Variant

PIXELS = ((120, 120, 120), (60, 60, 60))


@pytest.fixture(scope="module")
def photos(squares):
    return LabelledPhotos(squares(5), 32)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_resumed_training_is_the_unbroken_one(photos, tiny_network, tmp_path, optimizer):
    def train(folder, epochs):
        model, variant = tiny_network(), Variant("unet", "focal", optimizer, 32)
        history = fit(model, LabelBatches(photos, 2, PIXELS, seed=1), folder, epochs=epochs, optimizer=variant.make_optimizer(),
                      loss=variant.make_loss(2.0), evaluate=lambda: {"val_pixel_accuracy": 0.5})
        return model, [{**row, "seconds": 0} for row in history]

    whole, history = train(tmp_path / "whole", 3)
    train(tmp_path / "broken", 1)
    resumed, rest = train(tmp_path / "broken", 3)
    assert rest == history and [row["epoch"] for row in rest] == [1, 2, 3] and history[0]["val_pixel_accuracy"] == 0.5
    for a, b in zip(whole.weights, resumed.weights):
        assert np.array_equal(a, b), a.path
    again, finished = train(tmp_path / "broken", 3)          # nothing is left to do
    assert finished == history and all(np.array_equal(a, b) for a, b in zip(whole.weights, again.weights))


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
    assert np.array_equal(labels, logits.argmax(axis=-1)) and np.allclose(probabilities, shares.max(axis=-1), atol=1e-5)
