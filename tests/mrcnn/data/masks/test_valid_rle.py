"""Sound masks: what pycocotools packed is sound and has its area; what was damaged is not."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from mrcnn.data.masks import valid_rle
from mrcnn.data.masks.coco_rle import pack, unpack
from mrcnn.data.masks.valid_rle import valid_areas


def packed(counts, size=(2, 3)):
    return {"size": list(size), "counts": pack(np.array(counts))}


def random_masks(rng, count=300):
    """Of many sizes, from empty to full, from smooth to noise."""
    for _ in range(count):
        height, width = rng.integers(1, 90, 2)
        mask = np.zeros((height, width), np.uint8)
        mask[rng.integers(0, height) :, rng.integers(0, width) :] = 1
        mask[rng.random(mask.shape) < rng.choice([0, 0, 0.01, 0.5])] ^= 1
        rle = coco_mask.encode(np.asfortranarray(mask * rng.choice([0, 1, 1, 1]).astype(np.uint8)))
        yield {"size": rle["size"], "counts": rle["counts"].decode()}


@pytest.mark.parametrize("batch", [1, 50, 1 << 18])
def test_areas_are_pycocotools(monkeypatch, batch):
    monkeypatch.setattr(valid_rle, "_BATCH_BYTES", batch)
    masks = list(random_masks(np.random.default_rng(0)))
    assert valid_areas(masks).tolist() == [int(coco_mask.area(mask)) for mask in masks]


def test_by_hand():
    masks = [
        packed([0, 3, 3]),
        packed([6]),
        packed([0, 6]),
        packed([1, 1, 1, 1, 2]),
        packed([1, 0, 0, 5]),
    ]
    assert valid_areas(masks).tolist() == [3, 0, 6, 2, 5]
    assert valid_areas([]).tolist() == []
    assert valid_areas([packed([10**8, 3 * 10**8, 0], (20000, 20000))]).tolist() == [3 * 10**8]


@pytest.mark.parametrize(
    "mask",
    [
        packed([0, 3, 2]),
        packed([0, 3, 4]),
        packed([7, -1]),
        packed([-1, 7]),
        packed([0, 2, 8, -4]),
        packed([5, 1, -2, 1, 1]),
        packed([2**32 - 1, 7]),
        packed([0, 3, 3 + 2**32]),
        packed([0, 2**40]),
        *(
            {"size": [2, 3], "counts": text}
            for text in ("", "!!", "0", "o", "oooooooo", "06\n", "060000P", "~~~", "06 ")
        ),
    ],
)
def test_what_is_damaged_is_told_from_its_sound_neighbours(mask):
    sound = packed([1, 2, 3])
    assert valid_areas([sound, mask, sound]).tolist() == [2, -1, 2]
    assert valid_areas([mask, mask, sound, mask]).tolist() == [-1, -1, 2, -1]


def test_a_mask_that_was_cut_off_or_changed_is_sound_only_where_its_counts_say_so():
    rng = np.random.default_rng(1)
    masks = []
    for mask in random_masks(rng, 200):
        text = mask["counts"]
        for _ in range(4):
            place = rng.integers(len(text))
            masks.append(
                mask | {"counts": text[:place] + chr(rng.integers(48, 112)) + text[place + 1 :]}
            )
            masks.append(mask | {"counts": text[:place]})
    areas = valid_areas(masks)
    for mask, area in zip(masks, areas.tolist()):
        whole = mask["counts"] and ord(mask["counts"][-1]) - 48 < 32
        counts = unpack(mask["counts"]) if whole else np.zeros(0, np.int64)
        sound = whole and (counts >= 0).all() and counts.sum() == np.prod(mask["size"])
        assert area == (counts[1::2].sum() if sound else -1)
    assert (areas < 0).sum() > 1000
