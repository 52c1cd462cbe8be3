"""Frames: run lengths moved from one size to another, against masks that are really resized."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.formats import rle
from fashion.formats.coco_rle import areas, coco_masks, coco_objects, objects_of_runs


def resized(mask, size_hw):
    """Nearest pixel, by indexing."""
    rows, columns = (
        [int((i + 0.5) * old / new) for i in range(new)] for old, new in zip(mask.shape, size_hw)
    )
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
        picture[0, 0] = True  # none may be empty
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
    assert (
        sorted(wrong) == [1, 2, 3]
        and "before pixel 1" in wrong[1]
        and "has 4" in wrong[2]
        and "not a whole number" in wrong[3]
    )
    assert [mask is None for mask in masks] == [False, True, True, True, False] and coco_mask.area(
        masks[4]
    ) == 1


def test_no_masks():
    assert coco_masks([], [], []) == ([], {})


def test_many_batches_are_one(monkeypatch):
    monkeypatch.setattr("fashion.formats.coco_rle._BATCH_BYTES", 8)
    masks, _ = coco_masks([b"1 1", b"2 1 4 1", b"3 2"] * 5, [(2, 2)] * 15, [(4, 4)] * 15)
    assert masks == coco_masks([b"1 1"], [(2, 2)], [(4, 4)])[0] + masks[1:] and len(masks) == 15
    assert coco_mask.area(masks).tolist() == [4, 8, 8] * 5


def test_areas_of_more_masks_than_a_byte_can_count():
    masks, _ = coco_masks([b"1 1", b"1 3", b"1 4"] * 200, [(2, 2)] * 600, [(2, 2)] * 600)
    assert areas(masks) == [1, 3, 4] * 200 and areas([]) == []


def test_box_and_area_by_hand():
    # 3 x 4 pixels: a dot; the last pixel of a column and the first of the next, which together
    # touch both borders; nothing left.
    objects, _ = coco_objects(
        [b"5 1", b"6 2", b"1 1"], [(3, 4), (3, 4), (4, 4)], [(3, 4), (3, 4), (1, 1)]
    )
    assert [fields["bbox"] for fields in objects] == [[1, 1, 1, 1], [1, 0, 2, 3], [0, 0, 0, 0]]
    assert [fields["area"] for fields in objects] == [1, 2, 0]


@pytest.mark.parametrize("seed", range(3))
def test_box_and_area_are_pycocotools(seed):
    rng = np.random.default_rng(seed)
    frames = rng.integers(1, 13, (200, 2))
    sizes = np.where(rng.random((200, 1)) < 0.3, frames, rng.integers(1, 25, (200, 2)))
    texts = [
        rle.encode(rng.random(frame) < rng.choice([0.1, 0.6, 1])).encode() or b"1 1"
        for frame in frames
    ]
    objects, _ = coco_objects(texts, frames, sizes)
    masks = [fields["segmentation"] for fields in objects]
    assert [fields["bbox"] for fields in objects] == coco_mask.toBbox(masks).tolist()
    assert [fields["area"] for fields in objects] == areas(masks)


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_every_length_are_packed_as_pycocotools_packs_them(seed):
    """Runs and gaps of 1 to 10 million pixels, whose growth has one to five characters, in photos
    too large to be decoded."""
    rng = np.random.default_rng(seed)
    lengths = (10 ** rng.uniform(0, 7, (40, 9))).astype(int)
    lengths[rng.random((40, 9)) < 0.1] = rng.choice(
        [15, 16, 17, 511, 512, 513, 16383, 16384, 16385, 524287, 524288, 524289]
    )
    lengths[:10, 0] = 0  # begins with a run
    edges = lengths.cumsum(axis=1)
    size = np.tile([10_000, 10_000], (40, 1))
    size[-10:] = [[1, edge] for edge in edges[-10:, 7]]  # ends with a run
    runs = edges[:, :8].reshape(-1, 2)
    objects = objects_of_runs(np.repeat(np.arange(40), 4), runs[:, 0], runs[:, 1], size, size)
    for row, fields, (height, width) in zip(lengths, objects, size.tolist()):
        counts = [*row[:8].tolist(), height * width - int(row[:8].sum())]
        expected = coco_mask.frPyObjects(
            {"size": [height, width], "counts": counts[: 9 if counts[8] else 8]}, height, width
        )
        assert fields["segmentation"] == {
            "size": [height, width],
            "counts": expected["counts"].decode(),
        }


def test_a_text_with_unusual_spaces_is_read_beside_a_wrong_one():
    objects, wrong = coco_objects([b"1\t2 ", b"9 9", b"1 1"], [(2, 2)] * 3, [(2, 2)] * 3)
    assert (
        list(wrong) == [1] and objects[1] is None and [objects[i]["area"] for i in (0, 2)] == [2, 1]
    )
