"""Layer groups: which layers learn, by Matterport's names."""

import keras
import pytest

from mrcnn.modeling.build import build_detector
from mrcnn.modeling.roi_head import RoIHead
from mrcnn.training.trainable_layers import set_trainable
from mrcnn.weights.layer_files import weight_layers

BACKBONE = {
    1: {"conv1", "bn_conv1"},
    **{s: {f"res{s}a_branch2a", f"bn{s}a_branch2a"} for s in (2, 3, 4, 5)},
}


class Fresh(RoIHead):
    """A head of one's own, its layer called as one likes."""

    def __init__(self):
        super().__init__(name="fresh_head")
        self.query = self.add_weight(shape=(16,), name="query")
        self.still = self.add_weight(shape=(16,), trainable=False, name="still")
        self.dense = keras.layers.Dense(2, name="freshness")

    def call(self, inputs, training=False):
        return {"logits": self.dense(keras.ops.mean(inputs * self.query + self.still, axis=(2, 3)))}

    def describe(self, outputs, class_ids):
        return {"freshness": outputs["logits"]}


@pytest.fixture(scope="module")
def detector(plain_config):
    return build_detector(plain_config(), [Fresh()])


@pytest.mark.parametrize(
    "layers, first", [("all", 1), ("3+", 3), ("4+", 4), ("5+", 5), ("heads", 6)]
)
def test_a_stage_and_all_behind_it_learn(detector, plain_config, layers, first):
    chosen = set(set_trainable(detector, plain_config(), layers))
    frozen = set().union(*(names for stage, names in BACKBONE.items() if stage < first))
    assert chosen == set(weight_layers(detector)) - frozen
    assert {
        name for name, layer in weight_layers(detector).items() if layer.trainable_weights
    } == chosen


def single_layers(image, stage5, train_bn):
    """A backbone under names that no family has; C3 and C5 have a branch of their own."""
    maps = []
    for stage, name in enumerate(("stem", "alpha", "beta", "gamma", "delta"), start=1):
        image = keras.layers.Conv2D(4, 3, 2, "same", name=name)(image)
        if stage in (3, 5):
            image = image + keras.layers.Conv2D(4, 1, name=f"{name}_branch")(image)
        maps.append(image)
    return maps


def model_inside(image, stage5, train_bn):
    """The same, as a functional model that is called as one layer."""
    inner = keras.Input((None, None, 3))
    return keras.Model(inner, single_layers(inner, stage5, train_bn))(image)


def stacks(image, stage5, train_bn):
    """The same layers, a Sequential for each stage."""
    maps = []
    for names in (
        ("stem",),
        ("alpha",),
        ("beta", "beta_branch"),
        ("gamma",),
        ("delta", "delta_branch"),
    ):
        convolutions = [
            keras.layers.Conv2D(4, 3, 1 if i else 2, "same", name=name)
            for i, name in enumerate(names)
        ]
        image = keras.Sequential(convolutions)(image)
        maps.append(image)
    return maps


FOREIGN = {
    1: {"stem"},
    2: {"alpha"},
    3: {"beta", "beta_branch"},
    4: {"gamma"},
    5: {"delta", "delta_branch"},
}


@pytest.mark.parametrize("backbone", [single_layers, model_inside, stacks])
def test_a_stage_of_a_callable_backbone_is_what_its_feature_map_adds(plain_config, backbone):
    config = plain_config(BACKBONE=backbone)
    detector = build_detector(config)
    for layers, first in (("all", 1), ("3+", 3), ("4+", 4), ("5+", 5), ("heads", 6)):
        chosen = set(set_trainable(detector, config, layers))
        assert chosen == set(weight_layers(detector)) - set().union(
            *(names for stage, names in FOREIGN.items() if stage < first)
        ), layers


@pytest.mark.parametrize("backbone", [single_layers, model_inside])
def test_what_lies_behind_c5_alone_never_learns_without_a_neck(plain_config, backbone):
    config = plain_config(BACKBONE=backbone, NECK="none")
    detector = build_detector(config)
    in_backbone = set(weight_layers(detector.backbone))
    assert in_backbone & set(set_trainable(detector, config, "4+")) == {"gamma"}
    assert not in_backbone & set(set_trainable(detector, config, "5+"))


def test_a_layer_that_two_stages_share_belongs_to_the_earlier(plain_config):
    def shared(image, stage5, train_bn):
        first, again, last = (
            keras.layers.Conv2D(3, 3, 2, "same", name=name) for name in ("first", "again", "last")
        )
        maps = [first(image)]
        for layer in (again, again, again, last):
            maps.append(layer(maps[-1]))
        return maps

    config = plain_config(BACKBONE=shared)
    detector = build_detector(config)
    assert {"first", "again", "last"} & set(set_trainable(detector, config, "3+")) == {"last"}


def test_stages_that_one_layer_makes_cannot_be_told_apart(plain_config):
    class Whole(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.convolutions = [
                keras.layers.Conv2D(4, 3, 2, "same", name=f"conv_{i}") for i in range(5)
            ]

        def call(self, x):
            return [x := convolution(x) for convolution in self.convolutions]

    config = plain_config(BACKBONE=lambda image, **how: Whole()(image))
    detector = build_detector(config)
    with pytest.raises(
        ValueError,
        match=(
            r"'4\+' would train no layer of this BACKBONE.*functional keras.Model, or "
            r"use 'heads', 'all'"
        ),
    ):
        set_trainable(detector, config, "4+")
    assert "conv_4" in set_trainable(detector, config, "all") and "conv_4" not in set_trainable(
        detector, config, "heads"
    )


def test_a_head_of_ones_own_learns_with_the_heads(detector, plain_config):
    assert "freshness" in set_trainable(detector, plain_config(), "heads")


@pytest.mark.parametrize(
    "layers, learning",
    [
        ("fresh_head|freshness", ["query", "kernel", "bias"]),
        ("fresh_head", ["query"]),
        ("freshness", ["kernel", "bias"]),
        ("fpn_p2", []),
        ("all", ["query", "kernel", "bias"]),
    ],
)
def test_a_layers_own_weights_learn_by_its_name_and_those_inside_by_theirs(
    detector, plain_config, layers, learning
):
    chosen = set_trainable(detector, plain_config(), layers)
    head, trained = detector.heads[2], {id(weight) for weight in detector.trainable_weights}
    assert [w.name for w in head.weights if id(w) in trained] == learning
    assert ("fresh_head" in chosen, "freshness" in chosen) == (
        "query" in learning,
        "kernel" in learning,
    )


def test_a_layer_inside_two_others_learns_by_its_own_name(plain_config):
    shared = keras.layers.Conv2D(4, 1, name="shared")

    class Holder(keras.layers.Layer):
        def __init__(self, name):
            super().__init__(name=name)
            self.shared, self.conv = (
                shared,
                keras.layers.Conv2D(4, 3, 2, "same", name=f"{name}_conv"),
            )
            self.shift = self.add_weight(shape=(4,), name="shift")

        def call(self, image):
            return self.shared(self.conv(image)) + self.shift

    config = plain_config(
        BACKBONE=lambda image, **how: [image := Holder(f"stage{i}")(image) for i in range(1, 6)]
    )
    detector = build_detector(config)
    set_trainable(detector, config, "stage1|stage5|stage1_conv")
    assert [w.path.split("/")[-2:] for w in detector.trainable_weights] == [
        ["stage1", "shift"],
        ["stage1_conv", "kernel"],
        ["stage1_conv", "bias"],
        ["stage5", "shift"],
    ]
    assert {"stage4", "stage4_conv", "stage5"} <= set(set_trainable(detector, config, "4+"))
    assert not shared.trainable_weights


def test_a_regular_expression_must_match_the_whole_name(detector, plain_config):
    assert set(set_trainable(detector, plain_config(), r"fpn_p\d|rpn_class")) == {
        "fpn_p2",
        "fpn_p3",
        "fpn_p4",
        "fpn_p5",
    }


def test_a_group_that_matches_nothing_is_refused(detector, plain_config):
    before = [weight.path for weight in detector.trainable_weights]
    with pytest.raises(ValueError, match="'2\\+x' matches no layer.*'heads', '3\\+'"):
        set_trainable(detector, plain_config(), "2+x")
    assert [weight.path for weight in detector.trainable_weights] == before


def test_names_are_matterports(detector):
    assert {
        "conv1",
        "res4a_branch2a",
        "fpn_c5p5",
        "fpn_p2",
        "rpn_conv_shared",
        "rpn_class_raw",
        "rpn_bbox_pred",
        "mrcnn_class_conv1",
        "mrcnn_class_bn1",
        "mrcnn_class_logits",
        "mrcnn_bbox_fc",
        "mrcnn_mask_conv1",
        "mrcnn_mask_deconv",
        "mrcnn_mask",
    } <= set(weight_layers(detector))


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
