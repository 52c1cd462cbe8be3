import keras
import numpy as np
import pytest

from mrcnn.modeling.build import build_detector, stage_of_layer
from mrcnn.modeling.weight_files import load_weights, save_weights


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


def test_a_backbone_may_be_a_function_of_the_image(plain_config):
    def shapes(image_shape):
        return np.array([[image_shape[0] // s, image_shape[1] // s] for s in (4, 8, 16, 32, 64)])
    detector = build_detector(plain_config(BACKBONE=staticmethod(strided), COMPUTE_BACKBONE_SHAPE=staticmethod(shapes)))
    assert [shape[-1] for shape in detector.backbone.output_shape] == [8, 12, 16, 20]


def test_feature_shapes_that_contradict_the_strides_are_refused(plain_config):
    with pytest.raises(ValueError, match=r"\(32, 32\).*BACKBONE_STRIDES.*\(16, 16\)"):
        build_detector(plain_config(BACKBONE=staticmethod(strided), COMPUTE_BACKBONE_SHAPE=staticmethod(lambda shape: [[32, 32]])))


def test_a_backbone_of_too_few_levels_is_refused(plain_config):
    with pytest.raises(ValueError, match="C1 to C5.*returned 3"):
        build_detector(plain_config(BACKBONE=staticmethod(lambda image, **_: strided(image, True, False)[:3])))


@pytest.mark.slow
@pytest.mark.parametrize(("gate", "layers"), [("se", 2), ("cbam", 3)])
def test_fresh_gates_change_no_detection_and_come_back_from_a_file(plain_config, plain_detector, gate, layers, batch_of, tmp_path):
    gated = build_detector(plain_config(NECK_GATE=gate))
    save_weights(plain_detector, tmp_path / "without.h5")
    report = load_weights(gated, tmp_path / "without.h5")
    assert len(report.only_in_model) == 4 * layers and not report.only_in_file
    inputs = {name: column for name, column in batch_of(plain_config()).items() if name in ("images", "windows")}
    np.testing.assert_array_equal(gated(inputs)["boxes"], plain_detector(inputs)["boxes"])
    gated.fpn.gates[2].expand.bias.assign(np.ones(16))
    save_weights(gated, tmp_path / "gated.h5")
    gated.fpn.gates[2].expand.bias.assign(np.zeros(16))
    assert not load_weights(gated, tmp_path / "gated.h5").only_in_model
    assert np.asarray(gated.fpn.gates[2].expand.bias).all()


def test_mixed_precision_ends_with_the_model(plain_config):
    before = keras.config.dtype_policy().name
    detector = build_detector(plain_config(MIXED_PRECISION=True))
    assert keras.config.dtype_policy().name == before
    assert detector.fpn.compute_dtype == "bfloat16" and detector.fpn.variable_dtype == "float32"


def test_a_failed_build_leaves_the_precision_as_it_was(plain_config):
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError):
        build_detector(plain_config(MIXED_PRECISION=True, BACKBONE="vgg16"))
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("positive_ratio", "rows"), [(0.33, 5), (0.0, 1), (1.0, 16)])
def test_at_least_one_roi_may_be_positive(plain_config, positive_ratio, rows):
    assert build_detector(plain_config(ROI_POSITIVE_RATIO=positive_ratio)).settings.positive_rois == rows


def test_stages_are_those_of_the_configs_backbone(plain_config):
    lite = plain_config(BACKBONE="efficientnet_lite0")
    assert stage_of_layer(lite, "stem_conv") == 1 and stage_of_layer(lite, "res4a_branch2a") is None
    assert stage_of_layer(plain_config(BACKBONE="resnet50"), "res4a_branch2a") == 4
    assert stage_of_layer(plain_config(BACKBONE="resnet50"), "fpn_p5") is None
    assert stage_of_layer(plain_config(BACKBONE="resnext101_32x8d"), "res4w_branch2b") == 4
    assert stage_of_layer(plain_config(BACKBONE="efficientnetv2_s"), "block6o_dwconv2") == 5
    assert stage_of_layer(plain_config(BACKBONE="efficientnet_b4"), "block5a_dwconv") == 4
