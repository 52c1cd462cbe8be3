import keras
import pytest

from mrcnn.modeling.build import build_detector, stage_of_layer


def test_a_built_detector_has_all_its_weights(tiny, tiny_detector, batch_of):
    before = len(tiny_detector.weights)
    tiny_detector(batch_of(tiny()), training=True)
    assert before == len(tiny_detector.weights) > 30


def test_an_unknown_backbone_is_refused_with_the_list_of_those_there_are(tiny):
    with pytest.raises(ValueError, match="efficientnet_lite0.*resnet50.*Got 'vgg16'"):
        build_detector(tiny(BACKBONE="vgg16"))


def test_a_backbone_may_be_any_function_from_a_config_to_a_model(tiny):
    seen = []

    def mine(config):
        seen.append(config)
        return tiny().BACKBONE(config)
    config = tiny(BACKBONE=staticmethod(mine))
    assert build_detector(config).backbone.output_shape[0][-1] == 8 and seen == [config]


def test_mixed_precision_ends_with_the_model(tiny):
    before = keras.config.dtype_policy().name
    detector = build_detector(tiny(MIXED_PRECISION=True))
    assert keras.config.dtype_policy().name == before
    assert detector.fpn.compute_dtype == "bfloat16" and detector.fpn.variable_dtype == "float32"


def test_a_failed_build_leaves_the_precision_as_it_was(tiny):
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError):
        build_detector(tiny(MIXED_PRECISION=True, BACKBONE="vgg16"))
    assert keras.config.dtype_policy().name == before


@pytest.mark.parametrize(("positive_ratio", "rows"), [(0.33, 7), (0.0, 1), (1.0, 24)])
def test_at_least_one_roi_may_be_positive(tiny, positive_ratio, rows):
    assert build_detector(tiny(ROI_POSITIVE_RATIO=positive_ratio)).settings.positive_rois == rows


def test_stages_are_those_of_the_configs_backbone(tiny):
    lite = tiny(BACKBONE="efficientnet_lite0")
    assert stage_of_layer(lite, "stem_conv") == 1 and stage_of_layer(lite, "res4a_branch2a") is None
    assert stage_of_layer(tiny(BACKBONE="resnet50"), "res4a_branch2a") == 4
    assert stage_of_layer(tiny(BACKBONE="resnet50"), "fpn_p5") is None
