import pytest

from mrcnn.modeling.backbones.resnet import resnet, stage_of


@pytest.fixture(scope="module")
def resnet50():
    return resnet("resnet50")


def test_there_are_as_many_weights_as_in_keras_applications(resnet50):
    assert resnet50.count_params() == 23_587_712  # ResNet50(include_top=False)


@pytest.mark.slow
def test_resnet101_has_as_many_weights_as_in_keras_applications():
    assert resnet("resnet101").count_params() == 42_658_176


def test_layers_bear_matterports_names(resnet50):
    names = {layer.name for layer in resnet50.layers}
    assert {
        "conv1",
        "bn_conv1",
        "res2a_branch1",
        "bn2a_branch1",
        "res2c_branch2c",
        "res4f_branch2b",
        "bn5c_branch2c",
    } <= names
    assert "res4g_branch2a" not in names


def test_only_a_stages_first_block_strides_and_in_its_first_convolution(resnet50):
    strided = [
        layer.name
        for layer in resnet50.layers
        if layer.name.startswith("res") and getattr(layer, "strides", (1,))[0] == 2
    ]
    assert sorted(strided) == sorted(f"res{s}a_branch{b}" for s in (3, 4, 5) for b in ("2a", "1"))


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("conv1", 1),
        ("bn_conv1", 1),
        ("res2a_branch2a", 2),
        ("bn4w_branch2c", 4),
        ("res5c_branch2c", 5),
        ("rpn_conv_shared", None),
        ("fpn_c5p5", None),
    ],
)
def test_the_stage_is_in_the_name(name, stage):
    assert stage_of(name) == stage
