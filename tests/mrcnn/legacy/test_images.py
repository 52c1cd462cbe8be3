"""What detect takes besides photos: arrays that were photos once."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.legacy.images import (
    MINUS_ONE_TO_ONE,
    MOLDED,
    ZERO_TO_ONE,
    as_images,
    log,
    mold_image,
    unmold_image,
)

BACKBONES = ["resnet50", "resnext50_32x4d", "efficientnet_lite0", "efficientnetv2_s"]


def config(backbone="resnet50", **settings):
    return type("Mine", (Config,), {"BACKBONE": backbone} | settings)()


@pytest.fixture
def photo():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    image[:2] = 0
    return image


def assert_back(images, settings, photo, assumption):
    photos, assumed = as_images(images, settings)
    assert len(photos) == 1 and photos[0].dtype == np.uint8
    np.testing.assert_array_equal(photos[0], photo)
    assert list(assumed) == ([assumption] if assumption else [])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_molded_image_comes_back_to_the_bit(backbone, photo):
    mine = config(backbone)
    assert_back([mold_image(photo, mine)], mine, photo, MOLDED)
    assert_back(np.expand_dims(mold_image(photo, mine), 0), mine, photo, MOLDED)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("level", [60, 124, 250])
def test_a_molded_image_of_one_grey_comes_back_too(backbone, level):
    mine, photo = config(backbone), np.full((20, 30, 3), level, np.uint8)
    assert_back([mold_image(photo, mine)], mine, photo, MOLDED)


def test_a_molded_image_that_was_resized_is_known_by_its_range(photo):
    mine = config()
    molded = mold_image(photo, mine)
    between = (molded[:, :-1] + molded[:, 1:]) / 2
    photos, assumed = as_images([between], mine)
    assert (
        list(assumed) == [MOLDED]
        and abs(photos[0].astype(float) - (between + mine.MEAN_PIXEL)).max() <= 0.51
    )


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_from_0_to_1_are_multiplied(backbone, dtype, photo):
    assert_back([(photo / 255).astype(dtype)], config(backbone), photo, ZERO_TO_ONE)


def test_black_and_white_of_0_and_1_is_black_and_white():
    image = np.zeros((4, 4, 3), np.float32)
    image[2:] = 1
    assert_back([image], config(), (image * 255).astype(np.uint8), ZERO_TO_ONE)


def test_numbers_from_minus_1_to_1_are_scaled(photo):
    assert_back([(photo / 127.5 - 1).astype(np.float32)], config(), photo, MINUS_ONE_TO_ONE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_a_photo_of_another_type_is_no_guess(dtype, photo):
    assert_back([photo.astype(dtype)], config(), photo, None)
    assert_back([np.zeros((4, 4, 3), dtype)], config(), np.zeros((4, 4, 3)), None)


def test_a_batch_of_one_in_a_list_is_a_photo(photo):
    assert_back([photo[None]], config(), photo, None)


def test_other_channels_are_turned_back_too():
    mine = config(IMAGE_CHANNEL_COUNT=4, MEAN_PIXEL=[10, 20, 30, 40])
    image = np.random.default_rng(0).integers(0, 256, (5, 5, 4), dtype=np.uint8) * np.uint8(1)
    assert_back([image.astype(np.float32) / 255], mine, image, ZERO_TO_ONE)


@pytest.mark.parametrize(
    ("image", "help"),
    [
        (np.full((4, 4, 3), np.nan, np.float32), "from nan"),
        (
            np.linspace(-3, 3, 48, dtype=np.float32).reshape(4, 4, 3),
            "before mold_image or another normalization",
        ),
        (np.full((4, 4, 3), 300.5, np.float32), "from 300.5"),
        (np.full((2, 4, 4, 3), 3, np.uint8), r"\(2, 4, 4, 3\)"),
        ("photo.jpg", "Got <class .str.>"),
    ],
)
def test_what_was_no_photo_is_refused_by_its_place(image, help, photo):
    with pytest.raises(ValueError, match="Photo 1 must be .*" + help):
        as_images([photo, image], config())


def test_a_photo_without_a_list_is_told_to_be_one(photo):
    with pytest.raises(ValueError, match=r"detect\(\[image\]\)"):
        as_images(photo, config())


def test_each_assumption_names_the_first_photo_that_it_is_made_of(photo):
    assert as_images([photo, photo / 255, photo, photo / 255], config())[1] == {ZERO_TO_ONE: 1}


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


def test_a_line_shows_shape_range_and_type(capsys):
    log("image", np.array([[1, 5]], np.uint8))
    log("nothing", np.zeros((0, 4)))
    log("only words")
    image, nothing, words = capsys.readouterr().out.splitlines()
    assert "(1, 2)" in image and "1.0" in image and "5.0" in image and "uint8" in image
    assert "(0, 4)" in nothing and "empty" in nothing and words == "only words"
