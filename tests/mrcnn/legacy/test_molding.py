"""Pixels to network input and back."""

import numpy as np

from mrcnn.config import Config
from mrcnn.legacy.molding import mold_image, unmold_image


def test_the_mean_is_subtracted():
    molded = mold_image(np.full((1, 2, 3), 200, np.uint8), Config())
    np.testing.assert_allclose(molded[0, 0], [200 - 123.7, 200 - 116.8, 200 - 103.9], atol=1e-5)
    assert molded.dtype == np.float32


def test_every_pixel_value_comes_back():
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for backbone in ("resnet50", "efficientnet_lite0"):  # the second divides, too
        config = Config.from_dict({"BACKBONE": backbone})
        np.testing.assert_array_equal(unmold_image(mold_image(pixels, config), config), pixels)


def test_what_is_no_pixel_value_becomes_the_nearest():
    assert unmold_image(np.float32([[[-500, 0.3, 500]]]), Config()).tolist() == [[[0, 117, 255]]]
