"""Whatever is called an image becomes (H, W, 3) bytes."""

import numpy as np
import pytest

from mrcnn.drawing.photo import as_rgb


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        (np.full((2, 3, 3), 100, np.uint8), 100),
        (np.full((2, 3, 3), 100, np.int64), 100),
        (np.full((2, 3, 3), 300, np.int32), 255),
        (np.full((2, 3, 3), 99.6, np.float32), 100),
        (np.full((2, 3, 3), 0.2, np.float64), 51),
        (np.full((2, 3, 3), -3.0), 0),
        (np.full((2, 3), 100, np.uint8), 100),
        (np.full((2, 3, 1), 100, np.uint8), 100),
        (np.full((2, 3, 4), 100, np.uint8), 100),
        (np.ones((2, 3), bool), 255),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if hasattr(value, "dtype") else str(value),
)
def test_every_kind_of_image(image, pixel):
    rgb = as_rgb(image)
    assert rgb.shape == (2, 3, 3) and rgb.dtype == np.uint8 and (rgb == pixel).all()


def test_the_bytes_are_a_copy():
    image = np.zeros((2, 2, 3), np.uint8)
    as_rgb(image)[:] = 9
    assert (image == 0).all()


@pytest.mark.parametrize("shape", [(4,), (2, 4, 4, 3), (4, 4, 2), (0, 4, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match="An image is"):
        as_rgb(np.zeros(shape))
