"""Label maps show the smallest object, and a batch is a function of seed and position."""

import numpy as np
import pytest

from fashion.evaluation.metrics.pixels import label_map
from fashion.semantic.label_maps import (
    LabelBatches,
    LabelledImages,
    labelled_image,
    paint,
    placement_of,
)
from fashion.semantic.losses import IGNORED
from mrcnn.data.masks.cropped import CroppedMasks


def windows(*pictures):
    """Of pictures as rows of text, '#' is the mask."""
    return CroppedMasks.from_dense(
        np.stack([[[c == "#" for c in row] for row in rows] for rows in pictures], axis=-1)
    )


WHOLE = [0, 0, 2, 4]


def test_the_smallest_object_is_painted_last():
    coat, pocket = ["####", "####"], ["....", ".##."]
    assert paint(windows(coat, pocket), np.array([8, 2]), [1, 2], WHOLE).tolist() == [
        [1, 1, 1, 1],
        [1, 2, 2, 1],
    ]
    assert paint(windows(pocket, coat), np.array([2, 8]), [2, 1], WHOLE).tolist() == [
        [1, 1, 1, 1],
        [1, 2, 2, 1],
    ]


def test_small_is_what_is_small_in_the_photo():
    """On the canvas both have two pixels."""
    a, b = ["##..", "...."], [".##.", "...."]
    assert paint(windows(a, b), np.array([90, 80]), [1, 2], WHOLE)[0].tolist() == [1, 2, 2, 0]
    assert paint(windows(a, b), np.array([80, 90]), [1, 2], WHOLE)[0].tolist() == [1, 1, 2, 0]


def test_of_equal_ones_the_later_is_painted_last():
    assert paint(windows(["##..", "...."], [".##.", "...."]), np.array([2, 2]), [1, 2], WHOLE)[
        0
    ].tolist() == [1, 2, 2, 0]


def test_the_border_is_ignored_and_nothing_is_background():
    empty = CroppedMasks([], np.zeros((0, 2)), (2, 4))
    assert paint(empty, np.zeros(0), [], [0, 1, 2, 3]).tolist() == [[IGNORED, 0, 0, IGNORED]] * 2


def test_a_tall_photo_fills_the_height(squares):
    """64 x 48 on 32 x 32 is 32 x 24, with four columns of border on each side."""
    image, labels = labelled_image(squares(1), 0, 32)
    assert (
        image.shape == (32, 32, 3)
        and (labels[:, 4:28] != IGNORED).all()
        and (labels[:, :4] == IGNORED).all()
    )
    assert (labels[:, 28:] == IGNORED).all() and (image[:, :4] == 0).all()
    assert (labels == 2).sum() == 16 and (labels == 1).sum() == 256 - 16


def test_it_is_the_same_as_painting_the_photo_and_shrinking_it(sample_folder, ontology, validation):
    """`fashion.evaluation.metrics.pixels` paints COCO's masks at full size, by the same rule."""
    truth = validation.to_coco()
    label_of = {category["id"]: k for k, category in enumerate(truth["categories"], start=1)}
    for image_id in map(int, validation.image_ids):
        rows = [row for row in truth["annotations"] if row["image_id"] == image_id]
        placement = placement_of(validation, image_id, 64)
        full = label_map(rows, label_of, placement.original_hw)
        y, x = placement.source_indices()
        y1, x1, y2, x2 = placement.window.astype(int)
        _, labels = labelled_image(validation, image_id, 64)
        assert np.array_equal(labels[y1:y2, x1:x2], full[np.ix_(y, x)])


def test_canvases_are_made_once_while_there_is_room(squares, monkeypatch):
    asked, data = [], squares(3)
    monkeypatch.setattr(
        type(data), "load_image", lambda self, i: asked.append(i) or np.zeros((64, 48, 3), np.uint8)
    )
    photos = LabelledImages(data, 32, memory=2 * 4 * 32**2)
    for _ in range(2):
        for index in range(3):
            assert photos[index][1].shape == (32, 32)
    assert asked == [0, 1, 2, 2]


def test_pixels_of_each_class_and_of_the_photos_that_have_it(squares):
    pixels, image_pixels = LabelledImages(squares(2), 32).frequencies()
    assert (
        pixels.tolist() == [2 * (32 * 24 - 256), 2 * 240, 2 * 16]
        and image_pixels.tolist() == [2 * 32 * 24] * 3
    )


def test_a_photo_that_fails_is_named(squares):
    data = squares(1)
    data.image_info[0]["path"] = "broken.jpg"
    data.load_objects = lambda image_id: 1 / 0
    with pytest.raises(RuntimeError, match="broken.jpg' could not be prepared"):
        labelled_image(data, 0, 32)


def test_more_categories_than_labels_are_refused(squares):
    data = squares(1)
    data.num_classes = 256
    with pytest.raises(ValueError, match="254 categories at most. The data set has 255"):
        LabelledImages(data, 32)


PLAIN = ((0, 0, 0), (1, 1, 1))


@pytest.fixture(scope="module")
def photos(squares):
    return LabelledImages(squares(5), 32)


def test_the_same_position_is_the_same_batch(photos):
    a, b = (LabelBatches(photos, 2, PLAIN, seed=3) for _ in range(2))
    b.epoch = 1
    b[2]
    b.epoch = 0
    for index in (2, 0, 1):
        assert all(np.array_equal(x, y) for x, y in zip(a[index], b[index]))
    assert not np.array_equal(a[0][0], LabelBatches(photos, 2, PLAIN, seed=4)[0][0])


def test_another_epoch_goes_on_where_the_last_one_ended(photos):
    """Three batches of two make an epoch, of five photos: the sixth place is the second round's
    first.
    """
    batches = LabelBatches(photos, 2, PLAIN, seed=0)
    assert len(batches) == 3
    seen = []
    for batches.epoch in range(5):
        for index in range(3):
            seen += [
                min(tuple(labels.ravel()), tuple(labels[:, ::-1].ravel()))
                for labels in batches[index][1]
            ]
    assert len({*seen}) == 5 and all(
        sorted(seen[i : i + 5]) == sorted({*seen}) for i in range(0, 30, 5)
    )


def test_threads_make_the_same_batches(photos):
    alone, ahead = (LabelBatches(photos, 2, PLAIN, seed=3, workers=workers) for workers in (1, 3))
    for batches in (alone, ahead):
        batches.epoch = 1
        batches.on_epoch_begin()
    assert all(
        np.array_equal(x, y) for index in range(3) for x, y in zip(alone[index], ahead[index])
    )
    ahead.close()


def test_a_turned_photo_has_turned_labels(photos):
    batches = LabelBatches(photos, 5, PLAIN, seed=1)
    plain = {photos[i][1].tobytes(): photos[i][0] for i in range(5)}
    turned = {
        np.ascontiguousarray(labels[:, ::-1]).tobytes(): image[:, ::-1]
        for labels, image in (
            (np.frombuffer(key, np.uint8).reshape(32, 32), image) for key, image in plain.items()
        )
    }
    kinds = []
    for image, labels in zip(*batches[0]):
        kinds.append(labels.tobytes() in plain)
        assert np.array_equal(image, (plain | turned)[labels.tobytes()])
    assert len(set(kinds)) == 2  # some were, some were not


def test_pixels_are_normalised(photos):
    images, _ = LabelBatches(photos, 1, ((10, 20, 30), (2, 4, 5)))[0]
    assert images.dtype == np.float32 and np.allclose(
        images[0], (photos[0][0] - np.float32([10, 20, 30])) / [2, 4, 5]
    )


def test_validation_shows_each_photo_once_in_order_and_fills_up_with_nothing(photos):
    batches = LabelBatches(photos, 2, PLAIN)
    labels = np.concatenate([batches[i][1] for i in range(len(batches))])
    assert (
        np.array_equal(labels[:5], [photos[i][1] for i in range(5)])
        and (labels[5] == IGNORED).all()
    )


def test_no_photos_are_refused(squares):
    with pytest.raises(ValueError, match="holds no photos"):
        LabelBatches(LabelledImages(squares(0), 32), 2, PLAIN)
