"""Cut-outs and background crops: what is left, where it lies, and what stays with it."""

import dataclasses

import numpy as np
import pytest

from mrcnn.data.augmentation.cut_outs import (
    SHARES,
    BackgroundCrops,
    CutOuts,
    on_plain_ground,
)
from mrcnn.data.batches import training_batches
from mrcnn.data.sample import Sample


def scene(*boxes, size=(60, 40)):
    """A red image with green rectangles (y1, x1, y2, x2), numbered by the column gt_row."""
    image = np.zeros((*size, 3), np.uint8)
    image[:] = 200, 0, 0
    masks = np.zeros((*size, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
        image[y1:y2, x1:x2] = 0, 200, 0
    sample = Sample.from_dense(image, masks)
    return dataclasses.replace(sample, fields={"gt_row": np.arange(len(boxes))})


def test_an_object_is_laid_on_the_ground_at_its_place_and_size():
    sample = scene((10, 10, 20, 30))
    image, masks = on_plain_ground(
        sample.image, sample.masks, (40, 50), scale=0.5, corner=(3, 4), ground=np.array([9, 9, 9])
    )
    assert masks.boxes.tolist() == [[3, 4, 8, 14]]
    assert (image[3:8, 4:14] == [0, 200, 0]).all()
    image[3:8, 4:14] = 9
    assert (image == 9).all()  # nothing of the red surroundings is left


def test_what_lies_outside_the_canvas_is_cut_off():
    sample = scene((0, 0, 10, 10))
    _, masks = on_plain_ground(
        sample.image, sample.masks, (12, 12), scale=1.0, corner=(5, 8), ground=np.zeros(3)
    )
    assert masks.boxes.tolist() == [[5, 8, 12, 12]]


def test_a_cut_out_shows_one_object_with_its_parts_and_columns():
    # The second object is a part of the first; the third stands alone.
    sample = scene((10, 5, 30, 25), (12, 7, 16, 11), (40, 5, 55, 25))
    rows = set()
    for seed in range(30):
        cut = CutOuts(1.0).augment(sample, np.random.default_rng(seed))
        rows.add(tuple(cut.fields["gt_row"].tolist()))
        assert cut.image.shape == sample.image.shape and not (cut.image == [200, 0, 0]).all(2).any()
        y1, x1, y2, x2 = cut.masks.boxes[0]
        longer = max((y2 - y1) / 60, (x2 - x1) / 40)
        assert y1 >= 0 and x1 >= 0 and longer <= SHARES[1] + 0.03
        # Not too small to be learned, however much smaller it became: full_areas follow.
        assert (cut.masks.areas >= 0.5 * cut.full_areas).all()
    assert rows == {(0, 1), (1,), (2,)}


def test_a_background_crop_shows_no_object():
    sample = scene((0, 0, 30, 40))
    crop = BackgroundCrops(1.0).augment(sample, np.random.default_rng(0))
    assert (crop.image == [200, 0, 0]).all() and crop.image.shape == sample.image.shape
    assert len(crop.masks) == len(crop.class_ids) == len(crop.fields["gt_row"]) == 0


@pytest.mark.parametrize("augmenter", [CutOuts(1.0), BackgroundCrops(1.0)])
def test_where_it_cannot_be_done_the_sample_stays(augmenter):
    full = scene((0, 0, 60, 40))
    crowd = dataclasses.replace(full, class_ids=np.array([-1], np.int32))
    assert augmenter.augment(crowd, np.random.default_rng(0)) is crowd


def test_the_share_of_changed_images_is_the_probability():
    sample, rng = scene((10, 10, 20, 30)), np.random.default_rng(0)
    changed = sum(CutOuts(0.3).augment(sample, rng) is not sample for _ in range(300))
    assert 60 < changed < 120


def test_the_settings_reach_a_training(plain_config, shapes):
    dataset = shapes(2)
    counts = {}
    for name in ("CUT_OUTS", "BACKGROUND_CROPS"):
        for share in (0.0, 1.0):
            config = plain_config(IMAGES_PER_GPU=2, STEPS_PER_EPOCH=None, **{name: share})
            batch = training_batches(dataset, config)[0]
            counts[name, share] = (batch["gt_class_ids"] > 0).sum(axis=1).tolist()
    assert counts["CUT_OUTS", 0.0] == counts["BACKGROUND_CROPS", 0.0] == [2, 2]
    assert counts["CUT_OUTS", 1.0] == [1, 1] and sum(counts["BACKGROUND_CROPS", 1.0]) < 4
    with pytest.raises(ValueError, match="CUT_OUTS"):
        plain_config(CUT_OUTS=2)
