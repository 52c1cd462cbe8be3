"""Layer groups: which layers learn, by Matterport's names."""
import keras
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.modeling.weight_files import weight_layers
from mrcnn.training.layer_groups import set_trainable

BACKBONE = {1: {"conv1", "bn_conv1"}, **{s: {f"res{s}a_branch2a", f"bn{s}a_branch2a"} for s in (2, 3, 4, 5)}}


class Fresh(RoIHead):
    """A head of one's own, its layer called as one likes."""

    def __init__(self):
        super().__init__(name="fresh_head")
        self.dense = keras.layers.Dense(2, name="freshness")

    def call(self, inputs, training=False):
        return {"logits": self.dense(keras.ops.mean(inputs, axis=(2, 3)))}

    def describe(self, outputs, class_ids):
        return {"freshness": outputs["logits"]}


@pytest.fixture(scope="module")
def detector(plain_config):
    return build_detector(plain_config(), [Fresh()])


@pytest.mark.parametrize("layers, first", [("all", 1), ("3+", 3), ("4+", 4), ("5+", 5), ("heads", 6)])
def test_a_stage_and_all_behind_it_learn(detector, plain_config, layers, first):
    chosen = set(set_trainable(detector, plain_config(), layers))
    frozen = set().union(*(names for stage, names in BACKBONE.items() if stage < first))
    assert chosen == set(weight_layers(detector)) - frozen
    assert {name for name, layer in weight_layers(detector).items() if layer.trainable_weights} == chosen


def test_a_head_of_ones_own_learns_with_the_heads(detector, plain_config):
    assert "freshness" in set_trainable(detector, plain_config(), "heads")


def test_a_regular_expression_must_match_the_whole_name(detector, plain_config):
    assert set(set_trainable(detector, plain_config(), r"fpn_p\d|rpn_class")) == {"fpn_p2", "fpn_p3", "fpn_p4", "fpn_p5"}


def test_a_group_that_matches_nothing_is_refused(detector, plain_config):
    with pytest.raises(ValueError, match="'2\\+x' matches no layer.*'heads', '3\\+'"):
        set_trainable(detector, plain_config(), "2+x")


def test_names_are_matterports(detector):
    assert {"conv1", "res4a_branch2a", "fpn_c5p5", "fpn_p2", "rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred", "mrcnn_class_conv1",
            "mrcnn_class_bn1", "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask_conv1", "mrcnn_mask_deconv",
            "mrcnn_mask"} <= set(weight_layers(detector))


def test_two_layers_of_one_name_are_refused():
    same = [keras.layers.Dense(1, name="twin") for _ in range(2)]

    class Twins(keras.Model):
        def __init__(self):
            super().__init__()
            self.layers_of_mine = same

        def call(self, x):
            return same[1](same[0](x))

    model = Twins()
    model(keras.ops.zeros((1, 1)))
    with pytest.raises(ValueError, match="'twin'"):
        weight_layers(model)
