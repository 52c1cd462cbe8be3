"""Copy-paste: what lies in front hides what lies behind, and every object keeps its columns."""

import numpy as np
import pytest

from mrcnn.data.augmentation.copy_paste import choose_objects, paste_objects
from mrcnn.data.masks.cropped import CroppedMasks
from mrcnn.data.sample import Sample


def scene(colour, *boxes, class_ids=None):
    """A picture of 8 x 8 pixels with rectangles (y1, x1, y2, x2) as objects, whose column gt_row
    counts them from `colour`."""
    masks = np.zeros((8, 8, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    small = CroppedMasks.from_dense(masks)
    class_ids = np.ones(len(boxes), np.int32) if class_ids is None else np.int32(class_ids)
    return Sample(
        np.full((8, 8, 3), colour, np.uint8),
        small,
        class_ids,
        {"gt_row": colour + np.arange(len(boxes))},
        small.areas.astype(float),
    )


def test_pixels_masks_and_columns_come_along_and_hide_what_is_behind():
    behind, other = scene(10, (0, 0, 4, 4), (6, 6, 8, 8)), scene(50, (2, 0, 6, 4), (7, 7, 8, 8))
    both = paste_objects(behind, other, np.array([0]))
    assert (
        both.image[:, :, 0].tolist() == [[10] * 8] * 2 + [[50] * 4 + [10] * 4] * 4 + [[10] * 8] * 2
    )
    assert both.masks.boxes.tolist() == [[0, 0, 2, 4], [6, 6, 8, 8], [2, 0, 6, 4]]
    assert both.masks.areas.tolist() == [8, 4, 16] and both.full_areas.tolist() == [16, 4, 16]
    assert both.fields["gt_row"].tolist() == [10, 11, 50] and both.class_ids.tolist() == [1, 1, 1]
    assert (behind.image == 10).all() and behind.masks.areas.tolist() == [
        16,
        4,
    ]  # the inputs are left as they were


def test_an_object_that_is_hidden_wholly_keeps_its_row_without_pixels():
    both = paste_objects(scene(10, (1, 1, 2, 2)), scene(50, (0, 0, 8, 8)), np.array([0]))
    assert both.masks.areas.tolist() == [0, 64] and both.masks.boxes[0].tolist() == [0, 0, 0, 0]


def test_nothing_chosen_changes_nothing():
    before = scene(10, (0, 0, 4, 4))
    both = paste_objects(before, scene(50, (0, 0, 8, 8)), np.zeros(0, int))
    assert (both.image == before.image).all() and both.masks.areas.tolist() == [16]


def test_pictures_with_other_columns_are_refused():
    one, other = scene(10, (0, 0, 4, 4)), scene(50, (0, 0, 4, 4))
    other.fields["gt_more"] = np.zeros(1)
    with pytest.raises(ValueError, match="same columns.*gt_more"):
        paste_objects(one, other, np.array([0]))


def draws(picture, class_weights=None, n=400):
    return [
        choose_objects(picture, np.random.default_rng(i), class_weights).tolist() for i in range(n)
    ]


def test_each_object_is_chosen_half_of_the_time():
    chosen = draws(scene(0, (0, 0, 2, 2), (4, 4, 6, 6)))
    assert all(150 < sum(i in rows for rows in chosen) < 250 for i in (0, 1))
    assert 60 < sum(rows == [] for rows in chosen) < 140


def test_a_garment_brings_along_what_lies_on_it():
    """The pocket lies on the shirt by all its pixels, the belt by half of them."""
    for rows in draws(scene(0, (0, 0, 6, 4), (1, 1, 2, 2), (5, 0, 7, 4)), n=100):
        assert 0 not in rows or 1 in rows
    assert [0, 1] in draws(scene(0, (0, 0, 6, 4), (1, 1, 2, 2), (5, 0, 7, 4)), n=100)


def test_rare_classes_are_chosen_more_often():
    """Weights of 3 and 1 have a mean of 2: probabilities of 3/4 and 1/4."""
    chosen = draws(scene(0, (0, 0, 2, 2), (4, 4, 6, 6), class_ids=[2, 1]), class_weights=[0, 1, 3])
    assert (
        260 < sum(0 in rows for rows in chosen) < 340
        and 60 < sum(1 in rows for rows in chosen) < 140
    )


def test_crowds_and_what_is_not_in_the_picture_are_never_chosen():
    picture = scene(0, (0, 0, 2, 2), (4, 4, 6, 6), (3, 3, 3, 3), class_ids=[-1, 1, 1])
    assert {tuple(rows) for rows in draws(picture, n=50)} == {(), (1,)}
