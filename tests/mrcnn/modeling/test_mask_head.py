"""Mask head: what the contract of all heads does not say."""

import cv2
import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.mask_head import MaskHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.matching import POSITIVE


@pytest.fixture
def head():
    """A head whose three masks are its three last features."""
    head = MaskHead(3, 3, 2)
    head(np.zeros((1, 1, 2, 2, 6), np.float32))
    head.predict.set_weights([np.eye(3, dtype=np.float32)[None, None], np.zeros(3, np.float32)])
    return head


def outputs_of(logits):
    """What `call` returns for one roi whose masks have these logits, (4, 4, 3): cells in blocks of
    two by two.
    """
    cells = np.float32(logits).reshape(2, 2, 2, 2, 3).transpose(0, 2, 1, 3, 4)
    return {"cells": ops.convert_to_tensor(cells[None, None])}


def loss(head, logits, mask, frame, roi):
    return loss_of(head, outputs_of(logits), mask, frame, roi)


def loss_of(head, outputs, mask, frame, roi):
    truth = {
        "gt_class_ids": ops.convert_to_tensor([[2]]),
        "gt_masks": ops.convert_to_tensor(np.uint8(mask)[None, None]),
        "gt_mask_frames": ops.convert_to_tensor(np.float32([[frame]])),
    }
    samples = RoISamples(
        ops.convert_to_tensor(np.float32([[roi]])),
        ops.convert_to_tensor([[POSITIVE]]),
        ops.zeros((1, 1), "int32"),
        truth,
        1,
    )
    return float(head.compute_losses(outputs, samples)["mrcnn_mask_loss"])


def logits_of(mask, class_id, others=0.0):
    logits = np.full((*np.shape(mask), 3), others, np.float32)
    logits[..., class_id] = np.where(mask, 50, -50)
    return logits


def test_a_mask_is_twice_the_size_of_its_pooled_features(head, rng):
    assert head(rng.normal(size=(2, 5, 2, 2, 6)).astype(np.float32))["logits"].shape == (
        2,
        5,
        4,
        4,
        3,
    )


def test_a_perfect_mask_costs_nothing_whatever_other_classes_say(head):
    mask = np.tri(4, dtype=bool)
    assert loss(
        head, logits_of(mask, 2, others=30.0), mask, (0, 0, 40, 40), (0, 0, 40, 40)
    ) == pytest.approx(0, abs=1e-6)


def test_the_target_is_what_of_the_object_lies_in_the_roi(head):
    """The roi is the object's right half and as much again beside it."""
    target = np.tile([True, True, False, False], (4, 1))
    assert loss(
        head, logits_of(target, 2), np.ones((4, 4)), (0, 0, 40, 40), (0, 20, 40, 60)
    ) == pytest.approx(0, abs=1e-6)
    assert loss(
        head, logits_of(~target, 2), np.ones((4, 4)), (0, 0, 40, 40), (0, 20, 40, 60)
    ) == pytest.approx(50)


def test_a_detection_is_described_by_the_mask_of_its_class(head):
    logits = logits_of(np.tri(4, dtype=bool), 1)
    probabilities = head.describe(outputs_of(logits), ops.convert_to_tensor([[1]]))[
        "mask_probabilities"
    ]
    np.testing.assert_allclose(probabilities[0, 0], np.tri(4), atol=1e-6)


def test_the_mask_of_a_class_is_the_one_among_all_masks(rng):
    head = MaskHead(5, 4, 3)
    outputs = head(rng.normal(size=(2, 3, 3, 3, 6)).astype(np.float32))
    class_ids = np.int32([[0, 4, 2], [1, 1, 3]])
    probabilities = head.describe(outputs, ops.convert_to_tensor(class_ids))["mask_probabilities"]
    of_class = np.take_along_axis(
        np.asarray(outputs["logits"]), class_ids[..., None, None, None], axis=4
    )[..., 0]
    np.testing.assert_allclose(probabilities, 1 / (1 + np.exp(-of_class)), rtol=1e-5, atol=1e-6)


def test_dice_is_added_with_its_weight(head):
    mask, whole = np.float32([[1, 1, 0, 0]] * 4), [0, 0, 4, 4]
    unsure = np.zeros((4, 4, 3), np.float32)
    plain = loss(head, unsure, mask, whole, whole)
    head.dice = 2.0
    # p is 1/2 everywhere: 1 - (2 * 4 + 1) / (4 + 8 + 1).
    assert loss(head, unsure, mask, whole, whole) == pytest.approx(plain + 2 * (1 - 9 / 13))
    assert MaskHead.from_config(head.get_config()).dice == 2


# Refined masks


@pytest.fixture
def refined():
    """A head of 56 x 56 masks whose correction is its fine features, and whose coarse mask is 0."""
    head = MaskHead(3, 12, 14, refines=True)
    head(np.zeros((1, 1, 14, 14, 6), np.float32))
    head.correct.set_weights([np.eye(3, dtype=np.float32)[None, None], np.zeros(3, np.float32)])
    return head


def refined_outputs(logits):
    """What `call` returns for fine features that are these logits, (56, 56, 3), in blocks."""
    fine = np.float32(logits).reshape(28, 2, 28, 2, 3).transpose(0, 2, 1, 3, 4)
    cells = np.zeros((1, 1, 14, 14, 2, 2, 12), np.float32)
    outputs = {"cells": cells, "fine_cells": fine[None, None]}
    return {name: ops.convert_to_tensor(column) for name, column in outputs.items()}


def test_the_target_of_a_refined_mask_is_every_pixel_of_the_object_in_the_roi(refined):
    """A disc drawn on 112 x 112 pixels, and a RoI of 56 x 56: a pixel for each cell."""
    y, x = np.mgrid[:112, :112]
    mask = (y - 50) ** 2 + (x - 60) ** 2 < 30**2
    target = mask[20:76, 40:96]
    assert 500 < target.sum() < 2600
    where = mask, (0, 0, 112, 112), (20, 40, 76, 96)
    refined.predict.set_weights([np.zeros_like(w) for w in refined.predict.get_weights()])
    exact = refined_outputs(logits_of(target, 2))
    assert loss_of(refined, exact, *where) == pytest.approx(0, abs=1e-6)
    for pixel in ((0, 0), (31, 17), (55, 55)):  # every single one counts
        wrong = target.copy()
        wrong[pixel] = ~wrong[pixel]
        found = loss_of(refined, refined_outputs(logits_of(wrong, 2)), *where)
        assert found == pytest.approx(50 / 56**2, rel=1e-5)
    probabilities = refined.describe(exact, ops.convert_to_tensor([[2]]))["mask_probabilities"]
    np.testing.assert_allclose(probabilities[0, 0], target, atol=1e-6)


def test_fresh_refined_masks_are_the_coarse_ones_enlarged(rng):
    head = MaskHead(3, 8, 3, refines=True)
    outputs = head(rng.normal(size=(2, 4, 3, 3, 6)).astype(np.float32))
    assert outputs["logits"].shape == (2, 4, 6, 6, 3)
    class_ids = np.int32([[0, 1, 2, 1], [2, 2, 0, 1]])
    masks = head.describe(outputs, ops.convert_to_tensor(class_ids))["mask_probabilities"]
    assert masks.shape == (2, 4, 12, 12)
    coarse = np.take_along_axis(
        np.asarray(outputs["logits"]), class_ids[..., None, None, None], axis=4
    )[..., 0]
    for i, row in np.ndindex(2, 4):
        larger = cv2.resize(coarse[i, row], (12, 12), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(masks[i, row], 1 / (1 + np.exp(-larger)), rtol=1e-5, atol=1e-6)


def test_the_correction_of_a_class_is_its_own(rng):
    head = MaskHead(3, 8, 2, refines=True)
    inputs = rng.normal(size=(1, 3, 2, 2, 6)).astype(np.float32)
    before = [head.describe(head(inputs), np.int32([[1, 2, 1]]))["mask_probabilities"]]
    kernel, bias = head.correct.get_weights()
    head.correct.set_weights([kernel, bias + np.float32([0, 0, 1])])
    before.append(head.describe(head(inputs), np.int32([[1, 2, 1]]))["mask_probabilities"])
    one, other = (np.log(p) - np.log1p(-np.float64(p)) for p in before)
    np.testing.assert_allclose((other - one)[0].mean(axis=(1, 2)), [0, 1, 0], atol=1e-4)
    assert MaskHead.from_config(head.get_config()).refines
