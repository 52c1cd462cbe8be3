"""EfficientNets compute what keras.applications' networks compute on the same photo; of the first
generation, test_imagenet.py says so.
"""

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.resize import normalise
from mrcnn.modeling.backbones.efficientnet import efficientnet, stage_of
from mrcnn.modeling.normalization import BatchNorm

C2_TO_C5 = {
    "EfficientNetV2B0": ("block2b_add", "block3b_add", "block5e_add", "block6h_add"),
    "EfficientNetV2S": ("block2d_add", "block3d_add", "block5i_add", "block6o_add"),
}


def randomise(application, rng):
    """Statistics as of a trained network."""
    for layer in application.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            layer.set_weights(
                [
                    rng.uniform(0.5, 1, n),
                    rng.normal(0, 0.1, n),
                    rng.normal(0, 0.1, n),
                    rng.uniform(0.5, 2, n),
                ]
            )


@pytest.mark.parametrize(
    ("name", "application"),
    [
        pytest.param("efficientnetv2_b0", "EfficientNetV2B0", marks=pytest.mark.slow),
        pytest.param("efficientnetv2_s", "EfficientNetV2S", marks=pytest.mark.full),
    ],
)
def test_every_feature_map_of_a_photo_is_that_of_keras_network(name, application, rng):
    """Theirs normalises the photo inside, ours by the config's mean and deviation; weights go over
    by layer name.
    """
    theirs = getattr(keras.applications, application)(
        weights=None, include_top=False, input_shape=(64, 96, 3)
    )
    randomise(theirs, rng)
    ours = efficientnet(name)
    for layer in ours.layers:
        layer.set_weights(theirs.get_layer(layer.name).get_weights() if layer.weights else [])
    photo = rng.integers(0, 256, (1, 64, 96, 3)).astype(np.float32)
    config = type("Mine", (Config,), {"BACKBONE": name})()
    found = ours(normalise(photo, config.MEAN_PIXEL, config.PIXEL_STD))
    expected = keras.Model(
        theirs.input, [theirs.get_layer(block).output for block in C2_TO_C5[application]]
    )(photo)
    for mine, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-4 * np.abs(wanted).max())


@pytest.mark.slow
def test_normalisation_is_ours_with_their_momentum_and_nothing_is_dropped():
    model = efficientnet("efficientnetv2_b0", update_statistics=True)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert norms and all(isinstance(norm, BatchNorm) and norm.update_statistics for norm in norms)
    assert {(norm.momentum, norm.epsilon) for norm in norms} == {(0.9, 1e-3)}
    assert not [
        layer
        for layer in model.layers
        if isinstance(layer, (keras.layers.Dropout, keras.layers.Normalization))
    ]


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("stem_bn", 1),
        ("block1a_project_conv", 1),
        ("block2a_expand_conv", 2),
        ("block3b_bn", 3),
        ("block4a_dwconv", 4),
        ("block5i_bn", 4),
        ("block6o_project_bn", 5),
        ("block7a_dwconv", 5),
        ("top_conv", None),
        ("mrcnn_mask", None),
    ],
)
def test_the_stage_is_that_of_the_group_of_blocks(name, stage):
    assert stage_of(name) == stage
