import numpy as np
import pytest

from mrcnn.modeling.backbones.efficientnet_lite import efficientnet_lite, stage_of

# Trainable weights of the published models, less a 1280-channel convolution, its normalisation, and
# 1000 classes.
PUBLISHED = {
    "efficientnet_lite0": 4_652_008 - 320 * 1280 - 2 * 1280 - 1281 * 1000,
    "efficientnet_lite2": 6_092_072 - 352 * 1280 - 2 * 1280 - 1281 * 1000,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_there_are_as_many_weights_as_in_the_published_model(name):
    assert (
        sum(np.prod(w.shape) for w in efficientnet_lite(name).trainable_weights) == PUBLISHED[name]
    )


@pytest.mark.slow
def test_blocks_are_counted_through():
    names = [layer.name for layer in efficientnet_lite("efficientnet_lite0").layers]
    assert {
        "stem_conv",
        "stem_bn",
        "block0_dw_conv",
        "block0_project_bn",
        "block15_expand_conv",
    } <= set(names)
    assert "block0_expand_conv" not in names and "block16_dw_conv" not in names


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("stem_bn", 1),
        ("block0_dw_conv", 1),
        ("block1_expand_conv", 2),
        ("block3_dw_bn", 3),
        ("block5_dw_conv", 4),
        ("block10_project_bn", 4),
        ("block11_dw_conv", 5),
        ("block15_dw_conv", 5),
        ("mrcnn_mask", None),
    ],
)
def test_the_stage_is_that_of_the_block(name, stage):
    assert stage_of(name, "efficientnet_lite0") == stage
