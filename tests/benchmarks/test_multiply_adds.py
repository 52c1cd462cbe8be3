"""Facts about the counted multiply-adds, against published figures and by hand."""

import keras
import pytest

from benchmarks.multiply_adds import (
    attribute_macs,
    backbone_macs,
    box_head_macs,
    fpn_macs,
    inference_macs,
    mask_head_macs,
    rpn_macs,
    training_macs,
)
from fashion.config import FashionConfig
from mrcnn.modeling.backbones.convnext import convnext
from mrcnn.modeling.backbones.efficientnet import efficientnet
from mrcnn.modeling.backbones.mobilenet_v3 import mobilenet_v3
from mrcnn.modeling.backbones.resnet import resnet
from mrcnn.modeling.backbones.resnext import resnext
from mrcnn.modeling.convolutions import GroupedConv2D

GIGA = 1e9


@pytest.fixture(scope="module")
def backbone():
    return resnet("resnet50")


@pytest.fixture(scope="module")
def config():
    return FashionConfig.from_dict({"ATTRIBUTE_HEAD": "linear"})


def test_a_convolution_is_counted_by_hand():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(8, 3, 2, "same")(image)  # 4 x 5 cells, 27 x 8 weights
    model = keras.Model(
        image, keras.layers.DepthwiseConv2D(5, padding="same")(x)
    )  # 4 x 5 cells, 25 x 8 weights
    assert backbone_macs(model, (8, 10)) == 20 * 27 * 8 + 20 * 25 * 8


def test_a_grouped_convolution_is_counted_by_hand():
    image = keras.Input((None, None, 8))
    model = keras.Model(
        image, GroupedConv2D(12, 3, groups=4)(image)
    )  # 6 x 8 cells, 9 x 2 weights for each of 12 filters
    assert backbone_macs(model, (8, 10)) == 48 * 9 * 2 * 12


@pytest.mark.slow
def test_resnext50_costs_what_torchvision_says():
    """4.23e9, of which 2048 * 1000 are the classifier's."""
    assert backbone_macs(resnext("resnext50_32x4d"), (224, 224)) / GIGA == pytest.approx(
        4.23 - 0.002, abs=0.005
    )


@pytest.mark.slow
def test_efficientnet_b0_costs_what_its_paper_says():
    """Tan and Le 2019, table 2: 0.39e9; 49 cells of 320 * 1280 and 1280 * 1000 of them lie behind
    C5.
    """
    behind = 49 * 320 * 1280 + 1280 * 1000
    assert (
        backbone_macs(efficientnet("efficientnet_b0"), (224, 224)) + behind
    ) / GIGA == pytest.approx(0.39, abs=0.005)


@pytest.mark.slow
def test_convnext_and_mobilenetv3_cost_what_their_papers_say():
    """Liu et al. 2022, table 1: 4.5e9. Howard et al. 2019, table 3: 219e6 and 56e6, with a
    convolution to six times the channels and two dense layers behind C5.
    """
    tiny = backbone_macs(convnext("convnext_tiny"), (224, 224)) + 768 * 1000
    assert tiny / GIGA == pytest.approx(4.5, abs=0.05)
    for size, channels, hidden, expected in (("large", 160, 1280, 219), ("small", 96, 1024, 56)):
        behind = 49 * channels * 6 * channels + 6 * channels * hidden + hidden * 1000
        found = backbone_macs(mobilenet_v3(f"mobilenetv3_{size}"), (224, 224)) + behind
        assert found / 1e6 == pytest.approx(expected, rel=0.03)


def test_a_cascade_and_refined_masks_are_counted_by_hand():
    settings = {
        "FPN_CLASSIF_FC_LAYERS_SIZE": 5,
        "POOL_SIZE": 2,
        "TOP_DOWN_PYRAMID_SIZE": 3,
        "NUM_CLASSES": 4,
        "MASK_CHANNELS": 8,
    }
    config = FashionConfig.from_dict(settings)
    hidden = 4 * 3 * 5 + 5 * 5
    first, later = hidden + 5 * 4 + 5 * 16, hidden + 5 * 4 + 5 * 4
    assert box_head_macs(config, 7, stages=3) == 7 * (first + 2 * later)
    fine = FashionConfig.from_dict(settings | {"MASK_SHAPE": [56, 56]})
    added = mask_head_macs(fine, 1) - mask_head_macs(config, 1)
    assert added == 28 * 28 * (8 * 4 * 2 + 4 * 2)  # four cells of 2 channels, and one mask
    default = FashionConfig.from_dict({"MASK_SHAPE": [56, 56]})
    coarse = mask_head_macs(FashionConfig(), 1)
    assert (mask_head_macs(default, 1) - coarse) / coarse == pytest.approx(0.1, abs=0.005)


def test_without_a_pyramid_c4_alone_is_read_with_five_times_the_anchors_a_cell(config):
    single = FashionConfig.from_dict({"NECK": "none"})
    assert fpn_macs(single, (256, 512, 1024)) == 32 * 32 * (1024 * 256 + 9 * 256 * 256)
    assert rpn_macs(single) == 32 * 32 * (9 * 256 * 512 + 512 * 6 * 15)


def test_resnet50_costs_what_its_paper_says(backbone):
    """He et al. 2015, table 1: 3.8e9, the stride in the first 1x1 convolution of a stage."""
    assert backbone_macs(backbone, (224, 224)) / GIGA == pytest.approx(3.86, abs=0.01)


def test_resnet50_with_the_stride_in_its_3x3_convolution_costs_the_21_4_that_others_report(
    backbone,
):
    """That variant runs the first 1x1 convolution of stages 3 to 5 on four times the cells; 512 x
    512 pixels.
    """
    extra = sum(
        3 * (512 // stride) ** 2 * channels * channels // 2
        for stride, channels in ((8, 256), (16, 512), (32, 1024))
    )
    assert (backbone_macs(backbone, (512, 512)) + extra) / GIGA == pytest.approx(21.4, abs=0.05)


def test_the_parts_at_512_pixels_cost_the_published_figures(config):
    """Feature Pyramid Networks' head on ResNet-50, Matterport's RPN of 512 channels, 46 classes,
    294 attributes.
    """
    assert config.image_hw == (512, 512) and config.RPN_CHANNELS == 512
    assert fpn_macs(config, (256, 512, 1024, 2048)) / GIGA == pytest.approx(14.8, abs=0.05)
    assert rpn_macs(config) / GIGA == pytest.approx(25.9, abs=0.06)
    assert (
        box_head_macs(config, 1000) + attribute_macs(config, 1000, 294)
    ) / GIGA == pytest.approx(14.4, abs=0.05)
    of_other_classes = (
        100 * 14 * 14 * 4 * 256 * 46
    )  # which the published figure has and we leave out
    assert (mask_head_macs(config, 100) + of_other_classes) / GIGA == pytest.approx(52.3, abs=0.05)


def test_arithmetic_grows_with_the_area_but_for_the_rois(config, backbone):
    class Large(FashionConfig):
        IMAGE_MIN_DIM = IMAGE_MAX_DIM = 1024

    small, large = (inference_macs(c, backbone, described=100) for c in (config, Large()))
    assert (
        large["backbone"] == 4 * small["backbone"]
        and large["fpn"] == 4 * small["fpn"]
        and large["rpn"] == 4 * small["rpn"]
    )
    assert large["box"] == small["box"] and large["mask"] == small["mask"]


def test_only_positive_rois_cost_masks_in_training(config, backbone):
    assert training_macs(config, backbone)["mask"] == mask_head_macs(config, int(128 * 0.33))


def test_attributes_run_the_box_head_again_on_the_detections(config, backbone):
    without, with_them = (
        inference_macs(config, backbone, described=8, num_attributes=n) for n in (0, 294)
    )
    assert with_them["box"] - without["box"] == box_head_macs(config, 8)


def test_two_hidden_layers_of_an_attribute_head_are_counted_by_hand():
    config = FashionConfig.from_dict(
        {"ATTRIBUTE_HEAD": "mlp", "ATTRIBUTE_HIDDEN": 7, "FPN_CLASSIF_FC_LAYERS_SIZE": 5}
    )
    assert (
        attribute_macs(config, 2, 3) == 2 * (5 * 7 + 7 * 7 + 7 * 3)
        and attribute_macs(config, 2, 0) == 0
    )


def test_outputs_of_each_class_are_counted_and_heads_that_pool_for_themselves_refused():
    config = FashionConfig.from_dict(
        {"ATTRIBUTE_PER_CLASS": True, "NUM_CLASSES": 4, "FPN_CLASSIF_FC_LAYERS_SIZE": 5}
    )
    assert attribute_macs(config, 2, 3) == 2 * 5 * 3 * 4
    with pytest.raises(ValueError, match="known for linear and mlp. Got 'conv'"):
        attribute_macs(FashionConfig.from_dict({"ATTRIBUTE_HEAD": "conv"}), 2, 3)
