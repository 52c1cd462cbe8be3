"""Batches: a function of seed and position, every photo once, turned together with its labels."""

import numpy as np
import pytest

from fashion.semantic.batches import LabelBatches
from fashion.semantic.label_maps import LabelledPhotos
from fashion.semantic.losses import IGNORED

PLAIN = ((0, 0, 0), (1, 1, 1))


@pytest.fixture(scope="module")
def photos(squares):
    return LabelledPhotos(squares(5), 32)


def test_the_same_position_is_the_same_batch(photos):
    a, b = (LabelBatches(photos, 2, PLAIN, seed=3) for _ in range(2))
    b.epoch = 1
    b[2]
    b.epoch = 0
    for index in (2, 0, 1):
        assert all(np.array_equal(x, y) for x, y in zip(a[index], b[index]))
    assert not np.array_equal(a[0][0], LabelBatches(photos, 2, PLAIN, seed=4)[0][0])


def test_another_epoch_goes_on_where_the_last_one_ended(photos):
    """Three batches of two make an epoch, of five photos: the sixth place is the second round's first."""
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
        LabelBatches(LabelledPhotos(squares(0), 32), 2, PLAIN)
