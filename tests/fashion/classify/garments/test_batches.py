"""Crops of objects and of background; a batch is a function of seed and position."""

import numpy as np
import pytest

from fashion.classify.garments.batches import CropBatches, candidates, labels_of_boxes, read

PIXELS = (np.zeros(3, np.float32), np.ones(3, np.float32))
NOTHING = np.array([[0.0, 60.0, 8.0, 75.0]])  # a box on the grey


@pytest.fixture
def batches(garments):
    return lambda seed=0, count=5, found=NOTHING, **options: CropBatches(
        garments(count), lambda image_id: found, 32, PIXELS, images=2, seed=seed, **options
    )


def test_batches_have_one_shape_and_show_what_their_labels_say(batches):
    some = batches(crops=12)
    assert len(some) == 3
    for index in range(len(some)):
        crops, labels = some[index]
        assert (
            crops.shape == (24, 32, 32, 3)
            and crops.dtype == np.float32
            and labels.shape == (24,)
            and labels.dtype == np.int32
        )
        middle = crops[:, 12:20, 12:20].mean(axis=(1, 2))
        assert ((middle[:, 0] > middle[:, 2] + 60) == (labels == 1)).all() and (
            (middle[:, 2] > middle[:, 0] + 60) == (labels == 2)
        ).all()


def test_half_of_the_crops_are_of_garments(batches):
    """Two garments and one box of background: a third, if each came equally often."""
    labels = np.concatenate([batches(count=40, crops=16)[index][1] for index in range(20)])
    assert 0.45 < (labels == 0).mean() < 0.55 and 0.2 < (labels == 1).mean() < 0.3


def test_where_the_detector_found_no_background_all_are_garments(batches):
    assert (batches(found=np.zeros((0, 4)))[0][1] > 0).all()


def test_a_batch_is_a_function_of_seed_epoch_and_position(batches):
    one, two = batches(seed=3), batches(seed=3)
    one[2], one[1]  # whatever was asked for before
    for a, b in zip(one[0], two[0], strict=True):
        assert np.array_equal(a, b)
    assert not np.array_equal(two[0][0], batches(seed=4)[0][0])
    two.epoch = 1
    assert not np.array_equal(one[0][0], two[0][0])


def test_a_photo_with_nothing_in_it_is_background(garments, monkeypatch):
    from mrcnn.data.masks.rle import RLEMasks

    dataset = garments(2)
    monkeypatch.setattr(
        type(dataset),
        "load_objects",
        lambda self, i: (RLEMasks.from_dense(np.zeros((60, 80, 0), bool)), np.zeros(0, int), {}),
    )
    crops, labels = CropBatches(dataset, lambda image_id: np.zeros((0, 4)), 32, PIXELS, images=2)[0]
    assert not labels.any() and crops.any()


def test_boxes_follow_a_photo_that_is_read_smaller_as_the_smallest_box_allows(
    garments, monkeypatch
):
    dataset, asked = garments(1), []

    def load(self, image_id, size_hw):
        asked.append(size_hw)
        return self.load_image(image_id)[::2, ::2]

    monkeypatch.setattr(type(dataset), "load_image_at_least", load)
    photo, boxes = read(dataset, 0, np.array([[10.0, 20.0, 30.0, 40.0], [0, 0, 60, 64]]), 10)
    assert photo.shape == (30, 40, 3) and boxes.tolist() == [[5, 10, 15, 20], [0, 0, 30, 32]]
    read(dataset, 0, np.array([[10.0, 20.0, 30.0, 40.0]]), 32)
    read(dataset, 0, np.zeros((0, 4)), 32)
    assert asked[:2] == [
        (24, 32),
        (60, 80),
    ]  # a crop of 10 pixels of a square of 25; and one that would be enlarged: whole


BOXES, CLASS_IDS = np.array([[0, 0, 10, 20], [30, 30, 50, 40]]), np.array([3, 5])


@pytest.mark.parametrize(
    "box, label",
    [
        ((0, 0, 10, 20), 3),
        ((30, 30, 50, 40), 5),
        ((0, 0, 10, 10), 3),  # an IoU of 0.5 exactly
        ((0, 0, 10, 9), -1),  # 0.45: neither one thing nor the other
        ((0, 0, 10, 7), 0),  # 0.35
        ((60, 60, 70, 70), 0),
    ],
)
def test_a_box_shows_the_object_that_it_overlaps_most(box, label):
    assert labels_of_boxes([box], BOXES, CLASS_IDS).tolist() == [label]


def test_the_order_of_axes_in_memory_does_not_matter():
    found = np.asfortranarray(
        [[0, 0, 10, 20], [60, 60, 70, 70], [30, 30, 50, 40]], dtype=np.float32
    )
    assert labels_of_boxes(found, np.asfortranarray(BOXES), CLASS_IDS).tolist() == [3, 0, 5]


SHARED, OF = np.array([[0, 0, 20, 20], [0, 0, 20, 19]]), np.array([1, 2])  # a jacket over a shirt


def test_a_box_that_two_objects_share_shows_the_one_that_was_said():
    assert labels_of_boxes(SHARED, SHARED, OF, predicted=[2, 1]).tolist() == [2, 1]
    assert labels_of_boxes(SHARED, SHARED, OF, predicted=[7, 7]).tolist() == [
        1,
        2,
    ]  # neither: that which it overlaps most
    assert labels_of_boxes([[40, 40, 50, 50]], SHARED, OF, predicted=[1]).tolist() == [0]


def test_without_a_word_it_is_undecided_where_the_two_are_nearly_alike():
    assert labels_of_boxes(SHARED, SHARED, OF).tolist() == [-1, -1]
    assert labels_of_boxes(SHARED, SHARED, [1, 1]).tolist() == [1, 1]
    assert labels_of_boxes([[0, 0, 20, 20]], [[0, 0, 20, 20], [0, 0, 20, 15]], OF).tolist() == [
        1
    ]  # 1 and 0.75


def test_without_objects_everything_is_background_and_a_crowd_is_undecided():
    assert labels_of_boxes(BOXES, np.zeros((0, 4)), []).tolist() == [0, 0]
    assert labels_of_boxes(np.zeros((0, 4)), BOXES, CLASS_IDS).shape == (0,)
    assert labels_of_boxes([*BOXES, [2, 2, 4, 4]], BOXES, [-3, 5]).tolist() == [
        -1,
        5,
        -1,
    ]  # the last is a part of the crowd


def test_objects_come_first_and_what_is_undecided_is_left_out():
    found = [[0, 0, 10, 9], [60, 60, 70, 70], [31, 30, 50, 40]]
    boxes, labels = candidates(found, BOXES, CLASS_IDS)
    assert labels.tolist() == [3, 5, 0, 5] and boxes.tolist() == [
        *BOXES.tolist(),
        found[1],
        found[2],
    ]


def test_crowds_and_masks_without_pixels_are_no_examples():
    boxes, labels = candidates(
        np.zeros((0, 4)), [[0, 0, 10, 20], [0, 0, 0, 0], [30, 30, 50, 40]], [-3, 4, 5]
    )
    assert labels.tolist() == [5] and boxes.tolist() == [[30, 30, 50, 40]]
