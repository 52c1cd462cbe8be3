"""Segmenter: what a network says of every pixel, counted over a data set."""

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from fashion.semantic.label_maps import LabelBatches, LabelledImages
from fashion.semantic.segmenter import Segmenter, instances_of
from mrcnn.data.placement import Placement
from mrcnn.data.resize import make_placement

PIXELS = ((120, 120, 120), (60, 60, 60))


@pytest.fixture(scope="module")
def photos(squares):
    return LabelledImages(squares(5), 32)


@pytest.mark.slow
def test_pixels_are_counted_once_over_all_batches(photos, tiny_network):
    """Whatever the batch size; the border, and what fills the last batch, does not count."""
    model = tiny_network()
    segmenter = Segmenter(model)
    counts = [segmenter.count(LabelBatches(photos, size, PIXELS)) for size in (2, 5)]
    assert np.array_equal(*counts) and counts[0].sum() == 5 * 32 * 24
    assert counts[0].sum(axis=1).tolist() == [5 * (32 * 24 - 256), 5 * 240, 5 * 16]


def test_a_label_comes_with_its_probability(photos, tiny_network):
    model = tiny_network()
    images, _ = LabelBatches(photos, 2, PIXELS)[0]
    labels, probabilities = Segmenter(model)(images)
    logits = np.asarray(model(images))
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    assert np.array_equal(labels, logits.argmax(axis=-1)) and np.allclose(
        probabilities, shares.max(axis=-1), atol=1e-5
    )


#            two coats that touch at a corner are one; the hat is another; the lone pixel of it is
# too small
LABELS = np.array(
    [
        [1, 1, 0, 0, 0, 2],
        [1, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 2, 2],
        [0, 0, 0, 0, 2, 2],
        [3, 0, 0, 0, 0, 0],
        [3, 3, 0, 0, 0, 0],
    ],
    np.uint8,
)
SAME = Placement((6, 6), (6, 6), (0, 0), (6, 6))


def found(labels=LABELS, placement=SAME, probabilities=None, least=2 / 36):
    return instances_of(
        labels,
        np.full(labels.shape, 0.5) if probabilities is None else probabilities,
        placement,
        min_share=least,
    )


def test_each_connected_part_of_a_category_is_an_object():
    rows = found()
    assert [row["class_id"] for row in rows] == [1, 2, 3] and [row["bbox"] for row in rows] == [
        [0, 0, 3, 3],
        [4, 2, 2, 2],
        [0, 4, 2, 2],
    ]
    assert np.array_equal(coco_mask.decode(rows[0]["segmentation"]), LABELS == 1)
    assert coco_mask.area([row["segmentation"] for row in rows]).tolist() == [5, 4, 3]


def test_small_parts_are_dropped():
    assert [row["class_id"] for row in found(least=0)] == [1, 2, 2, 3]
    assert [row["class_id"] for row in found(least=4 / 36)] == [1, 2]


def test_the_score_is_the_mean_probability_of_its_pixels():
    probabilities = np.full((6, 6), 0.1)
    probabilities[2:4, 4:6] = [[0.5, 0.7], [0.9, 0.7]]
    assert found(probabilities=probabilities)[1]["score"] == pytest.approx(0.7)


def test_objects_come_back_to_the_photo():
    """A photo of 12 x 6 lies on 6 x 3 of the canvas, from column 1: each pixel of the canvas is two
    by two of the photo's.
    """
    labels = np.zeros((6, 6), np.uint8)
    labels[1:3, 2:4] = 7
    labels[0, 5] = 7  # beside the photo
    (row,) = found(labels, Placement((12, 6), (6, 3), (0, 1), (6, 6)), least=0)
    expected = np.zeros((12, 6), bool)
    expected[2:6, 2:6] = True
    assert np.array_equal(coco_mask.decode(row["segmentation"]), expected) and row["bbox"] == [
        2,
        2,
        4,
        4,
    ]


def test_a_label_map_at_any_size_is_each_pixel_under_the_photos_pixel():
    """All parts of all categories together are the label map, enlarged to the nearest pixel."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (32, 32)).astype(np.uint8)
    for photo_hw in ((50, 37), (20, 31), (32, 32)):
        placement = make_placement(photo_hw, (32, 32), "portrait")
        y, x = (
            np.floor((np.arange(n) + 0.5) * size / n).astype(int) + corner
            for n, size, corner in zip(photo_hw, placement.size_hw, placement.corner)
        )
        enlarged = labels[np.ix_(y, x)]
        for class_id in (1, 2):
            parts = [
                coco_mask.decode(row["segmentation"])
                for row in found(labels, placement, least=0)
                if row["class_id"] == class_id
            ]
            assert np.array_equal(np.sum(parts, axis=0), enlarged == class_id)


def test_a_map_of_background_has_no_objects():
    assert found(np.zeros((6, 6), np.uint8)) == []
