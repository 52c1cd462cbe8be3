"""Predictor: any number of photos of any size, the same answer in any company, one photo in memory."""
import gc
import weakref

import numpy as np
import pytest

from mrcnn.inference.predict import _bucket, full_masks


def photos_of(*sizes):
    return [np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8) for i, size in enumerate(sizes)]


PHOTOS = photos_of((70, 50), (64, 64), (200, 90), (33, 120), (64, 30))


def test_a_result_does_not_depend_on_the_other_photos(predictor):
    """Five photos are two batches and a half; each alone is half a batch."""
    together = predictor(PHOTOS)
    assert len(together) == 5 and min(len(result["scores"]) for result in together) > 0
    for photo, result in zip(PHOTOS, together):
        alone, = predictor([photo])
        assert alone.keys() == result.keys() and alone["image_hw"] == photo.shape[:2]
        for name in ("rois", "boxes", "class_ids", "scores", "mask_probabilities"):
            np.testing.assert_allclose(alone[name], result[name], rtol=1e-3, atol=1e-3)


def test_detections_lie_in_the_photo_best_first(predictor):
    for photo, result in zip(PHOTOS, predictor(PHOTOS)):
        n = len(result["scores"])
        assert result["rois"].shape == result["boxes"].shape == (n, 4) and result["mask_probabilities"].shape == (n, 28, 28)
        assert (result["boxes"] >= 0).all() and (result["boxes"][:, 2:] <= photo.shape[:2]).all()
        assert (np.diff(result["scores"]) <= 0).all() and set(result["class_ids"]) <= {1, 2}
        assert result["mask_probabilities"].min() >= 0 and result["mask_probabilities"].max() <= 1
        assert all(value.flags.writeable for value in result.values() if isinstance(value, np.ndarray))


def test_the_steps_together_say_what_the_network_says(predictor):
    """The two compiled steps, cut to a bucket, against one call of the detector."""
    config, photo = predictor.config, PHOTOS[1]
    images = (np.stack([photo, photo]).astype(np.float32) - config.MEAN_PIXEL) / config.PIXEL_STD
    windows = np.tile(np.float32([0, 0, 64, 64]), (2, 1))
    whole = {name: np.asarray(value) for name, value in predictor.detector({"images": images, "windows": windows}).items()}
    found = predictor.detect_molded(images, windows)
    rows = found["valid"].shape[1]
    assert found["valid"].any() and (found["valid"] == whole["valid"][:, :rows]).all() and not whole["valid"][:, rows:].any()
    real = found["valid"]
    np.testing.assert_allclose(found["boxes"][real], whole["boxes"][:, :rows][real], atol=1e-2)
    np.testing.assert_allclose(found["masks" if "masks" in found else "mask_probabilities"][real],
                               whole["mask_probabilities"][:, :rows][real], atol=1e-3)


def test_no_photos_give_no_results(predictor):
    assert predictor([]) == []


class Photos:
    """An iterable that counts how many of its photos are alive whenever it is asked for the next."""

    def __init__(self, count):
        self.count, self.alive = count, []

    def __iter__(self):
        born = []
        for i in range(self.count):
            gc.collect()
            self.alive.append(sum(reference() is not None for reference in born))
            photo = np.full((90, 60, 3), i, np.uint8)
            born.append(weakref.ref(photo))
            yield photo
            del photo


def test_a_stream_holds_one_photo_at_a_time(predictor):
    photos = Photos(5)
    assert len(list(predictor.stream(photos))) == 5
    assert photos.alive == [0] * 5


def test_a_stream_starts_before_its_photos_end(predictor):
    def endless():
        while True:
            yield PHOTOS[0]

    stream = predictor.stream(endless())
    assert next(stream)["image_hw"] == next(stream)["image_hw"] == (70, 50)


def test_a_bad_photo_is_named_by_its_number(predictor):
    with pytest.raises(ValueError, match="Photo 2 must be an array"):
        predictor([*PHOTOS[:2], PHOTOS[2] / 255])


def test_full_masks_are_as_large_as_the_photo():
    result = {"mask_probabilities": np.ones((2, 28, 28), np.float32), "boxes": np.float32([[2, 3, 8, 9], [0, 0, 20, 10]]),
              "image_hw": (20, 10)}
    masks = full_masks(result)
    assert masks.shape == (20, 10, 2) and masks.dtype == bool
    assert masks[:, :, 0].sum() == 36 and masks[2:8, 3:9, 0].all() and masks[:, :, 1].all()
    nothing = {name: value[:0] for name, value in result.items() if name != "image_hw"} | {"image_hw": (20, 10)}
    assert full_masks(nothing).shape == (20, 10, 0)


@pytest.mark.parametrize("count, size", [(0, 4), (4, 4), (5, 10), (10, 10)])
def test_the_smallest_bucket_that_holds_all_is_taken(predictor, count, size):
    assert _bucket(count, predictor.config) == size
