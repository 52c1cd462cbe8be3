"""ConvNeXt and MobileNetV3 compute what keras.applications' networks compute on the same photo."""

import h5py
import keras
import numpy as np
import pytest
from keras import ops
from keras.src.legacy.saving import legacy_h5_format

from mrcnn.config import Config
from mrcnn.data.resize import normalise
from mrcnn.modeling.backbones import convnext, mobilenet_v3, pretrained
from mrcnn.modeling.backbones.pretrained import load_file, load_imagenet
from mrcnn.modeling.build import BACKBONES, stage_of_layer
from mrcnn.modeling.convolutions import ChannelwiseConv2D
from mrcnn.modeling.normalization import BatchNorm
from mrcnn.training.optimizers import rate_factor
from mrcnn.weights.layer_files import own_weights, weight_layers

NAMES = ["convnext_tiny", "mobilenetv3_large", "mobilenetv3_small"]
# The layer whose output each feature map is; ConvNeXts are normalised behind it.
C2_TO_C5 = {
    "convnext_tiny": [f"stage_{stage}_block_{last}" for stage, last in enumerate((2, 2, 8, 2))],
    "mobilenetv3_large": [
        "expanded_conv_2_add",
        "expanded_conv_5_add",
        "expanded_conv_11_add",
        "expanded_conv_14_add",
    ],
    "mobilenetv3_small": [
        "expanded_conv_project_bn",
        "expanded_conv_2_add",
        "expanded_conv_7_add",
        "expanded_conv_10_add",
    ],
}


class Whole(keras.Model):
    """A backbone alone, as a model that has one."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.built = True


def published(name, **options):
    """Keras' network with weights as of a trained one: no norm is trivial, no block nearly 0."""
    rng = np.random.default_rng(7)
    build = getattr(keras.applications, pretrained.APPLICATIONS[name])
    network = build(**({"weights": None, "include_top": False} | options))
    for layer in weight_layers(network).values():
        for weight in own_weights(layer):
            kind = weight.path.rsplit("/", 1)[-1]
            if "layer_scale" in weight.path:
                weight.assign(rng.uniform(0.2, 0.8, weight.shape))
            elif kind in ("gamma", "moving_variance"):
                weight.assign(rng.uniform(0.5, 1.5, weight.shape))
            elif kind in ("beta", "bias", "moving_mean"):
                weight.assign(rng.normal(0, 0.1, weight.shape))
    return network


def outputs_of(network, name):
    if name.startswith("mobilenet"):
        return [network.get_layer(layer).output for layer in C2_TO_C5[name]]
    # The block ends in an addition, which the next stage or the last normalisation reads.
    last = [network.get_layer(f"{name}_downsampling_block_{i}").input for i in range(3)]
    return [*last, network.layers[-1].input]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_feature_map_of_a_photo_is_that_of_keras_network(name, monkeypatch, rng):
    """Through the loader of ImageNet weights, with a download that has happened."""
    theirs = published(name, input_shape=(64, 96, 3))
    application = pretrained.APPLICATIONS[name]
    asked = []

    def downloaded(**options):
        asked.append(options)
        return theirs

    monkeypatch.setattr(keras.applications, application, downloaded)
    ours = BACKBONES[name](name)
    report = load_imagenet(Whole(ours), name)
    assert asked == [{"include_top": False, "weights": "imagenet"}]
    assert not report.only_in_model and not report.only_in_file
    photo = rng.integers(0, 256, (1, 64, 96, 3)).astype(np.float32)
    config = type("Mine", (Config,), {"BACKBONE": name})()
    found = ours(normalise(photo, config.MEAN_PIXEL, config.PIXEL_STD))
    expected = keras.Model(theirs.input, outputs_of(theirs, name))(photo)
    for mine, wanted in zip(found, expected, strict=True):
        wanted = np.asarray(wanted)
        if name.startswith("convnext"):
            wanted = wanted - wanted.mean(axis=-1, keepdims=True)
            wanted = wanted / np.sqrt((wanted**2).mean(axis=-1, keepdims=True) + 1e-6)
        np.testing.assert_allclose(mine, wanted, atol=2e-4 * np.abs(wanted).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_keras_network_is_read_by_layer(name, tmp_path):
    theirs, ours = published(name), BACKBONES[name](name)
    with h5py.File(tmp_path / "notop.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, theirs)
    report = load_file(Whole(ours), tmp_path / "notop.h5")
    assert not report.only_in_model
    for layer, found in weight_layers(ours).items():
        expected = own_weights(weight_layers(theirs)[layer])
        for mine, wanted in zip(own_weights(found), expected, strict=True):
            np.testing.assert_array_equal(mine, wanted)


@pytest.mark.parametrize(
    ("name", "layer", "stage"),
    [
        ("convnext_tiny", "convnext_tiny_stem_conv", 1),
        ("convnext_tiny", "convnext_tiny_stage_0_block_2_layer_scale", 2),
        ("convnext_small", "convnext_small_downsampling_layernorm_0", 3),
        ("convnext_base", "convnext_base_stage_2_block_26_pointwise_conv_2", 4),
        ("convnext_tiny", "convnext_tiny_downsampling_conv_2", 5),
        ("convnext_tiny", "convnext_tiny_prestem_normalization", None),
        ("convnext_tiny", "layer_normalization", None),
        ("convnext_tiny", "mrcnn_mask", None),
        ("mobilenetv3_large", "conv_bn", 1),
        ("mobilenetv3_large", "expanded_conv_project", 1),
        ("mobilenetv3_small", "expanded_conv_project", 2),
        ("mobilenetv3_large", "expanded_conv_2_expand_bn", 2),
        ("mobilenetv3_large", "expanded_conv_11_squeeze_excite_conv_1", 4),
        ("mobilenetv3_small", "expanded_conv_8_depthwise", 5),
        ("mobilenetv3_small", "conv_1", None),
        ("mobilenetv3_small", "conv_1_bn", None),
        ("mobilenetv3_small", "fpn_p2", None),
    ],
)
def test_the_stage_decides_what_is_frozen_and_how_fast_a_layer_learns(name, layer, stage):
    config = type("Mine", (Config,), {"BACKBONE": name, "LAYER_DECAY": 0.5})()
    assert stage_of_layer(config, layer) == stage
    expected = 1.0 if stage is None else 0.5 ** (6 - stage)
    assert rate_factor(config, f"{layer}/kernel") == expected


@pytest.mark.slow
def test_only_batch_normalisation_has_statistics_and_nothing_is_dropped():
    small = mobilenet_v3.mobilenet_v3("mobilenetv3_small", update_statistics=True)
    norms = [layer for layer in small.layers if isinstance(layer, BatchNorm)]
    assert {(n.update_statistics, n.momentum, n.epsilon) for n in norms} == {(True, 0.999, 1e-3)}
    tiny = convnext.convnext("convnext_tiny", update_statistics=True)
    assert not tiny.non_trainable_weights
    outputs = [layer for layer in tiny.layers if "output_norm" in layer.name]
    assert len(outputs) == 4 and not any(layer.weights for layer in outputs)


@pytest.mark.slow
def test_a_channelwise_convolution_is_one_in_groups_of_a_channel(rng):
    ours = ChannelwiseConv2D(6, 7, padding="same", name="a")
    theirs = keras.layers.Conv2D(6, 7, padding="same", groups=6, name="b")
    inputs = ops.convert_to_tensor(rng.normal(size=(2, 9, 8, 6)).astype(np.float32))
    ours(inputs), theirs(inputs)
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    theirs.set_weights([rng.normal(size=w.shape) for w in ours.get_weights()])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-4)
    again = ChannelwiseConv2D.from_config(ours.get_config())
    assert again.groups == again.filters == 6 and again.get_config() == ours.get_config()
