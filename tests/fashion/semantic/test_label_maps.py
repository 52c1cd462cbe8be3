"""Label maps: painting by hand, the border, and that no photo is done twice."""

import numpy as np
import pytest

from fashion.evaluation.metrics.pixels import label_map
from fashion.semantic.label_maps import LabelledPhotos, labelled_photo, paint, placement_of
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
    image, labels = labelled_photo(squares(1), 0, 32)
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
        y, x = placement.shown()
        y1, x1, y2, x2 = placement.window.astype(int)
        _, labels = labelled_photo(validation, image_id, 64)
        assert np.array_equal(labels[y1:y2, x1:x2], full[np.ix_(y, x)])


def test_canvases_are_made_once_while_there_is_room(squares, monkeypatch):
    asked, data = [], squares(3)
    monkeypatch.setattr(
        type(data), "load_image", lambda self, i: asked.append(i) or np.zeros((64, 48, 3), np.uint8)
    )
    photos = LabelledPhotos(data, 32, memory=2 * 4 * 32**2)
    for _ in range(2):
        for index in range(3):
            assert photos[index][1].shape == (32, 32)
    assert asked == [0, 1, 2, 2]


def test_pixels_of_each_class_and_of_the_photos_that_have_it(squares):
    pixels, photo_pixels = LabelledPhotos(squares(2), 32).frequencies()
    assert (
        pixels.tolist() == [2 * (32 * 24 - 256), 2 * 240, 2 * 16]
        and photo_pixels.tolist() == [2 * 32 * 24] * 3
    )


def test_a_photo_that_fails_is_named(squares):
    data = squares(1)
    data.image_info[0]["path"] = "broken.jpg"
    data.load_objects = lambda image_id: 1 / 0
    with pytest.raises(RuntimeError, match="broken.jpg' could not be prepared"):
        labelled_photo(data, 0, 32)


def test_more_categories_than_labels_are_refused(squares):
    data = squares(1)
    data.num_classes = 256
    with pytest.raises(ValueError, match="254 categories at most. The data set has 255"):
        LabelledPhotos(data, 32)
