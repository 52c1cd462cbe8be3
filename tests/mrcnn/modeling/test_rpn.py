"""RPN: the order of anchors, the proposals by hand, and what the losses may depend on."""

import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.rpn import RPNHead, propose, rpn_losses, rpn_targets
from mrcnn.ops.anchors import pyramid_anchors
from mrcnn.ops.boxes import encode

STD = (0.1, 0.1, 0.2, 0.2)
ANCHORS = pyramid_anchors((64, 64), (16, 32), (16, 32), (1,))  # 4 x 4 and 2 x 2 cells


def tensors(*arrays):
    return [ops.convert_to_tensor(a) for a in arrays]


def proposals(scores, deltas=None, anchors=ANCHORS, **settings):
    logits = np.stack([np.zeros_like(scores), scores], axis=-1).astype(np.float32)
    deltas = np.zeros((*scores.shape, 4), np.float32) if deltas is None else deltas
    window = ops.convert_to_tensor([0.0, 0.0, 64.0, 64.0])
    settings = {
        "std": STD,
        "pre_nms": 20,
        "post_nms": 6,
        "iou_threshold": 0.7,
        "window": window,
    } | settings
    return [np.asarray(t) for t in propose(*tensors(logits, deltas, anchors), **settings)]


def losses(label_logits, deltas, gt_boxes, gt_class_ids, seed=0, num_samples=8):
    targets = rpn_targets(
        *tensors(ANCHORS, gt_boxes, np.int32(gt_class_ids), np.int32([seed])),
        num_samples=num_samples,
        std=STD,
    )
    sampled = np.asarray(targets["index"])[..., None]
    outputs = {
        name: tensors(np.take_along_axis(dense, sampled, axis=1))[0]
        for name, dense in (("logits", label_logits), ("deltas", deltas))
    }
    found = rpn_losses(outputs, targets)
    return {name: float(loss) for name, loss in found.items()}


@pytest.mark.parametrize("anchor_stride", [1, 2])
@pytest.mark.parametrize("anchors_per_cell", [1, 3])
def test_there_is_one_output_for_each_anchor(rng, anchor_stride, anchors_per_cell):
    pyramid = [rng.normal(size=(2, n, n, 4)).astype(np.float32) for n in (16, 8, 3)]
    outputs = RPNHead(8, anchors_per_cell, anchor_stride)(pyramid)
    count = len(
        pyramid_anchors(
            (96, 96), (6, 12, 32), (8, 16, 32), range(1, anchors_per_cell + 1), anchor_stride
        )
    )
    assert (outputs["logits"].shape, outputs["deltas"].shape) == ((2, count, 2), (2, count, 4))


def test_outputs_come_in_the_order_of_the_anchors(rng):
    """Of three levels, the cell in the middle of the second changes: a 3 x 3 convolution reaches
    that level's 9 cells.
    """
    head, pyramid = RPNHead(8, 2), [np.zeros((1, n, n, 4), np.float32) for n in (6, 5, 4)]
    before = np.asarray(head(pyramid)["deltas"])
    pyramid[1][0, 2, 2] = rng.normal(size=4)
    changed = (
        np.abs(np.asarray(head(pyramid)["deltas"]) - before)
        .max(axis=2)[0]
        .reshape(-1, 2)
        .all(axis=1)
    )
    expected = np.zeros((5, 5), bool)
    expected[1:4, 1:4] = True
    assert changed.tolist() == [False] * 36 + expected.ravel().tolist() + [False] * 16


@pytest.mark.parametrize("anchor_stride", [1, 2])
def test_single_anchors_get_what_the_whole_pyramid_gets(rng, anchor_stride):
    """The whole pyramid's outputs are the oracle, at every anchor: borders, corners and levels of
    odd sides among them.
    """
    pyramid = [
        rng.normal(size=(2, h, w, 4)).astype(np.float32) for h, w in ((8, 6), (5, 3), (2, 1))
    ]
    head = RPNHead(8, 3, anchor_stride)
    dense = {name: np.asarray(output) for name, output in head(pyramid).items()}
    anchors = dense["logits"].shape[1]
    index = np.stack([rng.permutation(anchors) for _ in range(2)]).astype(np.int32)
    sampled = head.at(tensors(*pyramid), tensors(index)[0])
    for name in ("logits", "deltas"):
        np.testing.assert_allclose(
            sampled[name],
            np.take_along_axis(dense[name], index[..., None], axis=1),
            rtol=1e-5,
            atol=1e-6,
        )


def test_single_anchors_teach_as_the_whole_pyramid_does(gradient, rng):
    head, features, index = (
        RPNHead(8, 3),
        rng.normal(size=(1, 6, 6, 4)).astype(np.float32),
        np.int32([[0, 17, 50, 107, 63]]),
    )
    head([features])
    weight = ops.convert_to_tensor(rng.normal(size=(1, 5, 4)).astype(np.float32))
    one = gradient(lambda x: ops.sum(head.at([x], tensors(index)[0])["deltas"] * weight), features)
    other = gradient(
        lambda x: ops.sum(
            ops.take_along_axis(head([x])["deltas"], tensors(index)[0][..., None], axis=1) * weight
        ),
        features,
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_best_anchors_are_proposed_best_first():
    scores = np.zeros((1, 20))
    scores[0, [5, 10, 19]] = 3, 9, 6
    boxes, valid = proposals(scores, post_nms=3)
    np.testing.assert_array_equal(boxes[0], np.clip(ANCHORS[[10, 19, 5]], 0, 64))
    assert valid.all()


def test_proposals_lie_in_the_image_and_padding_is_zero():
    boxes, valid = proposals(np.zeros((2, 20)), post_nms=50)
    assert boxes.shape == (2, 50, 4) and boxes.min() >= 0 and boxes.max() <= 64
    assert (boxes[~valid] == 0).all() and valid.sum() == 40


def test_an_anchor_moved_out_of_the_image_is_no_proposal():
    deltas = np.zeros((1, 20, 4), np.float32)
    deltas[0, :, 0] = 500
    boxes, valid = proposals(np.zeros((1, 20)), deltas)
    assert not valid.any() and (boxes == 0).all()


def test_proposals_of_a_network_that_has_diverged_are_none():
    boxes, valid = proposals(np.full((1, 20), np.nan), np.full((1, 20, 4), np.nan, np.float32))
    assert not valid.any() and (boxes == 0).all()


def test_deltas_move_the_anchors():
    target = np.float32([8, 8, 40, 56])
    deltas = np.asarray(encode(*tensors(np.tile(target, (1, 20, 1)), ANCHORS[None]), STD))
    boxes, valid = proposals(np.zeros((1, 20)), deltas)
    assert valid[0].tolist() == [True] + [False] * 5  # all alike: one is left
    np.testing.assert_allclose(boxes[0, 0], target, atol=1e-3)


def test_proposals_carry_no_gradient(gradient, rng):
    logits = ops.convert_to_tensor(rng.normal(size=(1, 20, 2)).astype(np.float32))

    def total(deltas):
        boxes, _ = propose(
            logits,
            deltas,
            ops.convert_to_tensor(ANCHORS),
            std=STD,
            pre_nms=20,
            post_nms=6,
            iou_threshold=0.7,
            window=ops.convert_to_tensor([0.0, 0.0, 64.0, 64.0]),
        )
        return ops.sum(boxes)

    assert (gradient(total, np.zeros((1, 20, 4), np.float32)) == 0).all()


def test_perfect_outputs_cost_nothing():
    gt_boxes = np.clip(ANCHORS[None, 10:11], 0, 64)
    logits = np.zeros((1, 20, 2), np.float32)
    logits[..., 0] = 50
    logits[0, 10] = 0, 50
    assert losses(
        logits, np.zeros((1, 20, 4), np.float32), gt_boxes, np.array([[True]]), num_samples=20
    ) == {"rpn_class_loss": 0, "rpn_bbox_loss": 0}


def test_an_image_without_objects_teaches_background_only():
    logits = np.zeros((1, 20, 2), np.float32)
    found = losses(
        logits,
        np.ones((1, 20, 4), np.float32),
        np.zeros((1, 3, 4), np.float32),
        np.zeros((1, 3), bool),
    )
    assert found == {"rpn_class_loss": pytest.approx(np.log(2)), "rpn_bbox_loss": 0}


def test_anchors_on_a_crowd_teach_nothing():
    """The crowd covers the left half of the image, the object one anchor on the right."""
    boxes, class_ids = np.float32([[[24, 40, 40, 56], [0, 0, 64, 24]]]), np.int32([[1, -1]])
    targets = rpn_targets(
        *tensors(ANCHORS, boxes, class_ids, np.int32([0])), num_samples=20, std=STD
    )
    label = np.zeros(20, int)
    label[np.asarray(targets["index"])[0]] = np.asarray(targets["label"])[0]
    touches = ANCHORS[:, 1] < 24
    drawn = np.asarray(targets["label"])[0]
    assert (
        not (touches[np.asarray(targets["index"])[0]] & (drawn == 0)).any()
        and (drawn == 0).sum() > 3
        and (drawn == 1).sum() == 1
    )


def test_padded_objects_change_no_loss(rng):
    logits, deltas = (
        rng.normal(size=(1, 20, 2)).astype(np.float32),
        rng.normal(size=(1, 20, 4)).astype(np.float32),
    )
    boxes, valid = (
        np.float32([[[0, 0, 30, 30], [0] * 4, [0] * 4]]),
        np.array([[True, False, False]]),
    )
    garbage = boxes.copy()
    garbage[0, 1:] = (5, 5, 60, 60), (np.float32(1e6), 0, 0, 0)
    assert losses(logits, deltas, boxes, valid) == losses(logits, deltas, garbage, valid)
