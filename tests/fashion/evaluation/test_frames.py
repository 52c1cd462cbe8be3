"""Frames: run lengths moved from one size to another, against masks that are really resized."""
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion import rle
from fashion.evaluation.frames import areas, coco_masks


def resized(mask, size_hw):
    """Nearest pixel, by indexing."""
    rows, columns = ([int((i + 0.5) * old / new) for i in range(new)] for old, new in zip(mask.shape, size_hw))
    return mask[rows][:, columns]


def test_a_mask_of_the_same_size_stays_as_it_is():
    masks, wrong = coco_masks([b"1 2 5 1"], [(2, 3)], [(2, 3)])
    assert coco_mask.decode(masks[0]).tolist() == [[1, 0, 1], [1, 0, 0]] and wrong == {}
    assert masks[0] == rle.to_coco("1 2 5 1", (2, 3))


def test_twice_the_size_by_hand():
    masks, _ = coco_masks([b"1 1"], [(1, 2)], [(2, 4)])
    assert coco_mask.decode(masks[0]).tolist() == [[1, 1, 0, 0]] * 2


@pytest.mark.parametrize("seed", range(3))
def test_moving_runs_is_resizing_to_the_nearest_pixel(seed):
    rng = np.random.default_rng(seed)
    frames = rng.integers(1, 13, (60, 2))
    sizes = np.where(rng.random((60, 1)) < 0.3, frames, rng.integers(1, 25, (60, 2)))
    pictures = [rng.random(frame) < rng.choice([0.2, 0.6, 1]) for frame in frames]
    for picture in pictures:
        picture[0, 0] = True   # none may be empty
    masks, wrong = coco_masks([rle.encode(picture).encode() for picture in pictures], frames, sizes)
    assert not wrong
    for picture, size, mask in zip(pictures, sizes, masks):
        assert np.array_equal(coco_mask.decode(mask), resized(picture, size))
        assert mask == rle.to_coco(rle.encode(resized(picture, size)), size)


def test_a_mask_may_lose_all_its_pixels():
    masks, _ = coco_masks([b"1 1", b"1 16"], [(4, 4)] * 2, [(1, 1)] * 2)
    assert coco_mask.area(masks).tolist() == [0, 1]


def test_wrong_run_lengths_are_named_and_do_no_harm_to_their_neighbours():
    masks, wrong = coco_masks([b"1 4", b"0 1", b"4 2", b"1 x", b"2  1"], [(2, 2)] * 5, [(2, 2)] * 5)
    assert sorted(wrong) == [1, 2, 3] and "before pixel 1" in wrong[1] and "has 4" in wrong[2] and "not a whole number" in wrong[3]
    assert [mask is None for mask in masks] == [False, True, True, True, False] and coco_mask.area(masks[4]) == 1


def test_no_masks():
    assert coco_masks([], [], []) == ([], {})


def test_many_batches_are_one(monkeypatch):
    monkeypatch.setattr("fashion.evaluation.frames._BATCH_BYTES", 8)
    masks, _ = coco_masks([b"1 1", b"2 1 4 1", b"3 2"] * 5, [(2, 2)] * 15, [(4, 4)] * 15)
    assert masks == coco_masks([b"1 1"], [(2, 2)], [(4, 4)])[0] + masks[1:] and len(masks) == 15
    assert coco_mask.area(masks).tolist() == [4, 8, 8] * 5


def test_areas_of_more_masks_than_a_byte_can_count():
    masks, _ = coco_masks([b"1 1", b"1 3", b"1 4"] * 200, [(2, 2)] * 600, [(2, 2)] * 600)
    assert areas(masks) == [1, 3, 4] * 200 and areas([]) == []
