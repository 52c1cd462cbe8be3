"""Facts about the augmentation of clothes: it is mild, it mirrors, and it makes no label false."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import fashion
from fashion.augmentation import default_augmenter

LABELS = sorted((Path(fashion.__path__[0]) / "labels").glob("*.json"))


@pytest.fixture
def photo():
    """A gray photo (200, 100) with one red rectangle, which is the one mask."""
    masks = np.zeros((200, 100, 1), bool)
    masks[60:140, 30:50] = True
    image = np.full((200, 100, 3), 128, np.uint8)
    image[masks[:, :, 0]] = (200, 40, 40)
    return image, masks


def test_the_mask_stays_on_the_object(photo):
    augment = default_augmenter()
    for seed in range(20):
        image, masks = augment(*photo, np.random.default_rng(seed))
        red = image[:, :, 0].astype(int) - image[:, :, 1] > 40
        both, either = (red & masks[:, :, 0]).sum(), (red | masks[:, :, 0]).sum()
        assert both / either > 0.9


def test_half_of_the_photos_are_mirrored(photo):
    augment = default_augmenter()
    centers = [
        np.nonzero(augment(*photo, np.random.default_rng(s))[1])[1].mean() for s in range(100)
    ]
    assert 35 <= np.sum(np.array(centers) > 50) <= 65


def test_an_object_keeps_at_least_half_and_at_most_half_again_of_its_area(photo):
    augment = default_augmenter()
    ratios = [
        augment(*photo, np.random.default_rng(s))[1].sum() / photo[1].sum() for s in range(50)
    ]
    assert 0.8**2 * 0.95 < min(ratios) < 0.9 and 1.1 < max(ratios) < 1.2**2 * 1.05


def test_what_the_movement_uncovers_is_black_and_belongs_to_nobody():
    augment, uncovered = default_augmenter(), 0
    for seed in range(20):
        image, masks = np.full((128, 128, 3), 255, np.uint8), np.ones((128, 128, 1), bool)
        image, masks = augment(image, masks, np.random.default_rng(seed))
        assert (
            image[~masks[:, :, 0]] < image.max()
        ).all()  # half-covered border pixels are dark gray
        uncovered += (image == 0).all(axis=2).sum()
        assert not masks[(image == 0).all(axis=2)].any()
    assert uncovered > 0


def test_each_call_differs_and_the_same_rng_repeats(photo):
    augment, rng = default_augmenter(), np.random.default_rng(0)
    first, second = augment(*photo, rng)[0], augment(*photo, rng)[0]
    assert (first != second).any()
    np.testing.assert_array_equal(first, augment(*photo, np.random.default_rng(0))[0])


@pytest.mark.skipif(not LABELS, reason="the official label files are not in fashion/labels")
def test_no_official_name_says_left_or_right():
    for path in LABELS:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        assert not re.search(r"\b(left|right)\b", text, re.IGNORECASE), path.name


def test_black_padding_stays_black():
    augment = default_augmenter()
    for seed in range(20):
        image = np.zeros((96, 128, 3), np.uint8)
        image[:, 40:] = 100  # a photo beside its padding
        image, masks = augment(image, image[:, :, :1] > 0, np.random.default_rng(seed))
        beside = (
            cv2.dilate(masks.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
        )  # but for the blurred edge
        assert beside.mean() > 0.1 and (image[beside] == 0).all()
