"""Molding: what goes in, and the way back to the photo's pixels."""

import numpy as np
import pytest

from mrcnn.inference.preprocessing import postprocess, preprocess


@pytest.fixture(scope="module")
def config(plain_config):
    return plain_config(MEAN_PIXEL=[10, 20, 30], PIXEL_STD=[2, 2, 2])


def test_pixels_are_normalised_and_the_border_is_black(config):
    image, placement = preprocess(np.full((64, 32, 3), (12, 24, 36), np.uint8), config)
    assert (
        image.shape == (64, 64, 3)
        and image.dtype == np.float32
        and placement.window.tolist() == [0, 16, 64, 48]
    )
    assert image[30, 30].tolist() == [1, 2, 3] and image[30, 5].tolist() == [-5, -10, -15]


def test_unmold_undoes_mold(config):
    """A box around the whole photo, and one by hand: a photo of 128 x 64 lies at half size in the
    columns 16 to 48.
    """
    _, placement = preprocess(np.zeros((128, 64, 3), np.uint8), config)
    found = {
        "boxes": np.float32([[0, 16, 64, 48], [10, 20, 30, 40], [0, 0, 0, 0]]),
        "valid": np.array([True, True, False]),
        "class_ids": np.int32([2, 1, 0]),
        "scores": np.float32([0.9, 0.5, 0]),
    }
    result = postprocess(found, placement)
    assert (
        result["rois"].tolist() == [[0, 0, 128, 64], [20, 8, 60, 48]]
        and result["rois"].dtype == np.int32
    )
    assert (
        result["boxes"].tolist() == [[0, 0, 128, 64], [20, 8, 60, 48]]
        and result["boxes"].dtype == np.float32
    )
    assert (
        result["image_hw"] == (128, 64)
        and result["class_ids"].tolist() == [2, 1]
        and "valid" not in result
    )


def test_results_are_copies_that_may_be_written_to(config):
    _, placement = preprocess(np.zeros((64, 64, 3), np.uint8), config)
    scores = np.float32([0.9])
    scores.flags.writeable = False
    result = postprocess(
        {"boxes": np.float32([[0, 0, 9, 9]]), "valid": np.array([True]), "scores": scores},
        placement,
    )
    for name in ("rois", "boxes", "scores"):
        result[name][0] = 0


@pytest.mark.parametrize(
    "photo", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), "photo.jpg", None]
)
def test_other_things_than_rgb_photos_are_refused(config, photo):
    with pytest.raises(
        ValueError,
        match=r"Photo 3 must be an array \(height, width, 3\) of uint8.*convert\('RGB'\)",
    ):
        preprocess(photo, config, name="Photo 3")


@pytest.mark.parametrize(
    ("numbers", "help"),
    [((0.0, 0.5), "multiply fractions by 255"), ((-99.0, 120.0), "before mold_image")],
)
def test_photos_that_were_scaled_are_told_how_to_come_back(config, numbers, help):
    with pytest.raises(ValueError, match="Photo 3 must be .*" + help):
        preprocess(np.resize(np.float32(numbers), (9, 9, 3)), config, name="Photo 3")
