import keras
import pytest

from mrcnn.modeling.build import BACKBONES, build_detector, stage_of_layer


def test_a_built_detector_has_all_its_weights(plain_config, plain_detector, batch_of):
    before = len(plain_detector.weights)
    plain_detector(batch_of(plain_config()), training=True)
    assert before == len(plain_detector.weights) > 30


def test_an_unknown_backbone_is_refused_with_the_list_of_those_there_are(plain_config):
    with pytest.raises(ValueError, match="efficientnet_lite0.*resnet50.*Got 'vgg16'"):
        build_detector(plain_config(BACKBONE="vgg16"))


def test_a_backbone_may_be_any_function_from_a_config_to_a_model(plain_config):
    seen = []

    def mine(config):
        seen.append(config)
        return BACKBONES["plain"]("mine")
    config = plain_config(BACKBONE=staticmethod(mine))
    assert build_detector(config).backbone.output_shape[0][-1] == 8 and seen == [config]


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
