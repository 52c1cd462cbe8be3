"""Stored networks are loaded again for predictions."""

import json

import keras
import numpy as np
import pytest

from fashion.semantic.networks import build_network
from fashion.semantic.stored import ProbabilityMaps, is_network, load_network
from mrcnn.weights.layer_files import save_weights

ABOUT = {"network": "unet", "size": 32, "width": 4, "loss": "ce"}
ROWS = [{"id": 4, "name": "coat"}, {"id": 9, "name": "pocket"}]


@pytest.fixture
def stored(tmp_path):
    keras.utils.set_random_seed(0)
    model = build_network("unet", 32, 3, 4)
    save_weights(model, tmp_path / "weights.h5", metadata=ABOUT | {"categories": ROWS})
    return model, tmp_path / "weights.h5"


@pytest.mark.slow
def test_a_network_labels_the_pixels_of_the_canvas_as_before(stored):
    model, path = stored
    assert is_network(path)
    network = load_network(path)
    assert network.category_names == ("coat", "pocket") and network.size == 32
    photo = np.random.default_rng(0).integers(0, 256, (64, 48, 3)).astype(np.uint8)
    canvas, placement = network.canvas(photo)
    assert canvas.shape == (32, 32, 3) and placement.window.tolist() == [0, 4, 32, 28]
    maps = ProbabilityMaps(network)(canvas)
    assert maps.shape == (32, 32, 3)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, atol=1e-5)
    mean, std = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    logits = np.asarray(model(((canvas - mean) / std).astype(np.float32)[None]))[0]
    np.testing.assert_array_equal(maps.argmax(axis=-1), logits.argmax(axis=-1))


@pytest.mark.parametrize(
    "change",
    [{"network": "vgg"}, {"size": 33}, {"width": "wide"}, {"categories": None}, {"width": 8}],
    ids=json.dumps,
)
def test_other_files_are_told(tmp_path, stored, change):
    model, path = stored
    about = ABOUT | {"categories": ROWS} | change
    save_weights(model, path, metadata=about)
    with pytest.raises(ValueError, match=r"weights.h5|shape"):
        load_network(path)
