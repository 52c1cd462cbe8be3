"""Residual blocks with Matterport's names, and the sizes of the maps."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import Config
from mrcnn.legacy.backbone import BatchNorm, compute_backbone_shapes, conv_block, identity_block
from mrcnn.modeling import normalization
from mrcnn.modeling.backbones.resnet import resnet
from mrcnn.modeling.build import stage_of_layer


@pytest.fixture(scope="module")
def blocks():
    image = keras.Input((16, 12, 8))
    x = conv_block(image, 3, [4, 4, 16], stage=2, block="a", strides=(2, 2), train_bn=False)
    return keras.Model(
        image, identity_block(x, 3, [4, 4, 16], stage=2, block="b", use_bias=False, train_bn=False)
    )


def weights_of(model, prefixes):
    return [
        layer.name for layer in model.layers if layer.weights and layer.name.startswith(prefixes)
    ]


@pytest.mark.slow
def test_layers_bear_the_names_of_the_weight_files(blocks):
    assert sorted(weights_of(blocks, "")) == sorted(
        weights_of(resnet("resnet50"), ("res2a", "bn2a", "res2b", "bn2b"))
    )
    assert [blocks.get_layer(f"res2{block}_out").name for block in "ab"] == [
        "res2a_out",
        "res2b_out",
    ]
    assert all(stage_of_layer(Config(), name) == 2 for name in weights_of(blocks, ""))


def test_conv_block_strides_and_identity_block_keeps_the_size(blocks):
    assert blocks.get_layer("res2a_out").output.shape == (
        None,
        8,
        6,
        16,
    ) and blocks.output.shape == (None, 8, 6, 16)


def test_a_bias_is_left_out_on_request(blocks):
    assert (
        blocks.get_layer("res2a_branch2b").use_bias
        and not blocks.get_layer("res2b_branch2b").use_bias
    )


@pytest.mark.slow
def test_blocks_are_those_of_the_librarys_resnet():
    """With the same weights, stage 2 of ResNet-50 built from blocks computes the same."""
    whole = resnet("resnet50")
    image = keras.Input((16, 16, 64))
    x = conv_block(image, 3, [64, 64, 256], stage=2, block="a", strides=(1, 1), train_bn=False)
    for block in "bc":
        x = identity_block(x, 3, [64, 64, 256], stage=2, block=block, train_bn=False)
    built = keras.Model(image, x)
    for name in weights_of(built, ""):
        built.get_layer(name).set_weights(whole.get_layer(name).get_weights())
    stage = keras.Model(
        whole.get_layer("max_pooling2d").output, whole.get_layer("res2c_out").output
    )
    features = np.random.default_rng(0).normal(size=(1, 16, 16, 64)).astype(np.float32)
    np.testing.assert_allclose(built(features), stage(features), rtol=1e-5, atol=1e-5)
    assert float(ops.max(built(features))) > 0


def test_sizes_of_the_levels_are_rounded_up():
    assert compute_backbone_shapes(Config(), (500, 333, 3)).tolist() == [
        [125, 84],
        [63, 42],
        [32, 21],
        [16, 11],
        [8, 6],
    ]


def test_a_callable_backbone_may_bring_its_own_rule():
    own = Config.from_dict(
        {
            "BACKBONE": lambda config: None,
            "COMPUTE_BACKBONE_SHAPE": staticmethod(lambda shape: [[shape[0] // 8] * 2]),
        }
    )
    assert compute_backbone_shapes(own, (64, 64, 3)).tolist() == [[8, 8]]
    without = Config.from_dict({"BACKBONE": lambda config: None})
    assert compute_backbone_shapes(without, (64, 64, 3))[0].tolist() == [16, 16]


@pytest.mark.parametrize(
    ("arguments", "learns"),
    [
        ({}, True),
        ({"training": None}, True),
        ({"training": True}, True),
        ({"training": False}, False),
    ],
)
def test_statistics_are_learned_unless_the_first_call_says_no(arguments, learns):
    layer = BatchNorm(name="bn")
    image = keras.Input((3,))
    model = keras.Model(image, layer(image, **arguments))
    model(np.full((4, 3), 5.0), training=True)
    assert np.any(np.asarray(layer.moving_mean)) == learns
    before = np.asarray(layer.moving_mean)
    model(np.full((4, 3), 9.0), training=False)  # in use nothing is learned
    np.testing.assert_array_equal(layer.moving_mean, before)


def test_it_is_the_librarys_layer():
    layer = BatchNorm(name="bn")
    assert isinstance(layer, normalization.BatchNorm) and layer.epsilon == 1e-3
