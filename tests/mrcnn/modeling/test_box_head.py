"""Box head: what the contract of all heads does not say."""

import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.box_head import BoxHead
from mrcnn.modeling.roi_sampling import RoISamples
from mrcnn.ops.boxes import encode
from mrcnn.ops.matching import NEGATIVE, POSITIVE

STD = (0.1, 0.1, 0.2, 0.2)


@pytest.fixture
def head():
    return BoxHead(3, 8, 7, STD)


def one_roi(label):
    truth = {
        "gt_class_ids": ops.convert_to_tensor([[2]]),
        "gt_boxes": ops.convert_to_tensor([[[2.0, 2.0, 20.0, 30.0]]]),
    }
    rois = ops.convert_to_tensor([[[0.0, 0.0, 20.0, 20.0]]])
    return RoISamples(rois, ops.convert_to_tensor([[label]]), ops.zeros((1, 1), "int32"), truth, 1)


def losses(head, logits, deltas, label):
    outputs = {
        "logits": ops.convert_to_tensor(np.float32([[logits]])),
        "deltas": ops.convert_to_tensor(np.float32([[deltas]])),
    }
    return [float(loss) for loss in head.compute_losses(outputs, one_roi(label)).values()]


def test_a_fresh_head_is_unsure_and_moves_nothing(head, rng):
    outputs = head(rng.normal(size=(1, 5, 7, 7, 16)).astype(np.float32))
    assert (
        outputs["logits"].shape == (1, 5, 3)
        and outputs["deltas"].shape == (1, 5, 3, 4)
        and outputs["features"].shape == (1, 5, 8)
    )
    assert np.abs(outputs["logits"]).max() < 0.3 and np.abs(outputs["deltas"]).max() < 0.03


def test_only_the_deltas_of_the_true_class_are_judged(head):
    samples = one_roi(POSITIVE)
    truth = np.asarray(encode(samples.gather("gt_boxes"), samples.rois, STD))[0, 0]
    assert losses(head, [-50, -50, 50], [[9] * 4, [9] * 4, truth], POSITIVE) == [0, 0]
    assert losses(head, [-50, -50, 50], [truth, truth, truth + 2], POSITIVE) == [
        0,
        pytest.approx(1.5),
    ]


def test_background_is_class_0_and_has_no_box(head):
    assert losses(head, [50, -50, -50], [[9] * 4] * 3, NEGATIVE) == [0, 0]
    assert losses(head, [-50, -50, 50], [[9] * 4] * 3, NEGATIVE)[0] == pytest.approx(100)


def test_a_roi_taken_for_a_class_that_its_image_does_not_label_is_not_judged(head):
    """Background by its label, but it may well be a 2, which this image's source never marks."""
    outputs = {
        "logits": ops.convert_to_tensor(np.float32([[[0, 0, 9]]])),
        "deltas": ops.zeros((1, 1, 3, 4)),
    }
    for labelled, counts in (([1, 1, 1], True), ([1, 1, 0], False)):
        samples = one_roi(NEGATIVE)
        samples.ground_truth["active_class_ids"] = ops.convert_to_tensor(np.int32([labelled]))
        assert (float(head.compute_losses(outputs, samples)["mrcnn_class_loss"]) > 1) == counts


@pytest.mark.parametrize("box_loss", ["giou", "ciou"])
def test_a_loss_of_boxes_is_0_at_the_true_box_and_grows_with_the_error(box_loss):
    head, samples = BoxHead(3, 8, 7, STD, box_loss=box_loss), one_roi(POSITIVE)
    truth = np.asarray(encode(samples.gather("gt_boxes"), samples.rois, STD))[0, 0]
    near, far = (losses(head, [0] * 3, [[9] * 4, [9] * 4, truth + d], POSITIVE)[1] for d in (1, 3))
    assert losses(head, [0] * 3, [[9] * 4, [9] * 4, truth], POSITIVE)[1] == pytest.approx(
        0, abs=1e-5
    )
    assert 0 < near < far < 2


def test_smoothed_labels_punish_certainty():
    smooth = BoxHead(3, 8, 7, STD, label_smoothing=0.1)
    sure, unsure = (losses(smooth, [-x, -x, x], [[0] * 4] * 3, POSITIVE)[0] for x in (50, 1.5))
    assert unsure < sure
    assert BoxHead.from_config(smooth.get_config()).label_smoothing == 0.1


def test_seesaw_loss_needs_a_count_of_each_class():
    head = BoxHead(3, 8, 7, STD, seesaw=(0.8, 2.0), class_counts=[0, 5, 500])
    plain = BoxHead(3, 8, 7, STD)
    # The true class 2 is frequent: the rare class 1, which scores alike, costs less.
    alike = [-50.0, 1.0, 1.0], [[0] * 4] * 3, POSITIVE
    assert losses(head, *alike)[0] < losses(plain, *alike)[0] == pytest.approx(np.log(2))
    assert BoxHead.from_config(head.get_config()).seesaw == (0.8, 2.0)
    with pytest.raises(ValueError, match="each of the 3 classes.*CLASS_COUNTS"):
        BoxHead(3, 8, 7, STD, seesaw=(0.8, 2.0))
