import functools

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.inference.compiled import compiled
from mrcnn.modeling import build
from mrcnn.modeling.build import build_detector, stage_of_layer
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.weights.layer_files import load_weights, save_weights


@pytest.mark.slow
def test_a_built_detector_has_all_its_weights(plain_config, plain_detector, batch_of):
    before = len(plain_detector.weights)
    plain_detector(batch_of(plain_config()), training=True)
    assert before == len(plain_detector.weights) > 30


def test_an_unknown_backbone_is_refused_with_the_list_of_those_there_are(plain_config):
    with pytest.raises(ValueError, match="efficientnet_lite0.*resnet50.*Got 'vgg16'"):
        build_detector(plain_config(BACKBONE="vgg16"))


def strided(image, stage5, train_bn):
    """A backbone as Matterport's configurations hand it in: C1 to C5 at strides 2 to 32."""
    features = []
    for i in range(1, 6):
        image = keras.layers.Conv2D(4 * i, 3, 2, "same", name=f"mine{i}")(image)
        features.append(image)
    return features


class Strided:
    """The same as an object, which has no __name__."""

    def __init__(self, levels=5):
        self.levels = levels

    def __call__(self, image, stage5, train_bn):
        return strided(image, stage5, train_bn)[: self.levels]


def shapes(image_shape):
    """The sizes of P2 to P6, as Matterport's configurations tell them."""
    return np.array([[image_shape[0] // s, image_shape[1] // s] for s in (4, 8, 16, 32, 64)])


@pytest.mark.parametrize(
    "given",
    [
        strided,
        staticmethod(strided),
        lambda image, **how: strided(image, **how),
        Strided(),
        functools.partial(strided),
    ],
    ids=["function", "staticmethod", "lambda", "object", "partial"],
)
def test_a_backbone_may_be_a_function_of_the_image(plain_config, given):
    backbone = build._backbone(plain_config(BACKBONE=given, COMPUTE_BACKBONE_SHAPE=shapes))
    assert [shape[-1] for shape in backbone.output_shape] == [8, 12, 16, 20]


@pytest.mark.slow
def test_a_backbone_may_be_set_on_the_config_before_a_model_is_built(plain_config):
    config = plain_config()
    config.BACKBONE = strided
    assert [shape[-1] for shape in build_detector(config).backbone.output_shape] == [8, 12, 16, 20]


@pytest.mark.slow
def test_a_backbone_without_a_name_runs_in_a_graph(plain_config):
    backbone = build._backbone(plain_config(BACKBONE=lambda image, **how: strided(image, **how)))
    features = compiled(backbone, backbone, xla=False)(np.zeros((1, 64, 64, 3), np.float32))
    assert [f.shape[1] for f in features] == [16, 8, 4, 2]


@pytest.mark.slow
def test_the_name_of_a_stored_callable_is_refused_with_what_to_give_again(plain_config):
    stored = plain_config(BACKBONE=strided, COMPUTE_BACKBONE_SHAPE=shapes).to_dict()
    with pytest.raises(
        ValueError, match=r"Got 'strided'.*only a callable's name.*BACKBONE=my_function"
    ):
        build_detector(Config.from_dict(stored))
    assert build._backbone(Config.from_dict(stored | {"BACKBONE": strided})).get_layer("mine5")


@pytest.mark.slow
def test_without_a_neck_only_the_shape_of_c4_is_compared(plain_config):
    settings = {"NECK": "none", "BACKBONE": strided}
    for right in (shapes, lambda image_shape: shapes(image_shape)[2:3]):
        detector = build_detector(plain_config(**settings, COMPUTE_BACKBONE_SHAPE=right))
        assert [shape[-1] for shape in detector.backbone.output_shape] == [8, 12, 16]
    with pytest.raises(ValueError, match=r"\[\(2, 2\)\].*BACKBONE_STRIDES \(16,\).*\[\(4, 4\)\]"):
        build_detector(
            plain_config(
                **settings, COMPUTE_BACKBONE_SHAPE=lambda image_shape: shapes(image_shape)[1:]
            )
        )


def test_feature_shapes_that_contradict_the_strides_are_refused(plain_config):
    with pytest.raises(ValueError, match=r"\(32, 32\).*BACKBONE_STRIDES.*\(16, 16\)"):
        build_detector(
            plain_config(BACKBONE=strided, COMPUTE_BACKBONE_SHAPE=lambda shape: [[32, 32]])
        )


@pytest.mark.parametrize(
    "given",
    [
        Strided(levels=3),
        functools.partial(Strided(levels=3)),
        lambda image, **how: strided(image, **how)[:3],
    ],
    ids=["object", "partial", "lambda"],
)
def test_a_backbone_of_too_few_levels_is_refused(plain_config, given):
    with pytest.raises(ValueError, match="C1 to C5.*returned 3"):
        build_detector(plain_config(BACKBONE=given))


class Builder(RoIHead):
    """A head that makes its weights when it learns the shape of its inputs, as Keras' own layers
    do.
    """

    def __init__(self, reads):
        super().__init__(name=f"mrcnn_{reads}")
        self.reads = reads

    def build(self, input_shape):
        self.weight = self.add_weight(shape=input_shape[2:], name="weight")

    def call(self, inputs, training=False):
        return {"scores": keras.ops.sum(inputs * self.weight, axis=-1)}


@pytest.mark.slow
@pytest.mark.parametrize("mixed", [False, True])
def test_a_head_may_make_its_weights_in_build(plain_config, mixed):
    heads = [lambda: Builder("pooled"), lambda: Builder("box_features")]
    detector = build_detector(plain_config(MIXED_PRECISION=mixed), heads)
    found = {
        weight.path: tuple(weight.shape) for weight in detector.weights if weight.name == "weight"
    }
    assert found == {"mrcnn_pooled/weight": (7, 7, 16), "mrcnn_box_features/weight": (32,)}


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "layers"), [("se", 2), ("cbam", 3)])
def test_fresh_gates_change_no_detection_and_come_back_from_a_file(
    plain_config, plain_detector, gate, layers, batch_of, tmp_path
):
    gated = build_detector(plain_config(NECK_GATE=gate))
    save_weights(plain_detector, tmp_path / "without.h5")
    report = load_weights(gated, tmp_path / "without.h5")
    assert len(report.only_in_model) == 4 * layers and not report.only_in_file
    inputs = {
        name: column
        for name, column in batch_of(plain_config()).items()
        if name in ("images", "windows")
    }
    np.testing.assert_array_equal(gated(inputs)["boxes"], plain_detector(inputs)["boxes"])
    gated.neck.attention["p2"].expand.bias.assign(np.ones(16))
    save_weights(gated, tmp_path / "gated.h5")
    gated.neck.attention["p2"].expand.bias.assign(np.zeros(16))
    assert not load_weights(gated, tmp_path / "gated.h5").only_in_model
    assert np.asarray(gated.neck.attention["p2"].expand.bias).all()


@pytest.mark.slow
def test_mixed_precision_ends_with_the_model(plain_config):
    before = keras.config.dtype_policy().name
    detector = build_detector(plain_config(MIXED_PRECISION=True))
    assert keras.config.dtype_policy().name == before
    assert detector.neck.compute_dtype == "bfloat16" and detector.neck.variable_dtype == "float32"


def test_a_failed_build_leaves_the_precision_as_it_was(plain_config):
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError):
        build_detector(plain_config(MIXED_PRECISION=True, BACKBONE="vgg16"))
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("positive_ratio", "rows"), [(0.33, 5), (0.0, 1), (1.0, 16)])
def test_at_least_one_roi_may_be_positive(plain_config, positive_ratio, rows):
    settings = build.settings_of(plain_config(ROI_POSITIVE_RATIO=positive_ratio))
    assert settings.roi_sampling.max_positives == rows


def test_stages_are_those_of_the_configs_backbone(plain_config):
    lite = plain_config(BACKBONE="efficientnet_lite0")
    assert stage_of_layer(lite, "stem_conv") == 1 and stage_of_layer(lite, "res4a_branch2a") is None
    assert stage_of_layer(plain_config(BACKBONE="resnet50"), "res4a_branch2a") == 4
    assert stage_of_layer(plain_config(BACKBONE="resnet50"), "fpn_p5") is None
    assert stage_of_layer(plain_config(BACKBONE="resnext101_32x8d"), "res4w_branch2b") == 4
    assert stage_of_layer(plain_config(BACKBONE="efficientnetv2_s"), "block6o_dwconv2") == 5
    assert stage_of_layer(plain_config(BACKBONE="efficientnet_b4"), "block5a_dwconv") == 4


@pytest.mark.slow
@pytest.mark.parametrize("backbone", ["plain", "efficientnet_lite0"])
def test_channels_come_last_whatever_keras_is_told(
    plain_config, batch_of, channels_first, backbone
):
    config = plain_config(BACKBONE=backbone, NECK_GATE="cbam")
    detector = build_detector(config)
    assert keras.config.image_data_format() == "channels_first"
    inputs = batch_of(config)
    outputs = detector(inputs, training=True)
    assert np.isfinite(float(detector.compute_loss(x=inputs, y_pred=outputs)))
    assert detector({name: inputs[name] for name in ("images", "windows")})["boxes"].shape[-1] == 4


@pytest.mark.slow
def test_weights_of_losses_that_no_part_has_are_refused_or_warned_of(plain_config, caplog):
    class Depth(RoIHead):
        reads, loss_names = "box_features", ("mrcnn_depth_loss",)

        def __init__(self):
            super().__init__(name="depth")
            self.layer = keras.layers.Dense(1, name="mrcnn_depth")

        def call(self, inputs):
            return {"depth": self.layer(inputs)}

    with pytest.raises(ValueError, match="'mrcnn_dept_loss'. Did you mean 'mrcnn_depth_loss'"):
        build_detector(plain_config(LOSS_WEIGHTS={"mrcnn_dept_loss": 2.0}), [Depth])
    build_detector(plain_config(LOSS_WEIGHTS={"mrcnn_depth_loss": 2.0}), [Depth])
    assert not caplog.records
    build_detector(plain_config(LOSS_WEIGHTS={"orientation": 2.0}), [Depth])
    assert "'orientation', and no part of this model has such a loss" in caplog.text
