"""What every backbone promises, in one set of tests; a new one joins CHANNELS."""

import keras
import numpy as np
import pytest

from mrcnn.inference.compiled import compiled
from mrcnn.modeling.build import BACKBONES, build_detector
from mrcnn.training.trainable_layers import set_trainable
from mrcnn.weights.layer_files import load_weights, save_weights, weight_layers

CHANNELS = {
    "resnet50": (256, 512, 1024, 2048),
    "resnet101": (256, 512, 1024, 2048),
    "resnext50_32x4d": (256, 512, 1024, 2048),
    "resnext101_32x8d": (256, 512, 1024, 2048),
    "efficientnet_lite0": (24, 40, 112, 320),
    "efficientnet_lite2": (24, 48, 120, 352),
    "efficientnet_b0": (24, 40, 112, 320),
    "efficientnet_b1": (24, 40, 112, 320),
    "efficientnet_b2": (24, 48, 120, 352),
    "efficientnet_b3": (32, 48, 136, 384),
    "efficientnet_b4": (32, 56, 160, 448),
    "efficientnetv2_b0": (32, 48, 112, 192),
    "efficientnetv2_b1": (32, 48, 112, 192),
    "efficientnetv2_b2": (32, 56, 120, 208),
    "efficientnetv2_b3": (40, 56, 136, 232),
    "efficientnetv2_s": (48, 64, 160, 256),
    "convnext_tiny": (96, 192, 384, 768),
    "convnext_small": (96, 192, 384, 768),
    "convnext_base": (128, 256, 512, 1024),
    "mobilenetv3_large": (24, 40, 112, 160),
    "mobilenetv3_small": (16, 24, 48, 96),
}
# The other families have their own tests beside this file; here they take seconds each.
MARKS = {name: [pytest.mark.full] for name in CHANNELS}
MARKS |= {"resnet50": [pytest.mark.slow], "efficientnet_lite0": []}
# One of each file is built into a whole detector.
WHOLE = ["resnet50", "resnext50_32x4d", "efficientnet_lite0", "efficientnet_b0"]
WHOLE += ["convnext_tiny", "mobilenetv3_small"]


class OneHead(keras.Model):
    """The least that has a backbone and a head."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.head = backbone, keras.layers.Dense(1, name="head")
        self.head.build((None, 1))
        self.built = True


@pytest.fixture(
    scope="module",
    # Tests of one backbone go to the same process, which builds it once.
    params=[
        pytest.param(name, marks=[*MARKS[name], pytest.mark.xdist_group(name)]) for name in CHANNELS
    ],
)
def config_and_detector(request, plain_config):
    name, config = request.param, plain_config(BACKBONE=request.param)
    return config, build_detector(config) if name in WHOLE else OneHead(BACKBONES[name](name))


@pytest.fixture
def config(config_and_detector):
    return config_and_detector[0]


@pytest.fixture
def detector(config_and_detector):
    return config_and_detector[1]


def test_every_backbone_is_tested():
    assert set(BACKBONES) - {"plain"} == set(CHANNELS)


def test_features_come_at_strides_4_to_32_with_the_known_channels(config, detector):
    features = detector.backbone(keras.KerasTensor((1, 64, 128, 3)))
    expected = [
        (1, 64 // stride, 128 // stride, c)
        for stride, c in zip((4, 8, 16, 32), CHANNELS[config.BACKBONE])
    ]
    assert [tuple(f.shape) for f in features] == expected


@pytest.mark.slow
def test_frozen_normalisation_makes_training_and_inference_alike(detector, rng):
    image = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    for training, inference in zip(
        detector.backbone(image, training=True), detector.backbone(image, training=False)
    ):
        np.testing.assert_array_equal(training, inference)


def test_layers_with_weights_bear_unique_names(detector):
    names = weight_layers(detector)  # raises if two are alike
    assert sum(len(layer.weights) for layer in names.values()) == len(
        [w for w in detector.weights if "loss" not in w.path]
    )


@pytest.mark.parametrize(
    ("layers", "frozen_up_to"), [("all", None), ("3+", 2), ("4+", 3), ("5+", 4), ("heads", 5)]
)
def test_a_stage_is_what_its_feature_map_adds(config, detector, layers, frozen_up_to):
    """What C4 is computed from belongs to stages 1 to 4, so "5+" leaves exactly that out."""
    chosen = set(set_trainable(detector, config, layers))
    frozen = set()
    if frozen_up_to:
        known = keras.Model(detector.backbone.input, detector.backbone.outputs[frozen_up_to - 2])
        frozen = {layer.name for layer in known.layers if layer.weights}
        assert frozen
    assert chosen == set(weight_layers(detector)) - frozen
    set_trainable(detector, config, "all")


@pytest.mark.slow
def test_weights_survive_saving_and_loading(detector, tmp_path):
    save_weights(detector, tmp_path / "w.h5")
    before = {
        name: [w.numpy() for w in layer.weights] for name, layer in weight_layers(detector).items()
    }
    for layer in weight_layers(detector).values():
        for weight in layer.weights:
            weight.assign(weight + 1)
    report = load_weights(detector, tmp_path / "w.h5")
    assert (
        set(report.loaded) == set(before) and not report.only_in_file and not report.only_in_model
    )
    for name, layer in weight_layers(detector).items():
        for weight, value in zip(layer.weights, before[name]):
            np.testing.assert_array_equal(weight, value)


# ResNet-50 and Lite0 are compiled in tests of the detector.
@pytest.mark.full
@pytest.mark.parametrize(
    "name",
    [
        "resnext50_32x4d",
        "efficientnet_b0",
        "efficientnetv2_b0",
        "convnext_tiny",
        "mobilenetv3_small",
    ],
)
def test_xla_computes_the_same(name, rng):
    backbone = BACKBONES[name](name)
    image = rng.normal(size=(1, 64, 64, 3)).astype(np.float32)
    for compiled_map, feature_map in zip(
        compiled(backbone, backbone, xla=True)(image), backbone(image), strict=True
    ):
        np.testing.assert_allclose(compiled_map, feature_map, atol=1e-4 * np.abs(feature_map).max())
