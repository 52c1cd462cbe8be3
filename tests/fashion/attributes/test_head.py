"""Attribute head: what the contract of all heads (tests/mrcnn/modeling/test_roi_head.py) does not
say."""

import functools
import json

import keras
import numpy as np
import pytest
from keras import ops

from fashion.attributes.bodies import Attention
from fashion.attributes.head import AttributeHead
from fashion.attributes.losses import AttributeLoss
from mrcnn.modeling.build import build_detector
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.matching import NEGATIVE, POSITIVE


def loss(head, logits, attributes, label):
    truth = {"gt_attributes": ops.convert_to_tensor(np.float32([attributes]))}
    samples = RoISamples(
        ops.zeros((1, 2, 4)),
        ops.convert_to_tensor(np.int32([label])),
        ops.convert_to_tensor([[0, 1]]),
        truth,
        2,
    )
    return float(
        head.compute_losses({"logits": ops.convert_to_tensor(np.float32([logits]))}, samples)[
            "mrcnn_attribute_loss"
        ]
    )


def test_at_first_every_attribute_is_as_likely_as_one_in_t():
    head = AttributeHead(294)
    outputs = head(np.zeros((1, 3, 16), np.float32))
    scores = head.describe(outputs, None)["attribute_scores"]
    np.testing.assert_allclose(scores, np.full((1, 3, 294), 1 / 294), rtol=1e-4)


def test_the_loss_adds_up_over_attributes_and_is_a_mean_over_objects():
    head, unsure = AttributeHead(4), np.zeros((2, 4))
    assert loss(head, unsure, [[1, 0, 0, 1], [0] * 4], [POSITIVE, POSITIVE]) == pytest.approx(
        4 * np.log(2)
    )
    sure = [[50, -50, -50, 50], [0, 0, 0, 0]]
    assert loss(head, sure, [[1, 0, 0, 1], [0] * 4], [POSITIVE, POSITIVE]) == pytest.approx(
        2 * np.log(2)
    )
    assert loss(head, sure, [[1, 0, 0, 1], [0] * 4], [POSITIVE, NEGATIVE]) == pytest.approx(
        0, abs=1e-6
    )


def test_what_is_taught_on_the_background_is_added_and_leaves_objects_their_share():
    head, unsure = AttributeHead(4, rois="all"), np.zeros((2, 4))
    assert loss(head, unsure, [[1, 0, 0, 1], [0] * 4], [POSITIVE, NEGATIVE]) == pytest.approx(
        8 * np.log(2)
    )
    assert loss(head, unsure, [[1, 0, 0, 1], [0] * 4], [POSITIVE, POSITIVE]) == pytest.approx(
        4 * np.log(2)
    )
    assert loss(head, unsure, [[0] * 4, [0] * 4], [NEGATIVE, NEGATIVE]) == pytest.approx(
        8 * np.log(2)
    )


def test_objects_without_attributes_have_a_query_of_their_own():
    head = AttributeHead(3, "attention", channels=8, groups=[0, 1, 1], empty="background")
    head(np.zeros((1, 2, 14, 14, 4), np.float32))
    assert head.groups == [0, 1, 1, 2] and head.body.query.kernel.shape == (8, 3)


def test_queries_start_so_that_they_tell_cells_apart():
    """Of 196 cells the one that is looked at most weighs more than twice as much as it would if all
    weighed alike."""
    keras.utils.set_random_seed(0)
    body, cells = (
        Attention(6, 64),
        np.random.default_rng(0).normal(size=(1, 4, 14, 14, 64)).astype(np.float32),
    )
    _, weights = body.attend(cells)
    np.testing.assert_allclose(np.sum(weights, axis=1), np.ones((4, 6)), rtol=1e-4)
    most = np.max(weights, axis=1) * 196
    assert 2 < most.mean() < 20


def test_each_object_has_its_own_attributes():
    head = AttributeHead(3)
    assert loss(
        head, [[50, -50, -50], [-50, -50, 50]], [[1, 0, 0], [0, 0, 1]], [POSITIVE] * 2
    ) == pytest.approx(0, abs=1e-6)


def test_fewer_than_two_attributes_are_refused():
    with pytest.raises(ValueError, match="leave the head out"):
        AttributeHead(1)


@pytest.mark.parametrize("body", ["linear", "mlp", "conv", "attention"])
def test_a_head_is_made_again_from_its_config(body):
    loss = AttributeLoss("focal", positive_weight=(1.0, 2.0, 3.0), hard_negatives=2)
    head = AttributeHead(
        3,
        body,
        hidden=8,
        channels=8,
        num_classes=4,
        groups=[0, 1, 0],
        loss=loss,
        empty="background",
    )
    config = json.loads(json.dumps(head.get_config()))
    again = AttributeHead.from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    assert again.loss.kind == "focal" and again.outputs == 4 and again.reads == head.reads


@pytest.mark.slow
def test_a_detector_with_attributes_is_saved_whole(plain_config, tmp_path):
    head = functools.partial(AttributeHead, 6, "mlp")
    detector = build_detector(plain_config(MIXED_PRECISION=True), [head])
    detector.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).normal(size=(1, 64, 64, 3)).astype(np.float32)
    inputs = {"images": images, "windows": np.float32([[0, 0, 64, 64]])}
    np.testing.assert_array_equal(
        again(inputs)["attribute_scores"], detector(inputs)["attribute_scores"]
    )
