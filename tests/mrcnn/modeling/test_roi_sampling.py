"""RoISamples: proposals and objects mixed, by hand."""

import numpy as np
import pytest
from keras import ops

from mrcnn.modeling.roi_sampling import RoISamples, sample_rois
from mrcnn.ops.matching import IGNORE, NEGATIVE, POSITIVE


def draw(proposals, valid, class_ids, gt_boxes, num_samples=8, max_positives=3, **columns):
    truth = {"gt_class_ids": np.int32([class_ids]), "gt_boxes": np.float32([gt_boxes]), **columns}
    truth = {name: ops.convert_to_tensor(column) for name, column in truth.items()}
    return sample_rois(
        ops.convert_to_tensor(np.float32([proposals])),
        ops.convert_to_tensor(np.array([valid])),
        truth,
        ops.convert_to_tensor(np.int32([3])),
        num_samples=num_samples,
        max_positives=max_positives,
    )


FAR, NEAR, OBJECT = (90, 90, 99, 99), (0, 0, 10, 9), (0, 0, 10, 10)


def test_the_objects_themselves_are_rois():
    samples = draw([FAR] * 6, [True] * 6, [2, 0], [OBJECT, [0] * 4])
    assert np.asarray(samples.label)[0].tolist() == [POSITIVE, NEGATIVE, IGNORE] + [NEGATIVE] * 5
    assert np.asarray(samples.rois)[0, 0].tolist() == list(OBJECT)


def test_a_roi_from_iou_one_half_on_is_positive():
    half, less = (0, 0, 10, 5), (0, 0, 10, 4.9)
    samples = draw([half, less], [True, True], [1], [OBJECT], num_samples=3, max_positives=2)
    rois = np.asarray(samples.rois)[0]
    assert sorted(rois[:2].tolist()) == sorted([list(half), list(OBJECT)])
    np.testing.assert_allclose(rois[2], less)


def test_invalid_proposals_are_never_drawn():
    samples = draw(
        [NEAR, FAR, FAR], [False, False, True], [1], [OBJECT], num_samples=4, max_positives=2
    )
    assert np.asarray(samples.label)[0].tolist() == [POSITIVE, IGNORE, NEGATIVE, IGNORE]


def test_padded_objects_are_no_rois():
    samples = draw([FAR] * 4, [True] * 4, [0, 0], [OBJECT, OBJECT], num_samples=4, max_positives=2)
    assert np.asarray(samples.label)[0].tolist() == [NEGATIVE] * 4
    assert float(ops.sum(samples.is_positive)) == 0 and float(ops.sum(samples.valid)) == 4


def test_gather_gives_each_roi_its_own_objects_row(rng):
    masks = rng.random((1, 3, 4, 5)).astype(np.float32)
    boxes = [(0, 0, 10, 10), (40, 40, 60, 60), (70, 0, 80, 20)]
    samples = draw(
        [FAR],
        [True],
        [3, 1, 2],
        boxes,
        num_samples=4,
        max_positives=3,
        gt_masks=masks,
        gt_attributes=np.eye(3)[None],
    )
    for roi, class_id, mask, attributes in zip(
        *(
            np.asarray(t)[0, :3]
            for t in (
                samples.rois,
                samples.gather("gt_class_ids"),
                samples.gather("gt_masks"),
                samples.gather("gt_attributes"),
            )
        )
    ):
        i = boxes.index(tuple(roi))
        assert class_id == [3, 1, 2][i] and attributes.argmax() == i
        np.testing.assert_array_equal(mask, masks[0, i])


def test_positive_rows_are_the_first_rows():
    samples = draw(
        [NEAR] * 3 + [FAR] * 3, [True] * 6, [1], [OBJECT], num_samples=6, max_positives=4
    )
    rows = samples.positive_rows()
    assert isinstance(rows, RoISamples) and rows.rois.shape == (1, 4, 4)
    assert float(ops.sum(rows.is_positive)) == float(ops.sum(samples.is_positive)) == 4


def test_among_the_positive_rows_background_is_not_used():
    samples = draw([NEAR] + [FAR] * 5, [True] * 6, [1], [OBJECT], num_samples=5, max_positives=4)
    rows = samples.positive_rows()
    assert float(ops.sum(samples.valid)) == 5 and float(ops.sum(samples.is_positive)) == 2
    np.testing.assert_array_equal(rows.valid, rows.is_positive)
    np.testing.assert_array_equal(rows.is_positive[0], [1, 1, 0, 0])


def test_rois_carry_no_gradient(gradient):
    def total(proposals):
        truth = {
            "gt_class_ids": ops.ones((1, 1), "int32"),
            "gt_boxes": ops.convert_to_tensor(np.float32([[OBJECT]])),
        }
        return ops.sum(
            sample_rois(
                proposals,
                ops.ones((1, 2), "bool"),
                truth,
                ops.zeros(1, "int32"),
                num_samples=3,
                max_positives=2,
            ).rois
        )

    assert (gradient(total, np.float32([[NEAR, FAR]])) == 0).all()


@pytest.mark.parametrize("objects", [0, 1, 30])
def test_shapes_do_not_depend_on_the_number_of_objects(objects, random_boxes):
    class_ids = np.zeros(30, int)
    class_ids[:objects] = 1
    samples = draw(random_boxes(20), [True] * 20, class_ids, random_boxes(30))
    assert (samples.rois.shape, samples.label.shape, samples.gt_index.shape) == (
        (1, 8, 4),
        (1, 8),
        (1, 8),
    )
